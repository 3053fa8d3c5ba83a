"""Runs: started, paused, resumed, watched, deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from engine.analysis.snapshot import RunProgress, RunSnapshot
from engine.core.errors import AdaptLabError, UsageError
from engine.core.run.events import Event
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose, plan_fields
from engine.core.run.plan import RunPlan
from engine.services.background.jobs import JobBook
from engine.services.background.kept_runs import KeptRuns
from engine.services.background.run_job import RunJob, events
from engine.services.plans import Plans
from engine.services.recorded import SAMPLE, fold
from engine.services.workspace import Workspace
from engine.studies.past_purposes import purposes_of, split_of

MOST_REMEMBERED = 100
"""Runs of this process whose events stay in memory; older ones are read from the store."""


class Runs:
    """Carries out runs, one at a time on this machine. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, plans: Plans) -> None:
        """Run with these adapters; kept plans are checked by `plans`."""
        self._workspace, self._plans = workspace, plans
        self._jobs: JobBook[RunJob] = JobBook(MOST_REMEMBERED)
        self._kept = KeptRuns(workspace.store)

    def start(self, plan: RunPlan, *, purpose: Purpose = Purpose.COMPARISON, studied_run: str = "") -> str:
        """Keep a new run and carry it out in the background; return its id."""
        self._create(plan, purpose, studied_run)
        self._begin(plan)
        return plan.run_id

    def resume(self, run_id: str, *, spending_limit_usd: float | None = None) -> str:
        """Resume a kept run in the background, unless it is already running.

        Args:
            run_id: of the run.
            spending_limit_usd: what the whole run may cost, where that is agreed to again.

        Raises:
            UsageError: there is no such run, or its task or model has changed.
        """
        plan = self._plans.kept(run_id)
        if spending_limit_usd is not None:
            plan = replace(plan, spending_limit_usd=spending_limit_usd)
            self._agree(plan)
        self._workspace.files.forget(run_id)  # rows that a fault left without an answer are asked again
        self._begin(plan)
        return run_id

    def carry_out(
        self,
        plan: RunPlan,
        cancel: threading.Event,
        *,
        resume: bool,
        purpose: Purpose = Purpose.COMPARISON,
        studied_run: str = "",
        enough: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Carry out a plan in the caller's thread, as the terminal does; `enough` ends its search for settings.

        What was agreed to anew of a run that is resumed, its spending limit and where its rows may go, is kept with it.
        """
        if resume:
            self._plans.kept(plan.run_id)
            self._agree(plan)
            self._workspace.files.forget(plan.run_id)
        else:
            self._create(plan, purpose, studied_run)
        yield from events(self._workspace, plan, cancel, enough)

    def cancel(self, run_id: str) -> None:
        """Stop a run; what was done is kept."""
        self._jobs.cancel(run_id)

    def pause(self, run_id: str) -> None:
        """Pause a run after the current row. It keeps the machine, so that conditions stay the same."""
        if (job := self._jobs.find(run_id)) is not None:
            job.pause.set()

    def end_search(self, run_id: str) -> None:
        """End a run's search for settings; it goes on with the best so far."""
        if (job := self._jobs.find(run_id)) is not None:
            job.enough.set()

    def go_on(self, run_id: str) -> None:
        """Resume a paused run."""
        if (job := self._jobs.find(run_id)) is not None:
            job.pause.clear()

    def current_id(self) -> str | None:
        """Return the run that is running or waiting in this process."""
        return self._jobs.running_id()

    def current_ids(self) -> list[str]:
        """Return the runs that are running or waiting in this process, in the order in which they began."""
        return [run_id for run_id, _job in self._jobs.running()]

    def progress(self, run_id: str) -> RunProgress | None:
        """Return how far a run of this process is, without its figures; None for other runs."""
        job = self._jobs.find(run_id)
        return None if job is None else job.live.progress()

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Return a run so far: from memory, or rebuilt from the store.

        Raises:
            UsageError: there is no such run.
        """
        sample = self._workspace.files.sample() if run_id == SAMPLE else None
        if sample is not None:
            return fold(sample.manifest, sample.predictions).snapshot()
        job = self._jobs.find(run_id)
        return (job.live if job is not None else self._kept.find(run_id)).snapshot()

    def list(self) -> list[RunInfo]:
        """List kept runs, newest first."""
        return self._workspace.store.infos()

    def delete(self, run_id: str) -> None:
        """Delete a run for good.

        Raises:
            UsageError: there is no such run, or it is still running, here or in another process.
        """
        job = self._jobs.find(run_id)
        if job is not None and job.is_running:
            raise UsageError(f"Run {run_id} is still running.", "Stop it before you delete it.")
        with self._workspace.machine.lock() as free:
            if not free and self._workspace.store.manifest(run_id).status == "running":
                raise UsageError(
                    f"Run {run_id} may still be running in another window or terminal.",
                    "Stop it there, or wait until nothing runs; then delete it.",
                )
        self._jobs.forget(run_id)
        self._workspace.store.delete_run(run_id)
        self._workspace.files.forget(run_id)

    def close(self) -> None:
        """Stop all runs."""
        self._jobs.close()

    def _begin(self, plan: RunPlan) -> None:
        """Carry out a kept plan, unless it is already running; its time left begins with the estimate."""
        estimate = self._plans.estimate(plan)  # takes a while, in which no other run should wait
        self._jobs.begin(plan.run_id, lambda: RunJob(self._workspace, plan, estimate))

    def _agree(self, plan: RunPlan) -> None:
        fields = plan_fields(plan)
        agreed = {name: fields[name] for name in ("spending_limit_usd", "rows_to")}
        self._workspace.store.update_run(plan.run_id, manifest={"plan": agreed})

    def _create(self, plan: RunPlan, purpose: Purpose, studied_run: str = "") -> None:
        self._workspace.store.create_run(self._plans.manifest(plan, purpose, studied_run))


def classify_kept_runs(workspace: Workspace) -> None:
    """Keep purpose and split with runs of before runs had them, so that none of them poses as a comparison.

    A run whose task is gone keeps no split, and is looked at again when the folder is opened next. A purpose that a
    run was given when it was made is never changed.
    """
    found = workspace.store.without_split()
    if not found:
        return
    splits = {manifest.plan.run_id: _kept_split(workspace, manifest.plan) for manifest, _has_purpose in found}
    purposes = purposes_of([manifest for manifest, _has_purpose in found], splits)
    for manifest, has_purpose in found:
        run_id = manifest.plan.run_id
        purpose = {} if has_purpose else {"purpose": str(purposes[run_id])}
        split = {"split": splits[run_id]} if splits[run_id] else {}
        if purpose or split:
            workspace.store.update_run(run_id, manifest={**purpose, **split})


def _kept_split(workspace: Workspace, plan: RunPlan) -> str:
    with suppress(AdaptLabError):
        return split_of(plan, workspace.tasks.get(plan.task_id))
    return ""
