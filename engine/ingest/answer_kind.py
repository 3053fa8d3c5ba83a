"""Which kind of answer a column of targets asks for, and what defines it. Pure functions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.task import AnswerKind, AnswerSpec
from engine.core.text.ordering import alphabetical
from engine.core.text.segments import split_words

MAX_LABELS = 500
MAX_LABEL_CHARACTERS = 60
_LEAST_ROWS_PER_LABEL = 2.0
_LONG_WORDS = 15
_SAMPLE_ROWS = 500
_TYPES: Mapping[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", type(None): "null",
}  # fmt: skip
SCORERS: Mapping[AnswerKind, tuple[str, ...]] = {
    AnswerKind.LABEL: ("accuracy", "macro_f1"),
    AnswerKind.SHORT: ("token_f1", "exact_match"),
    AnswerKind.JSON: ("field_f1", "valid_json", "record_match"),
    AnswerKind.TEXT: ("chrf", "exact_match"),
}
"""The scores of an imported task; the first one decides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KindGuess:
    """A guessed kind of answer, and why."""

    kind: AnswerKind
    reason: str


def guess_kind(targets: Sequence[str]) -> KindGuess:
    """Guess from the targets: few distinct short ones are labels, JSON objects are records, the rest is text."""
    filled = [target.strip() for target in targets if target.strip()]
    if not filled:
        return KindGuess(kind=AnswerKind.SHORT, reason="There are no targets to infer it from.")
    sample = filled[:: max(len(filled) // _SAMPLE_ROWS, 1)][:_SAMPLE_ROWS]
    if all(as_record(target) is not None for target in sample):
        return KindGuess(kind=AnswerKind.JSON, reason="Every target checked is a JSON object.")
    counts = Counter(filled)
    longest = max(map(len, counts))
    fewest = min(counts.values())
    if (
        2 <= len(counts) <= MAX_LABELS
        and longest <= MAX_LABEL_CHARACTERS
        and len(filled) >= _LEAST_ROWS_PER_LABEL * len(counts)
    ):
        return KindGuess(
            kind=AnswerKind.LABEL,
            reason=f"{len(counts)} different short targets in {len(filled):,} rows, each on {fewest:,} rows or more.",
        )
    words = sum(len(split_words(target)) for target in sample) / len(sample)
    if words > _LONG_WORDS or any("\n" in target for target in sample):
        return KindGuess(
            kind=AnswerKind.TEXT, reason=f"Targets of {words:.0f} words on average: text that a model writes."
        )
    return KindGuess(
        kind=AnswerKind.SHORT,
        reason=f"{len(counts):,} different targets in {len(filled):,} rows, {words:.1f} words on average.",
    )


def as_record(text: str) -> dict[str, Any] | None:
    """Parse a JSON object; None if the text is not one."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def infer_schema(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write a JSON schema that all records match: fields with the types seen; those in all are required."""
    types: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for record in records:
        for name, value in record.items():
            types.setdefault(name, set()).add(_TYPES[type(value)])
            counts[name] += 1
    properties = {}
    for name, found in types.items():
        if "number" in found:
            found.discard("integer")
        kinds = sorted(found)
        properties[name] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in types if counts[name] == len(records)],
        "additionalProperties": False,
    }


def answer_spec(kind: AnswerKind, targets: Sequence[str], locale: str = "") -> AnswerSpec:
    """Define the answer of a task from its targets; labels are listed in the order of the locale."""
    if kind is AnswerKind.LABEL:
        return AnswerSpec(kind=kind, labels=tuple(alphabetical(set(targets), locale)))
    if kind is AnswerKind.JSON:
        return AnswerSpec(kind=kind, json_schema=infer_schema([as_record(target) or {} for target in targets]))
    return AnswerSpec(kind=kind)
