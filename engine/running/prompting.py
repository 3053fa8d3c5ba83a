"""From a task, a variant and what was retrieved to the messages a model gets. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.core.generation import Decoding, Message
from engine.core.run.prediction import Passage
from engine.core.task import AnswerKind, Example, Task
from engine.core.variant import DecodingMode, DecodingSpec, PromptSpec, effective_mode
from engine.running.prompt_forms import wording_of, written_labels


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltPrompt:
    """Messages, and how many of the leading ones are the same on every row of the variant."""

    messages: tuple[Message, ...]
    prefix_messages: int


def build_prompt(
    task: Task,
    query: str,
    *,
    prompt: PromptSpec | None = None,
    shots: Sequence[Example] = (),
    passages: Sequence[Passage] = (),
    nearest_first: bool = False,
) -> BuiltPrompt:
    """Put a prompt together: instructions, fixed shots, retrieved shots, retrieved documents, the input.

    Retrieved examples become shots, the nearest one last, next to the input, unless it is to be first. Retrieved
    document passages stand before the input in the last turn, the nearest one first.
    """
    wording = wording_of(task, prompt or PromptSpec())
    messages = [Message(role="system", content=wording.system)] if wording.system else []
    for shot in shots:
        messages += wording.turn(shot.input, shot.target)
    prefix = len(messages)
    found = [passage for passage in passages if passage.kind == "example"]
    for passage in found if nearest_first else reversed(found):
        messages += wording.turn(passage.text, passage.target)
    documents = [passage.text.strip() for passage in passages if passage.kind == "document"]
    content = "\n\n".join([*documents, wording.framed(query)])
    messages.append(Message(role="user", content=content + wording.after))
    if wording.first:
        messages[0] = replace(messages[0], content=f"{wording.first}\n\n{messages[0].content}")
    return BuiltPrompt(messages=tuple(messages), prefix_messages=prefix)


def decoding_for(
    task: Task,
    spec: DecodingSpec,
    *,
    seed: int,
    row: int,
    every_label: bool = False,
    prompt: PromptSpec | None = None,
) -> Decoding:
    """Return how an answer is generated; each row has a seed of its own, for temperatures over 0."""
    mode = effective_mode(task, spec.mode)
    schema = task.answer.json_schema
    if mode is DecodingMode.JSON and schema is None and task.answer.labels:
        schema = {
            "type": "object",
            "properties": {"label": {"type": "string", "enum": list(task.answer.words.values())}},
            "required": ["label"],
            "additionalProperties": False,
        }
    return Decoding(
        mode=mode,
        labels=tuple(written_labels(task, prompt or PromptSpec()).values()) if mode is DecodingMode.CHOICE else (),
        json_schema=schema if mode is DecodingMode.JSON else None,
        max_tokens=max_answer_tokens(task, spec.max_tokens),
        temperature=spec.temperature,
        seed=seed * 1_000_003 + row,
        stop=("\n",) if mode is DecodingMode.FREE and task.answer.kind is not AnswerKind.JSON else (),
        every_label=every_label,
    )


def max_answer_tokens(task: Task, wanted: int) -> int:
    """Return the token limit of an answer: JSON needs more than the rest."""
    return max(wanted, 128) if task.answer.kind is AnswerKind.JSON else wanted


def training_answer(task: Task, example: Example, prompt: PromptSpec | None = None) -> str:
    """Return the text that a model should write for this example."""
    return written_labels(task, prompt or PromptSpec()).get(example.target, example.target)
