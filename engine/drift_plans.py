"""The runs that show drift: a finished run's variants, unchanged, on other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from engine.perturbing import PERTURBATIONS
from engine.run import RunPlan, new_run_id
from engine.task import Task

DRIFT = "drift"


class DriftPlanner(Protocol):
    """What is needed; `engine.laboratory.Laboratory` fulfils it."""

    def task(self, task_id: str) -> Task:
        """A task."""
        ...

    def perturbed(self, task_id: str, kind: str, *, seed: int = 0) -> str:
        """Make a perturbed task; its id."""
        ...


def drift_plans(lab: DriftPlanner, base: RunPlan) -> Mapping[str, RunPlan]:
    """Plan a run per kind of change, all with the base run's variants, training rows, seed and decoding.

    The task's own drift rows come first, if it has any and the base run is not one on them; then
    each perturbation of the very rows of the base run.
    """
    plans = {}
    drift_ids = tuple(example.id for example in lab.task(base.task_id).split(DRIFT))
    if drift_ids and not set(drift_ids) & set(base.test_ids):
        plans[DRIFT] = replace(base, run_id=new_run_id(), test_ids=drift_ids)
    for kind in PERTURBATIONS:
        task_id = lab.perturbed(base.task_id, kind)
        plans[kind] = replace(base, run_id=new_run_id(), task_id=task_id)
    return plans
