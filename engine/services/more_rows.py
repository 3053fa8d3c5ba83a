"""Adding test rows to a finished run: what that takes, and the run made ready to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from engine.analysis.figures import RunFigures, run_figures
from engine.analysis.run_table import RunTable
from engine.core.errors import AdaptLabError, UsageError
from engine.core.run.infos import MoreRows, info_of
from engine.core.run.manifest import Manifest, Purpose, plan_fields
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.metrics.budget import Budget, proposed_limit_usd
from engine.running.preflight.more_rows import rows_left, with_more_rows
from engine.running.preflight.remote_embedders import sources_of
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
            table = self._whole_table(manifest)
        except AdaptLabError:  # also where its server does not answer now
            return None
        task = self._workspace.tasks.get(plan.task_id)
        run = run_figures(plan, task, table, manifest.conditions)
        left = len(rows_left(plan, task))
        rows = min(needed, left)
        spent_usd, more_usd = self._paid(manifest, rows)
        return MoreRows(
            needed=needed,
            left=left,
            estimated_s=_seconds(run, manifest, rows),
            source=sources_of(plan),
            estimated_usd=more_usd,
            spent_usd=spent_usd,
        )

    def add(self, run_id: str, count: int, *, spending_limit_usd: float | None = None) -> RunPlan:
        """Plan the next rows of a run that is whole, for all its variants, under the conditions that it has.

        Nothing is answered yet: resuming the run does that, now or after a stop.

        Args:
            run_id: of the run.
            count: how many rows.
            spending_limit_usd: what the whole run may cost, agreed to again where its answers cost money.

        Raises:
            UsageError: the run cannot take so many rows, or its cost is not agreed to.
        """
        with self._one_at_a_time:
            manifest = self._workspace.store.manifest(run_id)
            plan = self._kept_plan(run_id)
            self._whole_table(manifest)
            extended = with_more_rows(plan, self._workspace.tasks.get(plan.task_id), count)
            if plan.sources:
                extended = self._agreed(manifest, extended, count, spending_limit_usd)
            self._workspace.store.update_run(run_id, status="planned", manifest={"plan": plan_fields(extended)})
        return extended

    def _whole_table(self, manifest: Manifest) -> RunTable:
        """Return a run's answers; refuse runs whose verdict would not be that of one run.

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
        table = self._workspace.files.table(run_id)
        info = info_of(manifest, table.predictions)
        if manifest.status != "done" or info.rows_done < info.rows_total:
            raise UsageError(
                f"Run {run_id} still has rows to answer.",
                f"Resume it first, without more rows (terminal: --resume {run_id}).",
            )
        return table

    def _paid(self, manifest: Manifest, rows: int) -> tuple[float, float]:
        """Return what a run has cost so far where tokens are paid for, and about what so many more rows cost there."""
        plan = manifest.plan
        if not plan.sources:
            return 0.0, 0.0
        budget, made = Budget.of(plan, spent=manifest.beside_usd), self._workspace.store.predictions(plan.run_id)
        budget.pay(made)
        going_usd = budget.cost_usd([one for one in made if one.variant_id not in manifest.out])
        return budget.spent_usd, going_usd / len(plan.test_ids) * rows

    def _agreed(self, manifest: Manifest, plan: RunPlan, count: int, limit_usd: float | None) -> RunPlan:
        spent, cost = self._paid(manifest, count)
        if limit_usd is None or limit_usd <= spent:
            enough = f"{proposed_limit_usd(cost, spent_usd=spent):.2f}"
            raise UsageError(
                f"{say.number(count)} more rows cost about {say.money(cost)} at {sources_of(plan)}, beside "
                f"{say.money(spent)} spent so far.",
                f"Agree to a limit for the whole run (terminal: --spending-limit {enough}).",
            )
        return replace(plan, spending_limit_usd=limit_usd)


def _seconds(run: RunFigures, manifest: Manifest, rows: int) -> float:
    """Estimate from what this run measured: answers, loading, and what has to be prepared again; weights are kept."""
    going = [item for item in run.figures if item.variant.id not in manifest.out]
    again = sum(item.prepare_s or 0.0 for item in going if item.variant.lora is None)
    return (manifest.load_s or 0.0) + again + rows * sum(item.busy_s_per_call for item in going)
