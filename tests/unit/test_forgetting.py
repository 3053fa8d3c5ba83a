"""Labels are searched with models that can forget the end of a sequence, and with those that can only forget all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from adapters.models.llama_cpp import session as sessions
from adapters.models.llama_cpp.batching import answer_batch
from adapters.models.llama_cpp.native import Entry
from adapters.models.llama_cpp.prompt_format import Prompt
from adapters.models.llama_cpp.session import Session
from engine.core.errors import ModelError
from engine.core.generation import Completion, Decoding, GenerateRequest, Message
from engine.core.variant import DecodingMode

END = 1
LABELS = ("ab", "ac", "db", "dcb", "dcc")
CHOICE = Decoding(mode=DecodingMode.CHOICE, labels=LABELS, every_label=True)


class Context:
    """Holds sequences of tokens; logits come from all that a sequence holds. `forgets_ends`: as attention alone can."""

    def __init__(self, _model: Any, *, forgets_ends: bool, **_room: Any) -> None:
        """Begin with nothing."""
        self.forgets_ends = forgets_ends
        self.held: dict[int, list[int]] = {}
        self.fails_after: int | None = None

    def set_lora(self, _lora: Any) -> None:
        """Have none."""

    def keep(self, sequence: int, length: int) -> bool:
        """Forget the end, where that can be done."""
        if length < len(self.held.get(sequence, [])) and not self.forgets_ends:
            return False
        self.held[sequence] = self.held.get(sequence, [])[:length]
        return True

    def clear(self, sequence: int) -> None:
        """Forget a sequence."""
        self.held[sequence] = []

    def copy(self, source: int, target: int) -> None:
        """Copy a sequence."""
        self.held[target] = list(self.held.get(source, []))

    def evaluate(self, entries: Sequence[Entry]) -> list[Any]:
        """Add tokens, each in its place, and return the logits of those that want them."""
        found = []
        for entry in entries:
            held = self.held.setdefault(entry.sequence, [])
            if entry.position != len(held) or self.fails_after == 0:
                raise ModelError("llama.cpp could not evaluate it.")
            self.fails_after = None if self.fails_after is None else self.fails_after - 1
            held.append(entry.token)
            if entry.wants_logits:
                found.append(np.random.default_rng(held).normal(size=128).astype(np.float32))
        return found


class Format:
    """A prompt is its letters, one token each."""

    end_tokens = (END,)

    def prompt(self, messages: Sequence[Message], **_options: Any) -> Prompt:
        """Turn messages into letters."""
        text = "".join(message.content for message in messages)
        return Prompt(tuple(map(ord, text)), text, {1: len(messages[0].content)})

    def answer(self, text: str) -> tuple[int, ...]:
        """Turn a label into letters."""
        return tuple(map(ord, text))


def session_of(monkeypatch: pytest.MonkeyPatch, *, forgets_ends: bool) -> Session:
    """Open a session on such contexts, without a file."""

    class Model:
        context_tokens = 512

        def __init__(self, _path: str) -> None:
            """Load nothing."""

    monkeypatch.setattr(sessions, "NativeModel", Model)
    monkeypatch.setattr(sessions, "PromptFormat", lambda _model: Format())
    monkeypatch.setattr(sessions, "Context", lambda model, **room: Context(model, forgets_ends=forgets_ends, **room))
    return Session("m.gguf", slots=2, context_tokens=512, cancel=threading.Event())


def asked(text: str) -> GenerateRequest:
    """Ask for a label of a text, after instructions that are the same for all."""
    messages = (Message(role="system", content="Which?"), Message(role="user", content=text))
    return GenerateRequest(messages=messages, decoding=CHOICE, prefix_messages=1, slot="one")


def in_batch(session: Session, texts: Sequence[str]) -> list[Any]:
    """Answer texts at once."""
    found = answer_batch(session, [asked(text) for text in texts])
    assert all(isinstance(one, Completion) for one in found), found
    return found


def one_by_one(session: Session, texts: Sequence[str]) -> list[Any]:
    """Answer texts one after the other."""
    return [session.generate(asked(text), lambda _text: None) for text in texts]


@pytest.mark.parametrize("answered", [one_by_one, in_batch])
def test_models_that_can_only_forget_all_choose_as_others(monkeypatch: pytest.MonkeyPatch, answered: Any) -> None:
    """Every branch goes on from the whole prompt: each label has the probability that it has where ends are forgotten."""
    texts = ("first", "second one", "third", "fourth")
    whole, ends = (answered(session_of(monkeypatch, forgets_ends=can), texts) for can in (False, True))
    assert [one.probabilities for one in whole] == [one.probabilities for one in ends]
    assert all(set(one.probabilities) == set(LABELS) for one in whole)
    assert len({one.text for one in whole}) > 1


def test_nothing_is_taken_for_kept_after_an_evaluation_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next row reads its whole prompt."""
    session = session_of(monkeypatch, forgets_ends=False)
    (before,) = one_by_one(session, ["first"])
    context: Any = session._context
    context.fails_after = len("Which?first") + len("a") + 3  # in the midst of reading it again for the second branch
    with pytest.raises(ModelError):
        one_by_one(session, ["first"])
    context.fails_after = None
    (after,) = one_by_one(session, ["first"])
    assert (after.usage.cached_prompt_tokens, after.probabilities) == (0, before.probabilities)
