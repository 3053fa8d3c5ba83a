"""Several runs one after the other in the background: finished runs are kept, unfinished ones are resumed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.analysis.snapshot import RunProgress, RunSnapshot
from engine.core.errors import AdaptLabError
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.core.run.standing import asks_once_more, is_finished
from engine.metrics import wording as say
from engine.running.planning import same_experiment
from engine.services.background.jobs import POLL_S, Job
from engine.services.models import model_has_changed
from engine.services.plans import Plans
from engine.services.results import Results
from engine.services.runs import Runs
from engine.services.workspace import ModelStore
from engine.studies.study_runs import measured_in_words


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
    """What is being measured, in words."""
    rows_done: int
    """Answers of the run that is in progress."""
    rows_total: int
    fraction: float
    """Share of the whole series that is done, 0 to 1, by its estimated seconds."""
    estimated_left_s: float | None
    """Of the whole series."""
    left_is_rough: bool
    """Whether it still leans on estimates."""
    failed: tuple[str, ...]
    """What went wrong with single runs; the others continued."""


def find_kept(runs: Runs, results: Results, models: ModelStore, plans: Sequence[RunPlan]) -> list[RunInfo | None]:
    """Return for each plan a kept run of this experiment, a finished one before others; each is looked at once.

    A run whose task asks or scores otherwise today, or whose model is another one today, is another experiment.
    """
    infos = runs.list()
    known: dict[str, RunPlan] = {}
    outdated: dict[str, bool] = {}
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
            if not same_experiment(known[info.run_id], plan):
                continue
            if info.run_id not in outdated:
                changed = results.is_outdated(info.run_id) or model_has_changed(models, results.manifest(info.run_id))
                outdated[info.run_id] = changed
            if not outdated[info.run_id]:
                alike.append(info)
        alike.sort(key=lambda info: (not is_finished(info), info.status != "done"))
        found.append(alike[0] if alike else None)
    return found


class RunSeries:
    """Carries out plans one by one in a thread of its own. Safe to use from other threads."""

    def __init__(self, planning: Plans, runs: Runs, results: Results, models: ModelStore, purpose: Purpose) -> None:
        """Begin with nothing to do; the runs are made for this purpose."""
        self._planning, self._runs, self._results, self._models = planning, runs, results, models
        self._purpose = purpose
        self._lock = threading.Lock()
        self._job: Job[None] | None = None
        self._name = ""
        self._plans: tuple[RunPlan, ...] = ()
        self._estimates_s: list[float] = []
        self._spent_s: list[float] = []
        self._run_id: str | None = None
        self._run_started: float | None = None
        self._studied_run = ""
        self._failed: list[str] = []

    def start(self, name: str, plans: Sequence[RunPlan], *, studied_run: str = "") -> None:
        """Begin a series, unless one is already running; `studied_run` is the run whose variants it measures again."""
        with self._lock:
            if self._job is not None and self._job.is_running:
                return
            self._name, self._plans, self._studied_run = name, tuple(plans), studied_run
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
            row = self._runs.progress(self._run_id) if self._run_id is not None else None
            fraction, left_s = self._how_far(done, row)
            return SeriesState(
                name=self._name,
                done=done,
                total=len(self._plans),
                is_running=is_running,
                run_id=self._run_id,
                now=measured_in_words(self._purpose, plan) if plan else "",
                rows_done=row.rows_done if row else 0,
                rows_total=row.rows_total if row else 0,
                fraction=fraction,
                estimated_left_s=left_s if is_running else None,
                left_is_rough=row is None or row.left_is_rough,
                failed=tuple(self._failed),
            )

    def _how_far(self, done: int, row: RunProgress | None) -> tuple[float, float | None]:
        """Return the share that is done and the seconds left.

        Estimates of later runs are scaled by how long the earlier ones took compared with theirs. The run in progress
        tells its own seconds left once it has answered rows; until then its estimate runs down.
        """
        if len(self._estimates_s) < len(self._plans):
            return done / max(len(self._plans), 1), None
        known = [(spent, estimate) for spent, estimate in zip(self._spent_s, self._estimates_s, strict=False) if spent]
        planned = sum(estimate for _spent, estimate in known)
        pace = sum(spent for spent, _estimate in known) / planned if planned else 1.0
        later = sum(self._estimates_s[done + 1 :]) * pace
        spent_s = sum(self._spent_s)
        now_s = 0.0
        if done < len(self._plans):
            since = time.monotonic() - self._run_started if self._run_started is not None else 0.0
            # A run that has ended has no seconds left, though its series may go on.
            own = row.estimated_left_s if row is not None and row.is_running else None
            now_s = max(self._estimates_s[done] * pace - since, 0.0) if own is None else own
            spent_s += since
        left_s = now_s + later
        return spent_s / (spent_s + left_s) if spent_s + left_s else done / max(len(self._plans), 1), left_s

    def _work(self, job: Job[None]) -> None:
        estimates = [self._estimate(plan) for plan in self._plans]
        with self._lock:
            self._estimates_s = estimates
        for plan in self._plans:
            job.tell(len(self._spent_s) / len(self._plans))
            with self._lock:
                self._run_started = time.monotonic()
            spent = self._carry_out(plan, job)
            job.tell(job.fraction)
            with self._lock:
                self._spent_s.append(spent)
                self._run_started = None

    def _estimate(self, plan: RunPlan) -> float:
        try:
            kept = self._kept(plan)
            return 0.0 if kept is not None and is_finished(kept) else self._planning.preflight(plan).estimated_s
        except AdaptLabError:
            return 0.0

    def _carry_out(self, plan: RunPlan, job: Job[None]) -> float:
        """Carry out one plan, unless it is done; return the seconds it took.

        Rows that a fault of the server left without an answer are asked for once more.
        """
        started = time.monotonic()
        try:
            kept = self._kept(plan)
            if kept is not None and is_finished(kept):
                return 0.0
            snapshot = self._carry_out_once(plan, kept, job)
            kept = self._kept(plan)
            if kept is not None and asks_once_more(kept) and not job.is_set():
                snapshot = self._carry_out_once(plan, kept, job)
        except AdaptLabError as error:
            self._fail(plan, error.what)
            return 0.0
        if snapshot.status == "failed":
            self._fail(plan, snapshot.message)
        elif snapshot.status == "done" and snapshot.passing and kept is not None and not job.is_set():
            lost = say.counted(snapshot.passing, "row")
            self._fail(plan, f"{lost} got no answer at the second try either, which counts as wrong.")
        return time.monotonic() - started

    def _carry_out_once(self, plan: RunPlan, kept: RunInfo | None, job: Job[None]) -> RunSnapshot:
        """Start a plan's run, or resume the one that is kept, and wait for its end."""
        if kept is None:
            run_id = self._runs.start(plan, purpose=self._purpose, studied_run=self._studied_run)
        else:
            run_id = self._runs.resume(kept.run_id, spending_limit_usd=plan.spending_limit_usd)
        with self._lock:
            self._run_id = run_id
        try:
            while (progress := self._runs.progress(run_id)) is not None and progress.is_running:
                if job.is_set():
                    self._runs.cancel(run_id)
                job.wait(POLL_S)
            return self._runs.snapshot(run_id)
        finally:
            with self._lock:
                self._run_id = None

    def _kept(self, plan: RunPlan) -> RunInfo | None:
        (kept,) = find_kept(self._runs, self._results, self._models, [plan])
        return kept

    def _fail(self, plan: RunPlan, what: str) -> None:
        with self._lock:
            self._failed.append(f"{measured_in_words(self._purpose, plan)}: {what}")
