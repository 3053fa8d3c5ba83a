"""Adding test rows to a finished run: what that takes, and the run made ready to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from engine.analysis.figures import RunFigures, priced, run_figures
from engine.core.errors import UsageError
from engine.core.run.infos import MoreRows, info_of
from engine.core.run.manifest import Manifest, Purpose, plan_fields
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.metrics.budget import spent_usd
from engine.running.preflight.more_rows import rows_left, with_more_rows
from engine.services.recorded import SAMPLE
from engine.services.workspace import Workspace


class RowAdder:
    """Adds rows to runs. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, kept_plan: Callable[[str], RunPlan]) -> None:
        """Add to the runs of this workspace; `kept_plan` returns a plan, checked against today's task and model."""
        self._workspace, self._kept_plan = workspace, kept_plan
        self._one_at_a_time = threading.Lock()

    def offer(self, run_id: str, needed: int) -> MoreRows | None:
        """Estimate what so many more rows take; None for a run that can take none."""
        if run_id == SAMPLE:
            return None
        manifest = self._workspace.store.manifest(run_id)
        try:
            plan = self._kept_plan(run_id)
            self._check(manifest)
        except UsageError:
            return None
        task = self._workspace.tasks.get(plan.task_id)
        run = run_figures(plan, task, self._workspace.files.table(run_id), manifest.conditions)
        left = len(rows_left(plan, task))
        rows = min(needed, left)
        return MoreRows(
            needed=needed,
            left=left,
            estimated_s=_seconds(run, manifest, rows),
            source=plan.prices.source if plan.prices else "",
            estimated_usd=_usd(run, rows),
            spent_usd=self._spent_usd(manifest),
        )

    def add(self, run_id: str, count: int, *, spending_limit_usd: float | None = None) -> RunPlan:
        """Plan the next rows of a run that is whole, for all its variants, under the conditions that it has.

        Nothing is answered yet: resuming the run does that, now or after a stop.

        Args:
            run_id: of the run.
            count: how many rows.
            spending_limit_usd: what the whole run may cost, agreed to anew where its answers cost money.

        Raises:
            UsageError: the run cannot take so many rows, or its cost is not agreed to.
        """
        with self._one_at_a_time:
            manifest = self._workspace.store.manifest(run_id)
            plan = self._kept_plan(run_id)
            self._check(manifest)
            extended = with_more_rows(plan, self._workspace.tasks.get(plan.task_id), count)
            if plan.prices is not None:
                extended = self._agreed(manifest, extended, count, spending_limit_usd)
            self._workspace.store.update_run(run_id, status="planned", manifest={"plan": plan_fields(extended)})
        return extended

    def _check(self, manifest: Manifest) -> None:
        """Refuse runs whose verdict would not be that of one run.

        Raises:
            UsageError: it is part of a study, from elsewhere, not whole, or ended early.
        """
        run_id = manifest.plan.run_id
        if manifest.purpose is not Purpose.COMPARISON:
            raise UsageError(f"Run {run_id} is part of a study, whose runs share their rows.", "Name a comparison.")
        if manifest.imported:
            raise UsageError(f"Run {run_id} was measured on another machine.", "Start a new run here.")
        if manifest.stopped_early is not None:
            raise UsageError(
                f"Run {run_id} ended early, as its leader was clear: more rows would not be judged by the same rule.",
                "Start a new run with more rows.",
            )
        info = info_of(manifest, len(self._workspace.store.predictions(run_id)))
        if manifest.status != "done" or info.rows_done < info.rows_total:
            raise UsageError(
                f"Run {run_id} still has rows to answer.", f"Resume it first, without more rows: --resume {run_id}."
            )

    def _spent_usd(self, manifest: Manifest) -> float:
        prices = manifest.plan.prices
        if prices is None:
            return 0.0
        return spent_usd(prices, self._workspace.store.predictions(manifest.plan.run_id)) + manifest.beside_usd

    def _agreed(self, manifest: Manifest, plan: RunPlan, count: int, limit_usd: float | None) -> RunPlan:
        task = self._workspace.tasks.get(plan.task_id)
        table = self._workspace.files.table(plan.run_id)
        spent, cost = (
            self._spent_usd(manifest),
            _usd(run_figures(manifest.plan, task, table, manifest.conditions), count),
        )
        if limit_usd is None or limit_usd <= spent:
            source = plan.prices.source if plan.prices else ""
            raise UsageError(
                f"{say.number(count)} more rows cost about {say.money(cost)} at {source}, beside "
                f"{say.money(spent)} spent so far.",
                f"Agree to a limit for the whole run: --spending-limit {max(spent + 1.5 * cost, 0.01):.2g}.",
            )
        return replace(plan, spending_limit_usd=limit_usd)


def _seconds(run: RunFigures, manifest: Manifest, rows: int) -> float:
    """Estimate from what this run measured: answers, loading, and what has to be prepared again; weights are kept."""
    going = [item for item in run.figures if item.variant.id not in manifest.out]
    again = sum(item.prepare_s or 0.0 for item in going if item.variant.lora is None)
    return (manifest.load_s or 0.0) + again + rows * sum(item.busy_s_per_call for item in going)


def _usd(run: RunFigures, rows: int) -> float:
    """Estimate what rows cost where answers are paid by the token."""
    return sum(item.cost_usd_per_1k / 1000 * rows for item in run.figures if priced(item.variant, run.plan))
