"""The forms a prompt can take: how instructions, input and labels are worded. Pure functions.

Which form suits a model is not known beforehand: the default is the task's own instructions, unchanged, and a search
for settings tries the others (`engine.running.search.spaces`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from engine.core.generation import Completion, Message
from engine.core.task import AnswerKind, Task
from engine.core.text.prompt_template import ENGLISH
from engine.core.text.scripts import whole_words
from engine.core.variant import LabelWords, PromptForm, PromptSpec

_COLONS = r"[ \u00a0\u202f]?[:\uff1a]"
"""Between a label and what is said of it, in languages other than English."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """A form, filled in for one task."""

    system: str = ""
    """The system prompt; empty for none."""
    first: str = ""
    """Stands before everything else in the first turn."""
    frame: str = ""
    """Stands around each input, in place of `{input}`; empty for none."""
    after: str = ""
    """Stands after the input that is asked about."""
    words: Mapping[str, str] = field(default_factory=dict)
    """How labels are written."""

    def framed(self, query: str) -> str:
        """Return an input as written in its turn."""
        text = query.strip()
        return self.frame.replace("{input}", text) if self.frame else text

    def turn(self, query: str, target: str) -> list[Message]:
        """Return an example: an input, and the answer to it."""
        answer = self.words.get(target, target)
        return [Message(role="user", content=self.framed(query)), Message(role="assistant", content=answer)]


def wording_of(task: Task, spec: PromptSpec) -> Wording:
    """Fill a form in for a task."""
    words = written_labels(task, spec)
    text = _in_written_labels(task, instructions_of(task, spec), words)
    match spec.form:
        case PromptForm.OWN:
            return Wording(system=text, words=words)
        case PromptForm.BRIEF:
            return Wording(system=_brief(task, words), words=words)
        case PromptForm.LISTED:
            listed = task.template.listed.replace("{labels}", task.template.comma.join(words.values()))
            return Wording(system=f"{text}\n{listed}", words=words)
        case PromptForm.FRAMED:
            return Wording(system=text, frame=_frame(task), words=words)
        case PromptForm.REPEATED:
            return Wording(system=text, after=f"\n\n{text}", words=words)
        case PromptForm.IN_TURN:
            return Wording(first=text, words=words)


def _frame(task: Task) -> str:
    template = task.template
    match task.answer.kind:
        case AnswerKind.LABEL:
            return template.label_frame
        case AnswerKind.SHORT:
            return template.short_frame
        case AnswerKind.JSON:
            return template.json_frame
        case AnswerKind.TEXT:
            return template.text_frame


def instructions_of(task: Task, spec: PromptSpec) -> str:
    """Return the instructions, without what they say of each label where that is not wanted."""
    text = (task.instructions if spec.instructions is None else spec.instructions).strip()
    if spec.descriptions:
        return text
    found = descriptions(task)
    return "\n".join(
        next((said[0] for label in found if (said := _says(task, line, label))), line) for line in text.splitlines()
    )


def descriptions(task: Task) -> dict[str, str]:
    """Return what the instructions say of each label, in lines of the form `label: description`.

    The label's word may stand in place of the label. Empty unless each label has such a line.
    """
    lines = task.instructions.splitlines()
    found = {label: said[1] for label in task.answer.labels for line in lines if (said := _says(task, line, label))}
    return found if task.answer.labels and all(found.get(label) for label in task.answer.labels) else {}


def written_labels(task: Task, spec: PromptSpec) -> dict[str, str]:
    """Return each label as it is written in prompts and chosen from; no two are written alike.

    That is the word which the task has for it, else the label as the form writes it.
    """
    words = task.answer.words
    if spec.label_words is LabelWords.STORED:
        return words
    spaced = {label: word if label in task.answer.label_words else _spaced(label) for label, word in words.items()}
    return spaced if len(set(spaced.values())) == len(words) else words


def with_labels(task: Task, labels: Collection[str], spec: PromptSpec | None = None) -> Task:
    """Return the task as if it had these labels alone, in its instructions, too; they are written as with all labels.

    Where each label has a line of its own in the instructions, the lines of the others are left out. Elsewhere the
    sentence that asks for these labels stands in place of the instructions.
    """
    words = written_labels(task, spec or PromptSpec())
    kept = {label: words[label] for label in task.answer.labels if label in labels}
    fewer = replace(task, answer=replace(task.answer, labels=tuple(kept), label_words=kept))
    names = {name: label for label, word in task.answer.words.items() for name in (label, word)}
    lines = [(line, _label_of(line, names)) for line in task.instructions.splitlines()]
    if {label for _line, label in lines if label} == set(words):
        text = "\n".join(line for line, label in lines if not label or label in kept)
    else:
        text = _brief(fewer, kept)
    return replace(fewer, instructions=text)


def _label_of(line: str, names: Mapping[str, str]) -> str:
    """Return the label that a line is about: it is the label's name, or begins with it and a colon; else empty."""
    text = line.strip()
    begins = [text, *(text[: colon.start()] for colon in re.finditer(_COLONS, text))]
    return next((names[name] for name in begins if name in names), "")


