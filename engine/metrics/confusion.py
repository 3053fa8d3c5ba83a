"""Which classes are confused: confusion matrix and the classes' precision, recall and F1. Pure functions over codes.

A code is a class's place among the task's labels; -1 stands for an answer that failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.core.interval import Counts, Interval
from engine.metrics.intervals import wilson


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFigures:
    """One class in figures. A class that was never answered has no precision, one that never occurs no recall."""

    label: str
    rows: int
    """Rows whose target it is."""
    precision: Interval | None
    """Of the rows answered with this class, the share that is right."""
    recall: Interval | None
    """Of the rows of this class, the share that is found."""
    f1: Interval | None
    """Harmonic mean of the two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """How often each class was answered for each target."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """A line per target in the order of `labels`; a column per answer, and a last one for failures."""

    def worst(self, most: int = 3) -> list[tuple[str, str, int]]:
        """List the most frequent mistakes as (target, answer, rows), the most frequent first."""
        found = [
            (self.labels[line], self.labels[column], number)
            for line, numbers in enumerate(self.counts)
            for column, number in enumerate(numbers[: len(self.labels)])
            if line != column and number
        ]
        return sorted(found, key=lambda item: -item[2])[:most]


def confusion(targets: Counts, answers: Counts, labels: Sequence[str]) -> Confusion:
    """Count answers per target. Answers outside 0 to `len(labels)` - 1 are counted as no answer."""
    size = len(labels)
    columns = np.where((answers >= 0) & (answers < size), answers, size)
    known = (targets >= 0) & (targets < size)
    cells = np.bincount(targets[known] * (size + 1) + columns[known], minlength=size * (size + 1))
    table = cells.reshape(size, size + 1)
    return Confusion(labels=tuple(labels), counts=tuple(tuple(int(n) for n in line) for line in table))


def class_figures(matrix: Confusion) -> tuple[ClassFigures, ...]:
    """Return each class's figures with 95 % intervals, Wilson's for precision and recall."""
    counts = np.asarray(matrix.counts, dtype=np.int64).reshape(len(matrix.labels), -1)
    found = []
    for index, label in enumerate(matrix.labels):
        rows, answered, hits = int(counts[index].sum()), int(counts[:, index].sum()), int(counts[index, index])
        found.append(
            ClassFigures(
                label=label,
                rows=rows,
                precision=wilson(hits, answered) if answered else None,
                recall=wilson(hits, rows) if rows else None,
                f1=_f1(hits, rows + answered - hits) if rows + answered else None,
            )
        )
    return tuple(found)


def _f1(hits: int, concerned: int) -> Interval:
    """F1 from the share J of hits among rows with this target or answer: F1 = 2 J / (1 + J) grows with J.

    Wilson's interval of J therefore gives F1's; unlike the bootstrap's it does not shrink to a point at 0 or 1.
    """
    share = wilson(hits, concerned)
    low, value, high = (2 * end / (1 + end) for end in (share.low, share.value, share.high))
    return Interval(value=value, low=low, high=high)
