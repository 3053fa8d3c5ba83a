"""Intervals by which limits are certainly met or missed: for all variants of a run and all limits at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.core.interval import Floats, Interval
from engine.core.run.plan import RunPlan
from engine.metrics.bootstrap import quantile_joint
from engine.metrics.inference import CERTAIN_ERROR, RUN_ERROR, WATCHED, level_of_look
from engine.metrics.intervals import joint_interval

LIMITS_PER_VARIANT = 3
"""Quality, p95 and cost: what a variant can certainly meet or miss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JointIntervals:
    """Intervals that hold for all variants of a run and all three limits at once, over all looks at the run.

    A limit outside one of them is certainly met or missed: wrong in at most 2.5 of 100 runs.
    """

    quality: Interval
    total_p95_s: Interval | None
    cost_usd_per_1k: Interval


def joint_intervals(scores: Floats, total_s: Floats, cost_usd_per_1k: Floats, plan: RunPlan) -> JointIntervals:
    """Compute one variant's joint intervals from its scores, seconds and costs, each of shape (rows,)."""
    level = level_of_look(plan.looks) if len(scores) == len(plan.test_ids) else WATCHED
    tail = CERTAIN_ERROR * level / RUN_ERROR / (LIMITS_PER_VARIANT * max(len(plan.variants), 1))
    return JointIntervals(
        quality=joint_interval(scores, tail),
        total_p95_s=quantile_joint(total_s, 0.95, tail),
        cost_usd_per_1k=joint_interval(cost_usd_per_1k, tail, most=math.inf),
    )
