"""Models that think although they are asked not to. Pure."""

from __future__ import annotations

from engine.core.errors import ModelError
from engine.core.run.prediction import Usage

_OPEN, _CLOSED = "<think>", "<think>\n\n</think>\n\n"


def with_thinking_closed(prompt: str) -> str:
    """Close a thinking that a chat template opens at the end of its prompt, so that the answer comes next.

    R1's distillations, QwQ and Qwen3's Thinking models open it whatever they are told. It is closed as Qwen3's own
    template does where thinking is switched off (`tokenizer_config.json` of https://huggingface.co/Qwen/Qwen3-0.6B).
    """
    bare = prompt.rstrip()
    return bare.removesuffix(_OPEN) + _CLOSED if bare.endswith(_OPEN) else prompt


def refuse_thinking_alone(host: str, *, text: str, thinking: str, cut_off: bool, usage: Usage | None = None) -> None:
    """Refuse what is no answer: a model thought, and wrote nothing else.

    Args:
        host: where it is.
        text: of the answer.
        thinking: what it thought.
        cut_off: it had reached the longest answer that was asked for.
        usage: the tokens that it took all the same.

    Raises:
        ModelError: the answer is empty after thinking. Asking again changes nothing.
    """
    if text.strip() or not thinking.strip():
        return
    said = "thought until its room for the answer was used up" if cut_off else "thought, and ended without an answer"
    more = ", or allow more tokens" if cut_off else ""
    error = ModelError(
        f"The model at {host} {said}.",
        f"Choose a model whose thinking can be switched off{more}.",
    )
    error.usage = usage
    raise error
