"""Variation over draws beside variation over rows, so that a lucky draw is recognized as one.

A draw is a seed: it decides training rows, shots, test order and how LoRA training begins.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.analysis.run_table import RunTable
from engine.core.interval import Interval
from engine.core.run.plan import RunPlan
from engine.core.variant import Variant
from engine.metrics import wording as say
from engine.metrics.intervals import plain_student

MOST_DRAWS = 20
"""More seeds are neither made nor looked for."""


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
    """Standard deviation that a draw's mean would have from its rows alone, if they were others in each draw."""
    same_rows: bool = False
    """Whether all draws answered the same rows."""

    @property
    def by_draw(self) -> float:
        """What the draw itself gives: the part of the variance that sampling rows does not explain, as a root.

        Where all draws answered the same rows these explain none of it: luck with the rows is common to all.
        """
        if self.same_rows:
            return self.deviation_over_seeds
        return math.sqrt(max(self.deviation_over_seeds**2 - self.deviation_over_rows**2, 0.0))

    def side(self, seed: int) -> str:
        """Say where this draw lies if that is more than one standard deviation from the mean of all; else nothing."""
        if seed not in self.seeds or self.deviation_over_seeds == 0:
            return ""
        away = self.means[self.seeds.index(seed)] - self.quality.value
        if abs(away) <= self.deviation_over_seeds:
            return ""
        return "above average" if away > 0 else "below average"


def seed_variation(scores: Mapping[int, Sequence[float]], *, same_rows: bool = False) -> SeedVariation | None:
    """Compare draws of one variant, each with its rows' scores; None under two draws that have rows.

    Args:
        scores: by seed.
        same_rows: whether all draws answered the same rows.
    """
    kept = {seed: np.asarray(rows, dtype=np.float64) for seed, rows in sorted(scores.items()) if len(rows)}
    if len(kept) < 2:
        return None
    means = np.array([rows.mean() for rows in kept.values()])
    over_rows = math.sqrt(float(np.mean([rows.var() / len(rows) for rows in kept.values()])))
    return SeedVariation(
        seeds=tuple(kept),
        means=tuple(float(mean) for mean in means),
        quality=plain_student(means),
        deviation_over_seeds=float(means.std(ddof=1)),
        deviation_over_rows=over_rows,
        same_rows=same_rows,
    )


def variations(tables: Mapping[int, RunTable], variants: Sequence[Variant]) -> dict[str, SeedVariation]:
    """Compare the draws of an experiment for each of its variants, by id; those under two draws are left out.

    A draw counts for a variant that answered all of its rows: one that left a race, or was stopped, did so after rows
    that were chosen by how it had answered, or after too few.

    Args:
        tables: the draws' predictions as columns, by seed.
        variants: of the experiment.
    """
    found = {}
    same_rows = len({frozenset(table.example_ids) for table in tables.values()}) == 1
    for variant in variants:
        scores = {
            seed: table.score[place].tolist()
            for seed, table in tables.items()
            for place in [table.place(variant.id)]
            if table.made[place].all()
        }
        if (variation := seed_variation(scores, same_rows=same_rows)) is not None:
            found[variant.id] = variation
    return found


NO_WHOLE_DRAWS = "No variant has answered all rows with two seeds: a run that ended early is no draw to compare."


def seeds_in_words(seeds: Collection[int]) -> str:
    """Name the seeds."""
    return f"{say.counted(len(seeds), 'seed')}: {', '.join(str(seed) for seed in sorted(seeds))}."


def same_but_for_seed(first: RunPlan, second: RunPlan) -> bool:
    """Tell whether two plans are draws of one experiment: all is the same but the seed and what it decides."""
    return _experiment(first) == _experiment(second)


def _experiment(plan: RunPlan) -> tuple[object, ...]:
    names = (plan.task_id, plan.model_id, plan.decoding, plan.throughput, plan.context_tokens, plan.draws)
    return (*names, len(plan.train_ids), len(plan.test_ids), tuple(_unseeded(variant) for variant in plan.variants))


def _unseeded(variant: Variant) -> Variant:
    return variant if variant.lora is None else replace(variant, lora=replace(variant.lora, seed=0))
