"""Which labelled rows settings are judged on, and how these are shared out over folds. Pure functions."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.core.interval import Floats
from engine.core.task import Example, Task
from engine.running.sampling import balanced_sample

FOLDS = 4
"""Each row is held out once. Four, so that a fold has some twenty rows of the usual eighty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Rows to learn from, and rows to answer that were not among them."""

    learned: tuple[Example, ...]
    held_out: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What all settings are judged on."""

    train: tuple[Example, ...]
    """The training rows of the run."""
    folds: tuple[Fold, ...]
    weights: Mapping[str, float]
    """How much each row counts, by id."""
    shown_as_run: bool = False
    """As `Effort.shown_as_run`."""

    @property
    def learns_as_the_run(self) -> bool:
        """Whether what is learned for the first fold is what the run learns: its weights are the run's then."""
        return bool(self.folds) and self.folds[0].learned == self.train

    @property
    def order(self) -> Floats:
        """The weights in the order of the folds."""
        return np.array([self.weights[row.id] for fold in self.folds for row in fold.held_out], dtype=float)


def pooled(task: Task, train: Sequence[Example], without: Sequence[str], *, seed: int) -> list[Example]:
    """Return the training rows of a run and as many validation rows at most, in the order of their folds.

    Args:
        task: whose validation rows are used.
        train: the run's training rows.
        without: ids of the rows that the run answers.
        seed: of the order.
    """
    sealed, known = set(without), {row.id for row in train}
    able = [row for row in task.split("validation") if row.id not in sealed and row.id not in known]
    rows = [*train, *balanced_sample(able, len(train), seed=seed, by_target=task.has_labels)]
    rows = [row for row in rows if row.id not in sealed]
    random.Random(f"{seed}:folds").shuffle(rows)
    return sorted(rows, key=lambda row: row.target) if task.has_labels else rows


def beside_training(pool: Sequence[Example], train: Sequence[Example]) -> list[Example]:
    """Return the rows of a pool that a run does not learn from, if they are as many as a fold has; else none."""
    known = {row.id for row in train}
    rows = [row for row in pool if row.id not in known]
    return rows if len(rows) >= len(pool) / FOLDS else []


def all_judge_beside(pool: Sequence[Example], train: Sequence[Example]) -> bool:
    """Tell whether rows beside the training rows are as many as a fold has, and are in every fold."""
    beside = {row.id for row in beside_training(pool, train)}
    return bool(beside) and all(any(row.id in beside for row in pool[place::FOLDS]) for place in range(FOLDS))


def folds_of(pool: Sequence[Example], learn_rows: int, *, seed: int, by_target: bool) -> tuple[Fold, ...]:
    """Share out a pool: the folds take turns, so that rows sorted by label are spread evenly.

    Args:
        pool: as `pooled` returns it.
        learn_rows: a fold learns from so many rows at most: as many as the run does.
        seed: of the choice of these.
        by_target: whether targets are labels.
    """
    folds = []
    for place in range(min(FOLDS, len(pool))):
        held_out = tuple(pool[place::FOLDS])
        others = [row for number, row in enumerate(pool) if number % FOLDS != place]
        learned = balanced_sample(others, learn_rows, seed=seed, by_target=by_target)
        folds.append(Fold(learned=tuple(learned), held_out=held_out))
    return tuple(folds)


def seal_of(rows: Sequence[Example]) -> str:
    """Digest of rows: ids, inputs and targets."""
    text = json.dumps([[row.id, row.input, row.target] for row in rows])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