def in_stored_labels(task: Task, spec: PromptSpec, answer: Completion) -> Completion:
    """Return a choice among written labels as one among the task's own; anything else is left as it is."""
    stored = {written: label for label, written in written_labels(task, spec).items() if written != label}
    if not stored:
        return answer
    probabilities = {stored.get(name, name): share for name, share in answer.probabilities.items()}
    return replace(answer, text=stored.get(answer.text, answer.text), probabilities=probabilities)


def _spaced(label: str) -> str:
    return " ".join(re.split(r"[\s_\-]+", label)).strip().lower() or label


def _says(task: Task, line: str, label: str) -> tuple[str, str] | None:
    """Read a line of the form `label: description`; return the name that it begins with, and the description."""
    colons = ":" if task.template == ENGLISH and not task.answer.label_words else _COLONS
    for name in {label, task.answer.words[label]}:
        if found := re.fullmatch(rf"({re.escape(name)})(?:{colons})(.*)", line.strip()):
            return found[1], found[2].strip()
    return None


def _in_written_labels(task: Task, text: str, words: Mapping[str, str]) -> str:
    """Write labels in the instructions as they are written elsewhere.

    Instructions that hold every word of the task are left: their author wrote them so. Where each label has a line of
    its own, only those change, since a label such as `no` may be a word of any sentence.
    """
    own = {label: words[label] for label in words if label in task.answer.label_words}
    others = {label: word for label, word in words.items() if label not in own}
    if not all(re.search(whole_words(word), text) for word in own.values()):
        lines = text.splitlines()
        places = {place: label for label in own for place, line in enumerate(lines) if _names(task, line, label)}
        if set(places.values()) == set(own):
            named = [_with_word(line, places[n], own) if n in places else line for n, line in enumerate(lines)]
            text = "\n".join(named)
        else:
            text = _reworded(text, own)
    return _reworded(text, others)


def _names(task: Task, line: str, label: str) -> bool:
    return line.strip() == label or _says(task, line, label) is not None


def _with_word(line: str, label: str, words: Mapping[str, str]) -> str:
    """Write a label's word where its name begins a line."""
    return re.sub(rf"^(\s*){re.escape(label)}", lambda found: found[1] + words[label], line)


def _reworded(text: str, words: Mapping[str, str]) -> str:
    changed = {label: written for label, written in words.items() if label != written}
    if not changed:
        return text
    names = "|".join(re.escape(label) for label in sorted(changed, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda found: changed[found.group()], text)


def _brief(task: Task, words: Mapping[str, str]) -> str:
    template = task.template
    match task.answer.kind:
        case AnswerKind.LABEL:
            return template.brief_label.replace("{labels}", template.comma.join(words.values()))
        case AnswerKind.JSON:
            fields = template.comma.join((task.answer.json_schema or {}).get("properties", {}))
            return template.brief_fields.replace("{fields}", fields) if fields else template.brief_json
        case AnswerKind.SHORT:
            refusal = task.answer.refusal
            return template.brief_refusal.replace("{refusal}", refusal) if refusal else template.brief_short
        case AnswerKind.TEXT:
            return template.brief_text
