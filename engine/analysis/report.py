"""A finished run, assessed under the user's limits: its figures, the costs in total and the verdict. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.analysis.break_even import local_line
from engine.analysis.figures import PER, Measured, VariantFigures, measure
from engine.analysis.run_table import RunTable
from engine.analysis.verdict import decide
from engine.analysis.verdict_types import Candidate, Verdict
from engine.core.limits import Limits
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.metrics.pairwise import Difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A run, assessed under the user's limits."""

    plan: RunPlan
    task_title: str
    metric: str
    is_share: bool
    """Whether the primary score is right or wrong on each row, so that its mean is a share of rows."""
    limits: Limits
    figures: tuple[VariantFigures, ...]
    differences: tuple[Difference, ...]
    verdict: Verdict

    def of(self, variant_id: str) -> VariantFigures:
        """Return a variant's figures."""
        return next(item for item in self.figures if item.variant.id == variant_id)


def assess(
    plan: RunPlan, task: Task, table: RunTable, manifest: Mapping[str, Any], limits: Limits, *, seed: int = 0
) -> Report:
    """Assess a run under the user's limits. Variants without a single prediction are left out."""
    return judge(measure(plan, task, table, manifest, seed=seed), limits)


def judge(measured: Measured, limits: Limits) -> Report:
    """Set limits: what each variant costs in total, and the verdict."""
    plan = measured.plan
    figures = tuple(
        replace(
            item,
            cost=local_line(
                item.variant,
                name=item.name,
                train_rows=len(plan.train_ids),
                prepare_s=item.prepare_s,
                cost_usd_per_call=item.cost_usd_per_1k.value / PER,
                busy_s_per_call=item.busy_s_per_call,
                costs=plan.costs,
                limits=limits,
            ),
        )
        for item in measured.figures
    )
    candidates = [_candidate(item) for item in figures]
    return Report(
        plan=plan,
        task_title=measured.task_title,
        metric=measured.metric,
        is_share=measured.is_share,
        limits=limits,
        figures=figures,
        differences=measured.differences,
        verdict=decide(candidates, measured.differences, limits, is_share=measured.is_share),
    )


def _candidate(item: VariantFigures) -> Candidate:
    return Candidate(
        variant=item.variant,
        name=item.name,
        rows=item.rows,
        quality=item.quality,
        p50_s=item.total_p50_s,
        p95_s=item.total_p95_s,
        busy_s_per_call=item.busy_s_per_call,
        cost_usd_per_1k=item.cost_usd_per_1k,
        cost=item.cost,
        prepare_s=item.prepare_s,
    )
