"""The forms a prompt can take: how instructions, input and labels are worded. Pure functions.

Which form suits a model is not known beforehand: the default is the task's own instructions as they stand, and a search
for settings tries the others (`engine.running.search.spaces`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.core.generation import Completion, Message
from engine.core.task import AnswerKind, Task
from engine.core.variant import LabelWords, PromptForm, PromptSpec

_FRAMES: Mapping[AnswerKind, tuple[str, str]] = {
    AnswerKind.LABEL: ("Text", "Category"),
    AnswerKind.SHORT: ("Question", "Answer"),
    AnswerKind.JSON: ("Text", "JSON"),
    AnswerKind.TEXT: ("Text", "Result"),
}
"""What the input is called, and what is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """A form, filled in for one task."""

    system: str = ""
    """The system prompt; empty for none."""
    first: str = ""
    """Stands before everything else in the first turn."""
    frame: tuple[str, str] | None = None
    """Stands around each input."""
    after: str = ""
    """Stands after the input that is asked about."""
    words: Mapping[str, str] = field(default_factory=dict)
    """How labels are written."""

    def framed(self, query: str) -> str:
        """Return an input as it stands in its turn."""
        text = query.strip()
        return text if self.frame is None else f"{self.frame[0]}: {text}\n{self.frame[1]}:"

    def turn(self, query: str, target: str) -> list[Message]:
        """Return an example: an input, and the answer to it."""
        answer = self.words.get(target, target)
        return [Message(role="user", content=self.framed(query)), Message(role="assistant", content=answer)]


def wording_of(task: Task, spec: PromptSpec) -> Wording:
    """Fill a form in for a task."""
    words = written_labels(task, spec)
    text = _reworded(instructions_of(task, spec), words)
    match spec.form:
        case PromptForm.OWN:
            return Wording(system=text, words=words)
        case PromptForm.BRIEF:
            return Wording(system=_brief(task, words), words=words)
        case PromptForm.LISTED:
            return Wording(system=f"{text}\nPossible answers: {', '.join(words.values())}", words=words)
        case PromptForm.FRAMED:
            return Wording(system=text, frame=_FRAMES[task.answer.kind], words=words)
        case PromptForm.REPEATED:
            return Wording(system=text, after=f"\n\n{text}", words=words)
        case PromptForm.IN_TURN:
            return Wording(first=text, words=words)


def instructions_of(task: Task, spec: PromptSpec) -> str:
    """Return the instructions, without what they say of each label where that is not wanted."""
    text = (task.instructions if spec.instructions is None else spec.instructions).strip()
    if spec.descriptions:
        return text
    found = descriptions(task)
    return "\n".join(next((label for label in found if _says(line, label)), line) for line in text.splitlines())


def descriptions(task: Task) -> dict[str, str]:
    """Return what the instructions say of each label, in lines of the form `label: description`.

    Empty unless each label has such a line.
    """
    lines = task.instructions.splitlines()
    found = {
        label: line.partition(":")[2].strip() for label in task.answer.labels for line in lines if _says(line, label)
    }
    return found if task.answer.labels and all(found.get(label) for label in task.answer.labels) else {}


def written_labels(task: Task, spec: PromptSpec) -> dict[str, str]:
    """Return each label as it is written in prompts and chosen from; no two are written alike."""
    labels = task.answer.labels
    if spec.label_words is LabelWords.STORED:
        return {label: label for label in labels}
    spaced = {label: " ".join(re.split(r"[\s_\-]+", label)).strip().lower() or label for label in labels}
    return spaced if len(set(spaced.values())) == len(labels) else {label: label for label in labels}


def in_stored_labels(task: Task, spec: PromptSpec, answer: Completion) -> Completion:
    """Return a choice among written labels as one among the task's own; anything else is left as it is."""
    if spec.label_words is LabelWords.STORED:
        return answer
    stored = {written: label for label, written in written_labels(task, spec).items()}
    probabilities = {stored.get(name, name): share for name, share in answer.probabilities.items()}
    return replace(answer, text=stored.get(answer.text, answer.text), probabilities=probabilities)


def _says(line: str, label: str) -> bool:
    return line.strip().startswith(f"{label}:")


def _reworded(text: str, words: Mapping[str, str]) -> str:
    changed = {label: written for label, written in words.items() if label != written}
    if not changed:
        return text
    names = "|".join(re.escape(label) for label in sorted(changed, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda found: changed[found.group()], text)


def _brief(task: Task, words: Mapping[str, str]) -> str:
    match task.answer.kind:
        case AnswerKind.LABEL:
            return f"Which of these fits the text best: {', '.join(words.values())}?"
        case AnswerKind.JSON:
            fields = ", ".join((task.answer.json_schema or {}).get("properties", {}))
            return f"Extract from the text, as JSON: {fields}." if fields else "Extract the facts of the text as JSON."
        case AnswerKind.SHORT:
            otherwise = f" If you do not know, answer: {task.answer.refusal}" if task.answer.refusal else ""
            return f"Answer the question in a few words.{otherwise}"
        case AnswerKind.TEXT:
            return "Rewrite the text as in the examples."
