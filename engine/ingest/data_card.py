"""A table as rows of a task: what it contains, what is odd about it, and what was done about that. Pure functions.

Nothing is changed unless a finding says so, with its rows and the fix that was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from engine.core.text.languages import Languages


class Fix(StrEnum):
    """What can be done about a finding."""

    KEEP = "keep"
    DROP = "drop"
    MERGE = "merge"
    TRIM = "trim"
    MASK = "mask"
    RENAME = "rename"


class Row(NamedTuple):
    """A row that will become an example."""

    place: int
    """Its place in the table, counted from 0."""
    line: int
    """The line of the file on which it begins."""
    input: str
    target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something odd, with the rows it is in and what was done about it."""

    id: str
    title: str
    detail: str
    lines: tuple[int, ...]
    choices: tuple[Fix, ...]
    chosen: Fix
    samples: tuple[str, ...] = ()
    """A few of the texts in question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnLanguages:
    """The languages of one column's cells in one split."""

    column: str
    split: str
    """Empty where rows have no split yet."""
    rows: int
    languages: Languages


@dataclass(frozen=True, kw_only=True, slots=True)
class DataCard:
    """A table in figures, after the chosen fixes, and what was found."""

    rows_read: int
    rows_kept: int
    labels: tuple[tuple[str, int], ...]
    """Distinct targets with their rows, most frequent first; empty unless answers are labels."""
    input_characters: Mapping[str, float | None]
    """`p50`, `p95` and `longest`."""
    scripts: Mapping[str, int]
    """Rows in which each script occurs."""
    languages: tuple[ColumnLanguages, ...]
    """Of the columns that are texts; by split where a column names splits."""
    findings: tuple[Finding, ...]

    @property
    def imbalance(self) -> float | None:
        """Rows of the most frequent label over those of the rarest."""
        return self.labels[0][1] / self.labels[-1][1] if self.labels else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """What examining a table gives."""

    rows: tuple[Row, ...]
    card: DataCard

    @property
    def is_masked(self) -> bool:
        """Tell whether personal data was replaced."""
        return any(finding.id == "personal" and finding.chosen is Fix.MASK for finding in self.card.findings)


def line_ranges(lines: Sequence[int], *, most: int = 400) -> str:
    """Write line numbers compactly: `4-9, 12`; at most this many ranges."""
    parts: list[str] = []
    ordered = sorted(set(lines))
    start = 0
    for index in range(1, len(ordered) + 1):
        if index == len(ordered) or ordered[index] != ordered[index - 1] + 1:
            first, last = ordered[start], ordered[index - 1]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = index
    return ", ".join(parts[:most]) + (", ..." if len(parts) > most else "")
