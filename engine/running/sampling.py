"""Which rows are used: training rows, test rows, shots. Pure functions of their inputs and a seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from engine.core.task import Example


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


def choose_shots(train: Sequence[Example], count: int, *, seed: int, by_target: bool) -> tuple[Example, ...]:
    """Choose few-shot examples from the training rows, balanced over targets, in random order."""
    shots = balanced_sample(train, count, seed=seed + 1, by_target=by_target)
    random.Random(f"{seed}:shots").shuffle(shots)
    return tuple(shots)


def choose_test_rows(examples: Sequence[Example], limit: int | None, *, seed: int) -> list[Example]:
    """Return the rows to answer, in an order shuffled by seed; a smaller limit is the beginning of a larger one."""
    rows = list(examples)
    random.Random(f"{seed}:test").shuffle(rows)
    return rows if limit is None else rows[:limit]
