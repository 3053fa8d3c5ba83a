"""A task: a narrow job, its examples in splits, its documents, and how an answer is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
    """The kind of answer a task wants, with what defines it."""

    kind: AnswerKind
    labels: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    refusal: str | None = None
    """The fixed words for "there is no answer", if the task has them."""


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
    """Where the rows come from, and what was found and done when they were brought in; see docs/upload.md."""
    digest: str = ""
    """SHA-256 of everything above, in hex."""

    def split(self, name: str) -> tuple[Example, ...]:
        """Return the examples of one split, in file order."""
        return tuple(example for example in self.examples if example.split == name)
