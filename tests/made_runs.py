"""Runs that were never carried out: made-up answers to real plans, with as many right as a test wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.analysis.run_table import RunTable, table_from_predictions
from engine.core.run.events import PredictionMade
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.metrics.pairwise import Difference, compare_all
from engine.running.planning import plan_run
from tests.memory_lab import memory_model, memory_task, script


def made_run(rows: int = 20, *, seed: int = 1) -> tuple[RunPlan, list[Prediction]]:
    """Return a plan of all techniques and what its variants answered, failures among it."""
    task = memory_task(rows=rows)
    plan = plan_run(task, memory_model(), techniques=list(Technique), limit=rows, seed=seed)
    return plan, predictions_of(plan, task)


def predictions_of(plan: RunPlan, task: Task, *, text: str = "") -> list[Prediction]:
    """Make up what a plan's variants answer; `text` stands in the place of what they write."""
    return [event.prediction for event in script(plan, task, text=text) if isinstance(event, PredictionMade)]


def compared(only_first: int, only_second: int, rows: int | None = None) -> Difference:
    """Compare two variants, of which each alone gets so many rows right, as a run compares its own."""
    differing = only_first + only_second
    scores = np.ones((2, max(differing, 1) if rows is None else rows))
    scores[1, :only_first] = scores[0, only_first:differing] = 0.0
    (found,) = compare_all(("first", "second"), scores, np.ones_like(scores, dtype=bool))
    return found


def table_of(plan: RunPlan, made: Sequence[Prediction]) -> RunTable:
    """Put predictions into columns."""
    return table_from_predictions([variant.id for variant in plan.variants], plan.test_ids, made)


def answered(plan: RunPlan, task: Task, right: float | Mapping[str, float]) -> RunTable:
    """Make up a run that is right on the first rows: on this share of them, or on a share per variant."""
    made = []
    for item in predictions_of(plan, task):
        share = right if isinstance(right, float) else right[item.variant_id]
        score = float(plan.test_ids.index(item.example_id) < share * len(plan.test_ids))
        made.append(replace(item, score=score, scores={"accuracy": score}, failure=None))
    return table_of(plan, made)
