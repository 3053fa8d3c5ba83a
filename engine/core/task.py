"""A task: a narrow job, its examples in splits, its documents, and how an answer is scored."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from engine.core.text.prompt_template import ENGLISH, PromptTemplate

MADE_FROM = "--"
"""In the id of a task derived from another: separates that task's id from what was done to it."""

SCORER_VERSIONS: Mapping[str, int] = {"exact_match": 2, "token_f1": 2, "rules_kept": 2, "valid_json": 2}
"""Scorers that have counted differently before, each with the version of today's rule; the others are at version 1.

Raise a scorer's number when it begins to score any answer differently. A run keeps the scores that it computed: the
number is part of the task's digest, so that such a run still opens but no row is added to it under another rule.
Version 2 of exact_match and token_f1: punctuation leaves no blank behind, as in SQuAD. Of rules_kept and valid_json:
vowel signs are parts of words in regular expressions, and an expression that takes too long counts as not kept.
"""


_ABOUT_WORDS = re.compile(r"\\\\[wWbB]")
r"""Finds `\w` and `\b` in a schema that is written as JSON, which doubles the backslash."""


class AnswerKind(StrEnum):
    """What an answer is."""

    LABEL = "label"
    SHORT = "short"
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One row."""

    id: str
    input: str
    target: str
    """The right answer as text; for JSON answers, canonical JSON."""
    split: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One document of a task, whole."""

    name: str
    text: str
    note: str = field(default="", compare=False)
    """What its reader says about it; not kept with the task."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One check of a text answer; exactly one of the three forms is given."""

    name: str
    pattern: str | None = None
    """A regular expression that must be found."""
    forbid: str | None = None
    """A regular expression that must not be found."""
    max_words_after: str | None = None
    """A regular expression; what follows its first match has at most `max_words` words."""
    max_words: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerSpec:
    """The kind of answer a task expects, with what defines it."""

    kind: AnswerKind
    labels: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    refusal: str | None = None
    """The fixed words for "there is no answer", if the task has them."""
    label_words: Mapping[str, str] = field(default_factory=dict)
    """By label, the word that a model reads and writes in its place; a label without one stands for itself. Answers
    are kept and scored as labels."""

    @property
    def words(self) -> dict[str, str]:
        """Each label, with what a model reads and writes for it."""
        return {label: self.label_words.get(label, label) for label in self.labels}


def changed_scorers(task: Task) -> dict[str, int]:
    """Return those of a task's scorers that once counted differently, with their version."""
    names = {task.primary_scorer, *task.scorers} & SCORER_VERSIONS.keys()
    if not _ABOUT_WORDS.search(json.dumps(dict(task.answer.json_schema or {}))):
        names -= {"valid_json"}  # its rule changed for schemas with expressions about words alone
    return {name: SCORER_VERSIONS[name] for name in sorted(names)}


def task_digest(task: Task) -> str:
    """Digest of all that decides a run's figures: what a model is asked, and what an answer is scored against.

    Title, summary, licence, card and source are left out: they change no answer and no score. The versions of its
    scorers are in it, where there has been more than one.
    """
    parts: list[Any] = [
        task.instructions,
        str(task.answer.kind), list(task.answer.labels), task.answer.refusal,
        None if task.answer.json_schema is None else dict(task.answer.json_schema),
        task.primary_scorer, list(task.scorers), [asdict(rule) for rule in task.rules],
        [[e.id, e.input, e.target, e.split, dict(e.metadata)] for e in task.examples],
        [[document.name, document.text] for document in task.documents],
    ]  # fmt: skip
    if versions := changed_scorers(task):
        parts.append(versions)
    if task.locale:
        parts.append(f"locale {task.locale}")
    if task.answer.label_words:
        parts.append({"label words": dict(task.answer.label_words)})
    if task.template != ENGLISH:
        parts.append({"template": asdict(task.template)})
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A narrow job."""

    id: str
    title: str
    summary: str
    instructions: str
    answer: AnswerSpec
    primary_scorer: str
    scorers: tuple[str, ...]
    examples: tuple[Example, ...]
    documents: tuple[Document, ...] = ()
    rules: tuple[Rule, ...] = ()
    licence: str = ""
    card: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    """Where the rows come from, and what was found and done when they were imported; see docs/upload.md."""
    locale: str = ""
    """By which answers are compared: `de`, `de-CH`, `mul` for several languages; empty for English."""
    template: PromptTemplate = ENGLISH
    """The sentences around rows, in the language of the instructions."""
    digest: str = ""
    """`task_digest`, in hex; empty for a task that was built in memory."""

    @property
    def has_labels(self) -> bool:
        """Tell whether its answers are labels."""
        return self.answer.kind is AnswerKind.LABEL

    def split(self, name: str) -> tuple[Example, ...]:
        """Return the examples of one split, in file order."""
        return tuple(example for example in self.examples if example.split == name)

    def rows(self, ids: Iterable[str]) -> list[Example]:
        """Return the examples with these ids, in the order of these; `KeyError` if there is none of one."""
        by_id = {example.id: example for example in self.examples}
        return [by_id[row_id] for row_id in ids]
