"""Variation over draws beside variation over rows, so that a lucky draw is recognized as one.

A draw is a seed: it decides training rows, shots, test order and how LoRA training begins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from engine.core.interval import Interval
from engine.core.run.plan import RunPlan
from engine.core.variant import Variant


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedVariation:
    """One variant over several draws."""

    seeds: tuple[int, ...]
    means: tuple[float, ...]
    """Mean score of each draw, in the order of `seeds`."""
    quality: Interval
    """Mean over draws with its 95 % interval by Student's t over the draws."""
    deviation_over_seeds: float
    """Standard deviation of the draws' means."""
    deviation_over_rows: float
    """Standard deviation that a draw's mean would have from its rows alone."""

    @property
    def by_draw(self) -> float:
        """What the draw itself adds to the scatter: the part of the variance that rows do not explain, as a root."""
        return math.sqrt(max(self.deviation_over_seeds**2 - self.deviation_over_rows**2, 0.0))

    def is_lucky(self, seed: int) -> bool:
        """Tell whether this draw lies more than one standard deviation above the mean of all."""
        if seed not in self.seeds or self.deviation_over_seeds == 0:
            return False
        return self.means[self.seeds.index(seed)] > self.quality.value + self.deviation_over_seeds


def seed_variation(scores: Mapping[int, Sequence[float]]) -> SeedVariation | None:
    """Compare draws of one variant, each with its rows' scores; None under two draws that have rows."""
    kept = {seed: np.asarray(rows, dtype=np.float64) for seed, rows in sorted(scores.items()) if len(rows)}
    if len(kept) < 2:
        return None
    means = np.array([rows.mean() for rows in kept.values()])
    over_rows = math.sqrt(float(np.mean([rows.var() / len(rows) for rows in kept.values()])))
    deviation = float(means.std(ddof=1))
    half = float(student.ppf(0.975, len(means) - 1)) * deviation / math.sqrt(len(means))
    middle = float(means.mean())
    return SeedVariation(
        seeds=tuple(kept),
        means=tuple(float(mean) for mean in means),
        quality=Interval(value=middle, low=middle - half, high=middle + half),
        deviation_over_seeds=deviation,
        deviation_over_rows=over_rows,
    )


def same_but_for_seed(first: RunPlan, second: RunPlan) -> bool:
    """Tell whether two plans are draws of one experiment: all is the same but the seed and what it decides."""
    return _experiment(first) == _experiment(second)


def _experiment(plan: RunPlan) -> tuple[object, ...]:
    names = (plan.task_id, plan.model_id, plan.decoding, plan.throughput, plan.race, plan.stop_when_clear)
    return (*names, len(plan.train_ids), len(plan.test_ids), tuple(_unseeded(variant) for variant in plan.variants))


def _unseeded(variant: Variant) -> Variant:
    return variant if variant.lora is None else replace(variant, lora=replace(variant.lora, seed=0))
