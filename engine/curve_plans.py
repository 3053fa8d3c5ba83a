"""The runs that a learning curve is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from engine.defaults import Choices, default_shots
from engine.run import RunPlan
from engine.task import Task
from engine.variant import DecodingMode, Technique


class Planner(Protocol):
    """What is needed to plan runs; `engine.laboratory.Laboratory` fulfils it."""

    def task(self, task_id: str) -> Task:
        """A task."""
        ...

    def plan(
        self,
        *,
        task_id: str,
        model_id: str,
        techniques: Sequence[Technique],
        limit: int | None = None,
        train_rows: int = 50,
        seed: int = 0,
        decoding: DecodingMode = DecodingMode.CHOICE,
        throughput: bool = False,
        choices: Choices | None = None,
    ) -> RunPlan:
        """Fix what a run computes."""
        ...


def curve_plans(
    lab: Planner,
    *,
    task_id: str,
    model_id: str,
    techniques: Sequence[Technique],
    sizes: Sequence[int],
    draws: int,
    test_rows: int,
    decoding: DecodingMode,
) -> list[RunPlan]:
    """Plan one run per draw and number of rows, all on the same test rows, cheap ones first.

    Rows are answered in batches, since quality alone is wanted. Few-shot shows as many rows as there are, up to the
    task's usual number. No rows are one zero-shot run, which no draw changes.
    """
    shots = default_shots(lab.task(task_id))

    def planned(chosen: Sequence[Technique], size: int, seed: int) -> RunPlan:
        return lab.plan(
            task_id=task_id,
            model_id=model_id,
            techniques=chosen,
            limit=test_rows,
            train_rows=size,
            seed=seed,
            decoding=decoding,
            throughput=True,
            choices=Choices(shots_k=min(size, shots)) if size else None,
        )

    rows = planned([Technique.ZERO_SHOT], 1, 0)
    plans = [rows] if 0 in sizes else []
    for size in sorted(size for size in set(sizes) if size):
        plans += [replace(planned(techniques, size, seed), test_ids=rows.test_ids) for seed in range(draws)]
    return plans
