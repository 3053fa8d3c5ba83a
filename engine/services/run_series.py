"""Several runs one after the other in the background: what is there already is kept, what is half done goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engine.analysis.progress import RunSnapshot
from engine.core.errors import AdaptLabError
from engine.core.run.infos import Preflight, RunInfo
from engine.core.run.plan import RunPlan

POLL_S = 0.2


class SeriesLaboratory(Protocol):
    """What a series asks for; `engine.services.lab.Laboratory` fulfils it."""

    def runs(self) -> list[RunInfo]:
        """Kept runs, newest first."""
        ...

    def plan_of(self, run_id: str) -> RunPlan:
        """A kept run's plan."""
        ...

    def preflight(self, plan: RunPlan) -> Preflight:
        """What a plan will take."""
        ...

    def start(self, plan: RunPlan) -> str:
        """Begin a run."""
        ...

    def resume(self, run_id: str) -> str:
        """Go on with one."""
        ...

    def cancel(self, run_id: str) -> None:
        """Stop one."""
        ...

    def snapshot(self, run_id: str) -> RunSnapshot:
        """A run as it stands."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesState:
    """A series as it stands."""

    name: str
    done: int
    total: int
    going_on: bool
    run_id: str | None
    """The run that goes on."""
    now: str
    """What is being done, in words."""
    estimated_left_s: float | None
    failed: tuple[str, ...]
    """What went wrong with single runs; the others went on."""


def same_experiment(first: RunPlan, second: RunPlan) -> bool:
    """Tell whether two plans compute the same, whatever they are called and assume of costs."""
    return replace(first, run_id="", costs=second.costs) == replace(second, run_id="")


def find_kept(lab: SeriesLaboratory, plan: RunPlan) -> RunInfo | None:
    """Return a kept run of this experiment, a finished one before others; None if there is none."""
    return find_all_kept(lab, [plan])[0]


def find_all_kept(lab: SeriesLaboratory, plans: Sequence[RunPlan]) -> list[RunInfo | None]:
    """Return for each plan a kept run of this experiment, or None; the store is asked once."""
    runs = lab.runs()
    known: dict[str, RunPlan] = {}
    found = []
    for plan in plans:
        alike = []
        for info in runs:
            if (info.task_id, info.model_id, info.seed) != (plan.task_id, plan.model_id, plan.seed):
                continue
            if info.run_id not in known:
                known[info.run_id] = lab.plan_of(info.run_id)
            if same_experiment(known[info.run_id], plan):
                alike.append(info)
        found.append(next((info for info in alike if info.status == "done"), alike[0] if alike else None))
    return found


class RunSeries:
    """Carries out plans one by one in a thread of its own. Safe to ask from other threads."""

    def __init__(self, lab: SeriesLaboratory) -> None:
        """Begin with nothing to do."""
        self._lab = lab
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._name = ""
        self._plans: tuple[RunPlan, ...] = ()
        self._estimates_s: list[float] = []
        self._spent_s: list[float] = []
        self._run_id: str | None = None
        self._failed: list[str] = []

    def start(self, name: str, plans: Sequence[RunPlan]) -> None:
        """Begin a series, unless one goes on already."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stop.clear()
            self._name, self._plans = name, tuple(plans)
            self._estimates_s, self._spent_s, self._failed = [], [], []
            self._thread = threading.Thread(target=self._work, name=f"series {name}", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop after what is done; the run that goes on is kept and goes on with the next start."""
        self._stop.set()
        with self._lock:
            run_id = self._run_id
        if run_id is not None:
            self._lab.cancel(run_id)

    def state(self) -> SeriesState:
        """Return the series as it stands."""
        with self._lock:
            done, going_on = len(self._spent_s), self._thread is not None and self._thread.is_alive()
            plan = self._plans[done] if going_on and done < len(self._plans) else None
            rows = f"{len(plan.train_ids)} training rows, draw {plan.seed}" if plan else ""
            return SeriesState(
                name=self._name,
                done=done,
                total=len(self._plans),
                going_on=going_on,
                run_id=self._run_id,
                now=rows,
                estimated_left_s=self._left_s(done) if going_on else None,
                failed=tuple(self._failed),
            )

    def _left_s(self, done: int) -> float | None:
        """Scale the estimates of what is left by what the runs so far took of theirs."""
        if len(self._estimates_s) < len(self._plans):
            return None
        known = [(spent, estimate) for spent, estimate in zip(self._spent_s, self._estimates_s, strict=False) if spent]
        planned = sum(estimate for _spent, estimate in known)
        pace = sum(spent for spent, _estimate in known) / planned if planned else 1.0
        return sum(self._estimates_s[done:]) * pace

    def _work(self) -> None:
        estimates = [self._estimate(plan) for plan in self._plans]
        with self._lock:
            self._estimates_s = estimates
        for plan in self._plans:
            if self._stop.is_set():
                return
            spent = self._carry_out(plan)
            if self._stop.is_set():
                return
            with self._lock:
                self._spent_s.append(spent)

    def _estimate(self, plan: RunPlan) -> float:
        try:
            kept = find_kept(self._lab, plan)
            return 0.0 if kept is not None and kept.status == "done" else self._lab.preflight(plan).estimated_s
        except AdaptLabError:
            return 0.0

    def _carry_out(self, plan: RunPlan) -> float:
        """Carry out one plan, unless it is done; return the seconds it took."""
        try:
            kept = find_kept(self._lab, plan)
            if kept is not None and kept.status == "done":
                return 0.0
            run_id = self._lab.start(plan) if kept is None else self._lab.resume(kept.run_id)
            with self._lock:
                self._run_id = run_id
            started = time.monotonic()
            while (snapshot := self._lab.snapshot(run_id)).is_running:
                if self._stop.is_set():
                    self._lab.cancel(run_id)
                time.sleep(POLL_S)
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
            self._failed.append(f"{len(plan.train_ids)} training rows, draw {plan.seed}: {what}")
