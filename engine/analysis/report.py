"""A finished run, assessed under the user's limits: its figures, the costs in total and the verdict. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.analysis.break_even import with_limits
from engine.analysis.figures import RunFigures, run_figures
from engine.analysis.run_table import RunTable
from engine.analysis.verdict import decide
from engine.analysis.verdict_types import Verdict
from engine.core.limits import Limits
from engine.core.run.manifest import Conditions
from engine.core.run.plan import RunPlan
from engine.core.task import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Report(RunFigures):
    """A run in figures, assessed under the user's limits."""

    limits: Limits
    verdict: Verdict


def assess(plan: RunPlan, task: Task, table: RunTable, conditions: Conditions, limits: Limits) -> Report:
    """Assess a run under the user's limits. Variants without a single prediction are left out."""
    return judge(run_figures(plan, task, table, conditions), limits)


def judge(run: RunFigures, limits: Limits) -> Report:
    """Set limits: what each variant costs in total, and the verdict."""
    train_rows = len(run.plan.train_ids)
    found = tuple(replace(item, cost=with_limits(item.cost, item.variant, train_rows, limits)) for item in run.figures)
    run = replace(run, figures=found)
    return Report(
        plan=run.plan,
        task_title=run.task_title,
        metric=run.metric,
        is_share=run.is_share,
        figures=found,
        differences=run.differences,
        limits=limits,
        verdict=decide(run, limits),
    )
