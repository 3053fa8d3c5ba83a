"""Runs that go on in this process: each in a thread that only passes events along, one at a time on this machine.

Models, index and training live in processes of their own. Further runs queue and say so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from engine.analysis.progress import LiveRun
from engine.core.errors import AdaptLabError, UsageError
from engine.core.run.events import Event, PredictionMade, RunContinued, RunEnded, RunPaused, RunQueued
from engine.core.run.plan import RunPlan
from engine.running.runner import run
from engine.services.workspace import Shelf

QUEUE_POLL_S = 0.2


class LiveRuns:
    """The runs of this process by id. Safe to call from several threads."""

    def __init__(self, shelf: Shelf) -> None:
        """Begin with none."""
        self._shelf = shelf
        self._lock = threading.Lock()
        self._live: dict[str, LiveRun] = {}
        self._cancels: dict[str, threading.Event] = {}
        self._pauses: dict[str, threading.Event] = {}
        self._order: list[str] = []

    def begin(self, plan: RunPlan) -> None:
        """Carry out a kept plan in the background, unless it goes on already."""
        if self.is_going_on(plan.run_id):
            return
        live, cancel = LiveRun(plan, cores=int(self._shelf.machine()["cores"])), threading.Event()
        pause = threading.Event()
        with self._lock:
            self._live[plan.run_id], self._cancels[plan.run_id] = live, cancel
            self._pauses[plan.run_id] = pause
            self._order.append(plan.run_id)
        threading.Thread(
            target=self._pass_along, args=(plan, live, cancel, pause), name=f"run {plan.run_id}", daemon=True
        ).start()

    def is_going_on(self, run_id: str) -> bool:
        """Tell whether a run goes on or waits in this process."""
        with self._lock:
            live = self._live.get(run_id)
        return live is not None and live.snapshot().is_running

    def find(self, run_id: str) -> LiveRun | None:
        """Return a run that this process has carried out or carries out; None for others."""
        with self._lock:
            return self._live.get(run_id)

    def forget(self, run_id: str) -> None:
        """Forget a run.

        Raises:
            UsageError: it goes on.
        """
        with self._lock:
            live = self._live.get(run_id)
            if live is not None and live.snapshot().is_running:
                raise UsageError(f"Run {run_id} goes on.", "Cancel it before you delete it.")
            self._live.pop(run_id, None)

    def cancel(self, run_id: str) -> None:
        """Stop a run; what was done is kept."""
        with self._lock:
            cancel = self._cancels.get(run_id)
        if cancel is not None:
            cancel.set()

    def pause(self, run_id: str) -> None:
        """Let a run stand still after the row under way. It keeps the machine, so that it goes on as it began."""
        with self._lock:
            pause = self._pauses.get(run_id)
        if pause is not None:
            pause.set()

    def go_on(self, run_id: str) -> None:
        """Let a paused run go on."""
        with self._lock:
            pause = self._pauses.get(run_id)
        if pause is not None:
            pause.clear()

    def current_run_id(self) -> str | None:
        """Return the run that goes on or waits in this process."""
        with self._lock:
            runs = [(run_id, self._live[run_id]) for run_id in self._order if run_id in self._live]
        return next((run_id for run_id, live in runs if live.snapshot().is_running), None)

    def cancel_all(self) -> None:
        """Stop all runs."""
        with self._lock:
            cancels = list(self._cancels.values())
        for cancel in cancels:
            cancel.set()

    def events(self, plan: RunPlan, cancel: threading.Event) -> Iterator[Event]:
        """Carry out a kept plan in the caller's thread, once the machine is free."""
        task = self._shelf.task(plan.task_id)
        told = False
        while True:
            ended: RunEnded | None = None
            with self._shelf.machine_lock() as free:
                if free:
                    for event in run(plan, task, self._shelf.ports(plan.model_id), cancel):
                        if isinstance(event, RunEnded):
                            ended = event
                        else:
                            yield event
            if ended is not None:  # told only now: whoever stops listening at the end must not keep the machine
                yield ended
                return
            if not told:
                told = True
                yield RunQueued(run_id=plan.run_id, ahead="another run on this machine")
            if cancel.is_set():
                self._shelf.store.update_run(plan.run_id, status="cancelled")
                yield RunEnded(status="cancelled", message="Stopped while waiting.", mend="Resume to go on.")
                return
            time.sleep(QUEUE_POLL_S)

    def _pass_along(self, plan: RunPlan, live: LiveRun, cancel: threading.Event, pause: threading.Event) -> None:
        try:
            for event in self.events(plan, cancel):
                live.apply(event)
                if isinstance(event, PredictionMade) and not event.kept and pause.is_set():
                    _stand_still(live, cancel, pause)
            self._shelf.table(plan.run_id)  # kept from now on, so that the report of a large run opens at once
        except AdaptLabError as error:
            live.apply(RunEnded(status="failed", message=error.what, mend=error.mend))
        except Exception as error:  # the thread's end: a fault of ours must reach the screen  # noqa: BLE001
            live.apply(RunEnded(status="failed", message=f"{type(error).__name__}: {error}", mend="Resume the run."))
            with suppress(AdaptLabError):
                self._shelf.store.update_run(plan.run_id, status="failed")


def _stand_still(live: LiveRun, cancel: threading.Event, pause: threading.Event) -> None:
    """Wait between two rows: the runner is a generator, and does nothing while it is not asked for more."""
    live.apply(RunPaused())
    while pause.is_set() and not cancel.wait(QUEUE_POLL_S):
        pass
    live.apply(RunContinued())
