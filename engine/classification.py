"""What is taken for what: confusion matrix and the classes' precision, recall and F1. Pure functions over codes.

A code is a class's place among the task's labels; -1 stands for an answer that failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.bootstrap import Counts, bca
from engine.statistics import Interval, wilson

NO_ANSWER = -1
RESAMPLES = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFigures:
    """One class in figures. A class that was never answered has no precision, one that never occurs no recall."""

    label: str
    rows: int
    """Rows whose target it is."""
    answered: int
    """Rows on which it was the answer."""
    precision: Interval | None
    """Of the rows answered so, the share that is right."""
    recall: Interval | None
    """Of the rows that are so, the share that is found."""
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


def class_figures(matrix: Confusion, *, seed: int = 0) -> tuple[ClassFigures, ...]:
    """Return each class's figures with 95 % intervals: Wilson's for precision and recall, BCa bootstrap for F1."""
    counts = np.asarray(matrix.counts, dtype=np.int64).reshape(len(matrix.labels), -1)
    total = int(counts.sum())
    generator = np.random.default_rng(seed)
    found = []
    for index, label in enumerate(matrix.labels):
        rows, answered, hits = int(counts[index].sum()), int(counts[:, index].sum()), int(counts[index, index])
        found.append(
            ClassFigures(
                label=label,
                rows=rows,
                answered=answered,
                precision=wilson(hits, answered) if answered else None,
                recall=wilson(hits, rows) if rows else None,
                f1=_f1(hits, rows - hits, answered - hits, total, generator) if rows + answered else None,
            )
        )
    return tuple(found)


def _f1(hits: int, missed: int, false: int, total: int, generator: np.random.Generator) -> Interval:
    """Bootstrap F1: to one class a row is a hit, a miss, a false answer or none of its business."""
    cells = np.array([hits, missed, false, total - hits - missed - false], dtype=np.int64)
    drawn = generator.multinomial(total, cells / total, size=RESAMPLES)
    replicates = _share(2 * drawn[:, 0], 2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2])
    without = cells[None, :] - np.eye(4, dtype=np.int64)
    left = _share(2 * without[:, 0], 2 * without[:, 0] + without[:, 1] + without[:, 2])
    centred = np.where(cells > 0, np.average(left, weights=cells) - left, 0.0)
    square = float(np.sum(cells * centred**2))
    acceleration = float(np.sum(cells * centred**3)) / (6 * square**1.5) if square > 0 else 0.0
    return bca(2 * hits / (2 * hits + missed + false), replicates, acceleration)


def _share(part: Counts, whole: Counts) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
