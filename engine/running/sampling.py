"""Which rows are used: training rows, test rows, shots. Pure functions of their inputs and a seed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import UsageError
from engine.core.run.plan import TRAIN_ROWS
from engine.core.run.prediction import Passage
from engine.core.task import Example, Task
from engine.core.variant import LabelWords, PromptSpec, ShotChoice, ShotOrder
from engine.running.prompt_forms import descriptions, written_labels

Vectors = NDArray[np.float32]


def training_row_count(task: Task, rows: int | None = None, *, per_label: int | None = None) -> int:
    """Return how many training rows are drawn.

    By default `TRAIN_ROWS`, but at least one for each label of the training split. An explicit number is obeyed, be it
    smaller than the number of labels. There are never more than the split has.

    Args:
        task: its training split is counted.
        rows: an explicit number.
        per_label: so many rows for each label, or all where a label has fewer.

    Raises:
        UsageError: both are given, or rows per label are asked for and the answers are not labels.
    """
    if per_label is not None:
        if rows is not None:
            raise UsageError(
                f"Both {rows} training rows and {per_label} for each label were asked for.", "Ask for one of the two."
            )
        if not task.has_labels:
            raise UsageError(
                f"The answers of '{task.id}' are not labels, so no number of rows for each label can be drawn.",
                "Ask for a number of training rows.",
            )
    train = task.split("train")
    if rows is not None:
        return min(rows, len(train))
    by_label = Counter(example.target for example in train) if task.has_labels else Counter()
    if per_label is not None:
        return sum(min(per_label, count) for count in by_label.values())
    return min(max(TRAIN_ROWS, len(by_label)), len(train))


def draw_training_rows(
    task: Task, rows: int | None = None, *, per_label: int | None = None, seed: int
) -> list[Example]:
    """Draw the rows that variants learn from, as many as `training_row_count` says, spread evenly over labels.

    The same seed draws a smaller number as the beginning of a larger one.

    Raises:
        UsageError: as `training_row_count`.
    """
    count = training_row_count(task, rows, per_label=per_label)
    return balanced_sample(task.split("train"), count, seed=seed, by_target=task.has_labels)


def balanced_sample(examples: Sequence[Example], count: int, *, seed: int, by_target: bool = True) -> list[Example]:
    """Draw `count` rows, spread over targets as evenly as their numbers allow; all rows if there are no more.

    The same seed draws a smaller sample as the beginning of a larger one.
    """
    generator = random.Random(f"{seed}:sample")
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.target if by_target else ""].append(example)
    for rows in groups.values():
        generator.shuffle(rows)
    drawn: list[Example] = []
    names = sorted(groups)
    while len(drawn) < min(count, len(examples)):
        generator.shuffle(names)
        for name in names:
            if groups[name] and len(drawn) < count:
                drawn.append(groups[name].pop())
    return drawn


def choose_shots(
    train: Sequence[Example],
    count: int,
    *,
    seed: int,
    by_target: bool,
    vectors: Vectors | None = None,
    choice: ShotChoice = ShotChoice.COVERING,
    order: ShotOrder = ShotOrder.MIXED,
) -> tuple[Example, ...]:
    """Choose few-shot examples from the training rows, spread over targets, in random order.

    Args:
        train: the rows to choose from.
        count: how many.
        seed: of the order, and of the choice where there are no vectors.
        by_target: whether targets are labels.
        vectors: unit vectors of the inputs, shape (rows, dimensions). Rows are then chosen by `choice` instead of at
            random.
        choice: covering, middle or diverse.
        order: of the examples in the prompt.
    """
    if vectors is None:
        shots = balanced_sample(train, count, seed=seed + 1, by_target=by_target)
    else:
        names = [row.target if by_target else "" for row in train]
        shots = [train[place] for place in chosen_places(names, vectors, count, choice)]
    random.Random(f"{seed}:shots").shuffle(shots)
    if order is ShotOrder.BY_LABEL and by_target:
        shots.sort(key=lambda row: row.target)
    return tuple(shots)


def chosen_places(names: Sequence[str], vectors: Vectors, count: int, choice: ShotChoice) -> list[int]:
    """Return the places of rows to show. A label gets a second row when every label that has rows left has one.

    * Covering: each row is as similar as can be to the nearest one chosen (greedy facility location among the rows of
      each label; G. Nemhauser, L. Wolsey, M. Fisher, "An analysis of approximations for maximizing submodular set
      functions", Mathematical Programming 14, 1978).
    * Middle: most similar to the mean of its label.
    * Diverse: least similar to any one chosen before; the first one is the least similar to all rows (greedy k-center;
      T. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science 38, 1985).

    Args:
        names: each row's label, or the same for all.
        vectors: unit vectors, shape (rows, dimensions).
        count: how many.
        choice: one of the three.
    """
    alike = np.array(names)[:, None] == np.array(names)[None, :]
    similarity = vectors @ vectors.T
    within = np.where(alike, similarity, 0.0)
    chosen: list[int] = []
    while len(chosen) < min(count, len(names)):
        left = [place for place in range(len(names)) if place not in chosen]
        shown = Counter(names[place] for place in chosen)
        fewest = min(shown[names[place]] for place in left)
        able = [place for place in left if shown[names[place]] == fewest]
        if choice is ShotChoice.MIDDLE:
            gains = within[able].sum(axis=1)
        elif choice is ShotChoice.DIVERSE:
            gains = -(similarity[np.ix_(able, chosen)].max(axis=1) if chosen else similarity[able].mean(axis=1))
        else:
            covered = within[chosen].max(axis=0) if chosen else np.zeros(len(names))
            gains = np.maximum(within[able] - np.maximum(covered, 0.0), 0.0).sum(axis=1)
        chosen.append(able[int(gains.argmax())])
    return chosen


def spread_over_labels(passages: Sequence[Passage], count: int) -> list[Passage]:
    """Take so many of the found examples, nearest first; a label's second one comes after the first of each label."""
    seen: Counter[str] = Counter()
    ranked = []
    for place, passage in enumerate(passages):
        ranked.append((seen[passage.target], place))
        seen[passage.target] += 1
    return [passages[place] for _rank, place in sorted(ranked)[:count]]


def label_rows(task: Task) -> list[Example]:
    """Return one row for each label: its name in words, and what the instructions say of it."""
    said, words = descriptions(task), written_labels(task, PromptSpec(label_words=LabelWords.SPACED))
    return [
        Example(
            id=f"label:{label}",
            input=f"{words[label]}: {said[label]}" if said else words[label],
            target=label,
            split="train",
        )
        for label in task.answer.labels
    ]


def seed_of_draw(seed: int, draw: int) -> int:
    """Return the seed of one of several draws; the first is the run's own."""
    return seed + 1000 * draw


def choose_test_rows(examples: Sequence[Example], limit: int | None, *, seed: int) -> list[Example]:
    """Return the rows to answer, in an order shuffled by seed; a smaller limit is the beginning of a larger one."""
    rows = list(examples)
    random.Random(f"{seed}:test").shuffle(rows)
    return rows if limit is None else rows[:limit]
