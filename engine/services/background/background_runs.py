"""Runs of this process: each in a thread that only passes events along, one at a time on this machine.

Models, index and training live in processes of their own. Further runs queue and say so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

from engine.analysis.progress import LiveRun
from engine.analysis.snapshot import RunProgress
from engine.core.errors import AdaptLabError, CancelledError, UsageError
from engine.core.run.events import Event, PredictionMade, RunContinued, RunEnded, RunPaused, RunQueued
from engine.core.run.infos import RunEstimate
from engine.core.run.plan import RunPlan
from engine.core.steps import CancelSignal
from engine.running.runner import run
from engine.services.background.jobs import POLL_S, Job, JobBook, in_turn
from engine.services.workspace import Workspace

MOST_REMEMBERED = 100
"""Runs whose events stay in memory; older ones are read from the store."""


def events(
    workspace: Workspace, plan: RunPlan, cancel: CancelSignal, enough: CancelSignal | None = None
) -> Iterator[Event]:
    """Carry out a kept plan in the caller's thread, once the machine is free."""
    task = workspace.tasks.get(plan.task_id)
    ended: RunEnded | None = None
    queued: list[Event] = [RunQueued(run_id=plan.run_id, ahead="another run on this machine")]
    steps = in_turn(
        workspace.machine.lock,
        lambda: run(plan, task, workspace.ports(plan.model_id), cancel, enough),
        stopped=cancel.is_set,
        waiting=queued,
    )
    try:
        for event in steps:
            if isinstance(event, RunEnded):
                ended = event  # reported once the machine is free: a listener that stops then must not keep it
            else:
                yield event
    except CancelledError:
        workspace.store.update_run(plan.run_id, status="cancelled")
        ended = RunEnded(status="cancelled", message="Stopped while waiting.", fix="Resume to continue.")
    if ended is not None:
        yield ended


class RunJob(Job[None]):
    """A run in the background."""

    def __init__(self, workspace: Workspace, plan: RunPlan, estimate: RunEstimate | None) -> None:
        """Describe it."""
        super().__init__(f"run {plan.run_id}", self._pass_along)
        self._workspace, self._plan = workspace, plan
        self.live = LiveRun(plan, workspace.store.manifest(plan.run_id).conditions, estimate)
        self.pause = threading.Event()
        self.enough = threading.Event()

    def _pass_along(self, _job: Job[None]) -> None:
        try:
            for event in events(self._workspace, self._plan, self, self.enough):
                self.live.apply(event)
                if isinstance(event, PredictionMade) and not event.kept and self.pause.is_set():
                    self._hold()
        except AdaptLabError as error:
            self.live.apply(RunEnded(status="failed", message=error.what, fix=error.fix))
        except Exception as error:  # the thread's end: a bug of ours must reach the screen  # noqa: BLE001
            self.live.apply(
                RunEnded(status="failed", message=f"{type(error).__name__}: {error}", fix="Resume the run.")
            )
            with suppress(AdaptLabError):
                self._workspace.store.update_run(self._plan.run_id, status="failed")
        self.live.release_rows()
        self._workspace.files.table(self._plan.run_id)  # kept from now on: a large run's report opens at once

    def _hold(self) -> None:
        """Wait between two rows: the runner is a generator, and does nothing while it is not asked for more."""
        self.live.apply(RunPaused())
        while self.pause.is_set() and not self.is_set():
            self.wait(POLL_S)
        self.live.apply(RunContinued())


class BackgroundRuns:
    """The runs of this process by id. Safe to call from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        """Begin with none."""
        self._workspace = workspace
        self._jobs: JobBook[RunJob] = JobBook(MOST_REMEMBERED)

    def begin(self, plan: RunPlan, estimate: RunEstimate | None = None) -> None:
        """Carry out a kept plan in the background, unless it is already running.

        Its time left begins with the estimate.
        """
        job = self._jobs.find(plan.run_id)
        if job is not None and job.live.is_running:
            return
        job = RunJob(self._workspace, plan, estimate)
        self._jobs.add(plan.run_id, job)
        job.start()

    def find(self, run_id: str) -> LiveRun | None:
        """Return a run that this process has carried out or is carrying out; None for others."""
        job = self._jobs.find(run_id)
        return job.live if job is not None else None

    def progress(self, run_id: str) -> RunProgress | None:
        """Return how far a run of this process is; None for others."""
        live = self.find(run_id)
        return live.progress() if live is not None else None

    def forget(self, run_id: str) -> None:
        """Forget a run.

        Raises:
            UsageError: it is still running.
        """
        job = self._jobs.find(run_id)
        if job is not None and job.live.is_running:
            raise UsageError(f"Run {run_id} is still running.", "Stop it before you delete it.")
        self._jobs.forget(run_id)

    def cancel(self, run_id: str) -> None:
        """Stop a run; what was done is kept."""
        self._jobs.cancel(run_id)

    def pause(self, run_id: str) -> None:
        """Pause a run after the current row. It keeps the machine, so that conditions stay the same."""
        if (job := self._jobs.find(run_id)) is not None:
            job.pause.set()

    def go_on(self, run_id: str) -> None:
        """Resume a paused run."""
        if (job := self._jobs.find(run_id)) is not None:
            job.pause.clear()

    def end_search(self, run_id: str) -> None:
        """End a run's search for settings; it goes on with the best so far."""
        if (job := self._jobs.find(run_id)) is not None:
            job.enough.set()

    def current_ids(self) -> list[str]:
        """Return the runs that are running or waiting in this process, in the order in which they began."""
        return [run_id for run_id, job in self._jobs.entries() if job.live.is_running]

    def events(self, plan: RunPlan, cancel: threading.Event, enough: threading.Event | None = None) -> Iterator[Event]:
        """Carry out a kept plan in the caller's thread, once the machine is free."""
        return events(self._workspace, plan, cancel, enough)

    def close(self) -> None:
        """Stop all runs."""
        self._jobs.close()
