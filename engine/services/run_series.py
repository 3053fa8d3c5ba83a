"""Several runs one after the other in the background: finished runs are kept, unfinished ones are resumed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.errors import AdaptLabError
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.running.planning import same_experiment
from engine.services.jobs import POLL_S, Job
from engine.services.results import Results
from engine.services.runs import Runs


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesState:
    """A series so far."""

    name: str
    done: int
    total: int
    is_running: bool
    run_id: str | None
    """The run that is in progress."""
    now: str
    """What is being done, in words."""
    estimated_left_s: float | None
    failed: tuple[str, ...]
    """What went wrong with single runs; the others continued."""


def find_kept(runs: Runs, results: Results, plans: Sequence[RunPlan]) -> list[RunInfo | None]:
    """Return for each plan a kept run of this experiment, a finished one before others; the store is asked once.

    A run whose task asks or scores otherwise today is another experiment.
    """
    infos = runs.list()
    known: dict[str, RunPlan] = {}
    found = []
    for plan in plans:
        alike = []
        for info in infos:
            if (info.task_id, info.model_id, info.seed) != (plan.task_id, plan.model_id, plan.seed):
                continue
            if info.imported and info.status != "done":  # it cannot be continued here
                continue
            if info.run_id not in known:
                known[info.run_id] = results.plan(info.run_id)
            if same_experiment(known[info.run_id], plan) and not results.is_outdated(info.run_id):
                alike.append(info)
        found.append(next((info for info in alike if info.status == "done"), alike[0] if alike else None))
    return found


class RunSeries:
    """Carries out plans one by one in a thread of its own. Safe to use from other threads."""

    def __init__(self, runs: Runs, results: Results, purpose: Purpose) -> None:
        """Begin with nothing to do; the runs are made for this purpose."""
        self._runs, self._results, self._purpose = runs, results, purpose
        self._lock = threading.Lock()
        self._job: Job[None] | None = None
        self._name = ""
        self._plans: tuple[RunPlan, ...] = ()
        self._estimates_s: list[float] = []
        self._spent_s: list[float] = []
        self._run_id: str | None = None
        self._failed: list[str] = []

    def start(self, name: str, plans: Sequence[RunPlan]) -> None:
        """Begin a series, unless one is already running."""
        with self._lock:
            if self._job is not None and self._job.is_running:
                return
            self._name, self._plans = name, tuple(plans)
            self._estimates_s, self._spent_s, self._failed = [], [], []
            self._job = Job(f"series {name}", self._work)
            self._job.start()

    def cancel(self) -> None:
        """Stop; the current run is kept, and the next start resumes it."""
        with self._lock:
            job, run_id = self._job, self._run_id
        if job is not None:
            job.cancel()
        if run_id is not None:
            self._runs.cancel(run_id)

    def state(self) -> SeriesState:
        """Return the series so far."""
        with self._lock:
            done, is_running = len(self._spent_s), self._job is not None and self._job.is_running
            plan = self._plans[done] if is_running and done < len(self._plans) else None
            return SeriesState(
                name=self._name,
                done=done,
                total=len(self._plans),
                is_running=is_running,
                run_id=self._run_id,
                now=_words(plan) if plan else "",
                estimated_left_s=self._left_s(done) if is_running else None,
                failed=tuple(self._failed),
            )

    def _left_s(self, done: int) -> float | None:
        """Scale the estimates of what is left by how long the runs so far took compared with theirs."""
        if len(self._estimates_s) < len(self._plans):
            return None
        known = [(spent, estimate) for spent, estimate in zip(self._spent_s, self._estimates_s, strict=False) if spent]
        planned = sum(estimate for _spent, estimate in known)
        pace = sum(spent for spent, _estimate in known) / planned if planned else 1.0
        return sum(self._estimates_s[done:]) * pace

    def _work(self, job: Job[None]) -> None:
        estimates = [self._estimate(plan) for plan in self._plans]
        with self._lock:
            self._estimates_s = estimates
        for plan in self._plans:
            job.tell(len(self._spent_s) / len(self._plans))
            spent = self._carry_out(plan, job)
            job.tell(job.fraction)
            with self._lock:
                self._spent_s.append(spent)

    def _estimate(self, plan: RunPlan) -> float:
        try:
            (kept,) = find_kept(self._runs, self._results, [plan])
            return 0.0 if kept is not None and kept.status == "done" else self._runs.preflight(plan).estimated_s
        except AdaptLabError:
            return 0.0

    def _carry_out(self, plan: RunPlan, job: Job[None]) -> float:
        """Carry out one plan, unless it is done; return the seconds it took."""
        try:
            (kept,) = find_kept(self._runs, self._results, [plan])
            if kept is not None and kept.status == "done":
                return 0.0
            started = time.monotonic()
            run_id = self._runs.start(plan, purpose=self._purpose) if kept is None else self._runs.resume(kept.run_id)
            with self._lock:
                self._run_id = run_id
            while (snapshot := self._runs.snapshot(run_id)).is_running:
                if job.is_set():
                    self._runs.cancel(run_id)
                job.wait(POLL_S)
        except AdaptLabError as error:
            self._fail(plan, error.what)
            return 0.0
        if snapshot.status == "failed":
            self._fail(plan, snapshot.message)
        with self._lock:
            self._run_id = None
        return time.monotonic() - started

    def _fail(self, plan: RunPlan, what: str) -> None:
        with self._lock:
            self._failed.append(f"{_words(plan)}: {what}")


def _words(plan: RunPlan) -> str:
    return f"{len(plan.train_ids)} training rows, seed {plan.seed}"
