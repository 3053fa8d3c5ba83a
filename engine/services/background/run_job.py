"""A run in the background: a thread that only passes events along, one at a time on this machine.

Models, index and training live in processes of their own. Further runs queue and say so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

from engine.analysis.progress import LiveRun
from engine.core.errors import AdaptLabError, CancelledError
from engine.core.run.events import Event, PredictionMade, RunContinued, RunEnded, RunPaused, RunQueued
from engine.core.run.infos import RunEstimate
from engine.core.run.plan import RunPlan
from engine.core.steps import CancelSignal
from engine.running.preflight.pace import RunPace
from engine.running.runner import run
from engine.services.background.jobs import POLL_S, Job, in_turn
from engine.services.workspace import Workspace


def events(
    workspace: Workspace, plan: RunPlan, cancel: CancelSignal, enough: CancelSignal | None = None
) -> Iterator[Event]:
    """Carry out a kept plan in the caller's thread, once the machine is free.

    It is read again then: another process may have carried it out meanwhile, and added to it.
    """
    task = workspace.tasks.get(plan.task_id)
    pace = RunPace(plan, task)
    ended: RunEnded | None = None
    queued: list[Event] = [RunQueued(run_id=plan.run_id, ahead="another run on this machine")]
    steps = in_turn(
        workspace.machine.lock,
        lambda: run(workspace.store.manifest(plan.run_id).plan, task, workspace.ports(plan.model_id), cancel, enough),
        stopped=cancel.is_set,
        waiting=queued,
    )
    try:
        for event in steps:
            pace.take(event)
            if isinstance(event, RunEnded):
                ended = event  # reported once the machine is free: a listener that stops then must not keep it
            else:
                yield event
    except CancelledError:
        workspace.store.update_run(plan.run_id, status="cancelled")
        ended = RunEnded(status="cancelled", message="Stopped while waiting.", fix="Resume to continue.")
    with suppress(AdaptLabError, OSError):  # no run fails for want of what only estimates need
        if figures := pace.figures():
            digest = workspace.store.manifest(plan.run_id).model.digest
            workspace.paces.keep(digest, {**workspace.paces.read().get(digest, {}), **figures})
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

    @property
    def is_running(self) -> bool:
        """Tell whether more events will come."""
        return self.live.is_running

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
