"""The current state of a run: folded from events, read by every screen.

`LiveRun` takes events in one thread; `snapshot()` may be called from any other and returns frozen figures.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from engine.analysis.course.lane_state import LaneState
from engine.analysis.course.run_steps import RunStep, run_steps, step_now
from engine.analysis.course.time_left import TimeLeft
from engine.analysis.figures import VariantFigures, best_corrected, figures
from engine.analysis.marks import origin_of
from engine.analysis.run_table import RowColumns, table_of_one
from engine.analysis.snapshot import RUNNING, Begin, Lane, RunProgress, RunSnapshot
from engine.core.run.effort import Search
from engine.core.run.events import (
    Event,
    LeaderClear,
    ModelLoaded,
    Notice,
    PlanSettled,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RowsAdded,
    RowsWithdrawn,
    RunContinued,
    RunEnded,
    RunPaused,
    RunQueued,
    RunStarted,
    Searched,
    TextStreamed,
    VariantOut,
    VariantReady,
)
from engine.core.run.infos import RunEstimate
from engine.core.run.manifest import Conditions
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.variant import variant_names


def _best_corrected(lanes: Sequence[Lane], planned_rows: int) -> tuple[Lane, ...]:
    """Correct the leading lane's interval for its having come out on top, as the report does."""
    known = [lane.figures for lane in lanes if lane.figures is not None]
    out = {lane.variant.id for lane in lanes if lane.is_out}
    corrected = {item.variant.id: item for item in best_corrected(known, planned_rows, out)}
    shares = all(item.is_share for item in known)
    return tuple(replace(lane, figures=corrected.get(lane.variant.id), is_share=shares) for lane in lanes)


FRESH_ROWS, STALE_SHARE = 1_000, 0.01
"""From so many rows on, the figures of a lane may lag behind by a hundredth of its rows while they come in.

They are computed from all rows each time, which would take the time of the answers. When the lane is done, or the run
pauses or has ended, they are those of all rows.
"""


class LiveRun:
    """Gathers a run's events into what screens show. Thread-safe."""

    def __init__(self, plan: RunPlan, conditions: Conditions, estimate: RunEstimate | None = None) -> None:
        """Begin an empty run; what was paid for in an earlier part of it stays with its variant.

        The time left begins with the estimate; without one it is unknown until the first answer.
        """
        self._plan = plan
        self._conditions = conditions
        self._lock = threading.Lock()
        self._figures_lock = threading.Lock()
        self._figures: dict[str, tuple[tuple[tuple[int, int], Conditions], VariantFigures | None]] = {}
        """By variant: withdrawals and rows, the conditions, and the figures of these."""
        self._lanes = {variant.id: LaneState(variant=variant) for variant in plan.variants}
        for variant_id, paid in conditions.prepared.items():
            lane = self._lanes[variant_id]
            lane.prepare_s, lane.prepare_reused = paid.prepare_s, paid.reused
        self._status = "starting"
        self._message = ""
        self._fix = ""
        self._goes_on = True
        self._notices: list[str] = []
        self._time_left = TimeLeft(plan, estimate)
        self._model_loaded = False
        self._clear_leader: str | None = None
        self._leader_rows = 0
        self._searches: dict[str, Search] = {}

    @property
    def is_running(self) -> bool:
        """Tell whether more events will come."""
        return self._status in RUNNING

    def progress(self) -> RunProgress:
        """Return how far the run is, without any figure: cheap enough to be asked every second on every page."""
        with self._lock:
            done, total = self._counted()
            return RunProgress(
                task_id=self._plan.task_id,
                status=self._status,
                rows_done=done,
                rows_total=total,
                estimated_left_s=self._time_left.seconds(time.monotonic()),
                left_is_rough=self._time_left.is_rough,
                step=step_now(self._steps()),
            )

    def _counted(self) -> tuple[int, int]:
        """Count the answers made, and all that the run is to make."""
        rows = [(lane.rows_done, lane.is_out) for lane in self._lanes.values()]
        return sum(made for made, _ in rows), sum(made if out else len(self._plan.test_ids) for made, out in rows)

    def _steps(self) -> tuple[RunStep, ...]:
        lanes = tuple(self._lanes.values())
        return run_steps(self._plan, self._status, lanes, model_loaded=self._model_loaded)

    def apply(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            self._apply(event)
            self._time_left.take(event, time.monotonic())

    def _apply(self, event: Event) -> None:
        match event:
            case RunQueued():
                self._status, self._message = "queued", f"Waiting for {event.ahead}."
            case RunStarted():
                self._status, self._message = "preparing", ""
                self._settle(event.plan)  # another process may have gone on with the run while this one waited
            case RunPaused():
                self._status = "paused"
            case RunContinued():
                self._status = "running"
            case LeaderClear():
                self._clear_leader, self._leader_rows = event.variant_id, event.rows
            case ModelLoaded():
                self._model_loaded = True
                self._conditions = replace(self._conditions, gpu=event.gpu)
            case Searched():
                self._searches[event.variant_id] = event.search
                if (lane := self._lanes.get(event.variant_id)) is not None:
                    lane.state, lane.progress = "waiting", None
            case PlanSettled() | RowsAdded():
                self._settle(event.plan)
            case Notice():
                self._notices.append(event.text)
            case RunEnded():
                self._status, self._message, self._fix = event.status, event.message, event.fix
                self._goes_on = event.goes_on
            case _:
                self._apply_to_lane(event)

    def _withdraw(self, places: Sequence[tuple[str, str]]) -> None:
        for variant_id, lane in self._lanes.items():
            if found := {example_id for name, example_id in places if name == variant_id}.intersection(
                lane.example_ids
            ):
                lane.withdraw(found)

    def _settle(self, plan: RunPlan) -> None:
        """Take a plan that changed: lanes have other settings or are gone, or there are more rows to answer."""
        self._plan = plan
        states = {variant.id: self._lanes.get(variant.id, LaneState(variant=variant)) for variant in plan.variants}
        for variant in plan.variants:
            lane = states[variant.id]
            lane.variant, lane.progress = variant, None
            if lane.state == "done" and not lane.is_out and lane.rows_done < len(plan.test_ids):
                lane.state = "ready"
        self._lanes = states

    def _apply_to_lane(self, event: Event) -> None:
        match event:
            case PreparationProgress() if event.variant_id:  # else it is of the model, which has no lane
                lane, over = self._lanes[event.variant_id], event.progress.fraction >= 1
                lane.state, lane.progress = ("ready", None) if over else ("preparing", event.progress)
            case VariantReady():
                lane = self._lanes[event.variant_id]
                lane.state, lane.progress = "ready", None
                known = {event.variant_id: event.paid} | dict(self._conditions.prepared)
                self._conditions, first = replace(self._conditions, prepared=known), known[event.variant_id]
                lane.prepare_s, lane.prepare_reused, lane.is_ready = first.prepare_s, first.reused, True
            case VariantOut():
                self._lanes[event.variant_id].out_after = event.rows
            case RowsWithdrawn():
                self._withdraw(event.places)
            case PredictionStarted():
                self._status = "running"
                lane = self._lanes[event.variant_id]
                lane.state, lane.text, lane.target = "answering", "", event.target
            case TextStreamed():
                self._lanes[event.variant_id].text += event.text
            case PredictionMade():
                self._add(event.prediction)

    def _add(self, prediction: Prediction) -> None:
        lane = self._lanes[prediction.variant_id]
        lane.add(prediction)
        lane.state = "done" if lane.rows_done >= len(self._plan.test_ids) else "ready"

    def snapshot(self) -> RunSnapshot:
        """Return the current state of the run."""
        with self._lock:
            states = tuple(self._lanes.values())
            found = [(self._lane(lane), lane.columns, lane.withdrawals) for lane in states]
            passing = sum(lane.passing for lane in states if lane.out_after is None and self._clear_leader is None)
            status, message, fix, goes_on = self._status, self._message, self._fix, self._goes_on
            notices = tuple(self._notices)
            plan, searches = self._plan, dict(self._searches)
            clear_leader, leader_rows = self._clear_leader, self._leader_rows
            done, total = self._counted()
            left, is_rough = self._time_left.seconds(time.monotonic()), self._time_left.is_rough
            steps = self._steps()
        measured = [
            replace(lane, figures=self._figures_of(lane, rows, withdrawals, may_lag=status == "running"))
            for lane, rows, withdrawals in found
        ]
        lanes = _best_corrected(measured, len(plan.test_ids))
        return RunSnapshot(
            plan=plan,
            status=status,
            message=message,
            fix=fix,
            goes_on=goes_on,
            lanes=lanes,
            rows_done=done,
            rows_total=total,
            estimated_left_s=left,
            left_is_rough=is_rough,
            steps=steps,
            notices=notices,
            clear_leader=clear_leader,
            leader_rows=leader_rows,
            searches=searches,
            passing=passing,
        )

    def release_rows(self) -> None:
        """Compute the figures of a run that has ended, and let go of the rows that they were computed from."""
        self.snapshot()
        with self._lock:
            for lane in self._lanes.values():
                lane.columns = RowColumns()

    def _lane(self, lane: LaneState) -> Lane:
        return Lane(
            variant=lane.variant,
            name=variant_names(self._plan.variants).get(lane.variant.id, lane.variant.name),
            state=lane.state,
            rows_done=lane.rows_done,
            rows_total=lane.rows_done if lane.is_out else len(self._plan.test_ids),
            is_ready=lane.is_ready,
            is_out=lane.is_out,
            figures=None,
            prepare_s=lane.prepare_s,
            prepare_reused=lane.prepare_reused,
            progress=lane.progress,
            text=lane.text,
            target=lane.target,
            last=lane.last,
            running_quality=Begin(lane.running),
            latencies_s=Begin(lane.latencies_s),
            example_ids=Begin(lane.example_ids),
            outcomes=Begin(lane.outcomes),
            origin=origin_of(self._plan, self._conditions),
        )

    def _figures_of(self, lane: Lane, columns: RowColumns, withdrawals: int, *, may_lag: bool) -> VariantFigures | None:
        """Compute a lane's figures once for all readers of the same rows, and seldomer where there are many rows."""
        variant_id, rows = lane.variant.id, lane.rows_done
        with self._figures_lock:
            kept = self._figures.get(variant_id)
            if kept is not None and len(columns) < rows:  # they are no longer held
                return kept[1]
            (kept_of, kept_conditions), kept_figures = kept or (((-1, 0), None), None)
            if kept_of[0] == withdrawals and kept_conditions == self._conditions:
                lags = may_lag and lane.state != "done" and kept_of[1] >= FRESH_ROWS
                if rows == kept_of[1] or (lags and rows < kept_of[1] * (1 + STALE_SHARE)):
                    return kept_figures
            conditions = self._conditions
            table = table_of_one(variant_id, lane.example_ids, columns)
            found = figures(lane.variant, table, self._plan, conditions, judged=False)
            if (withdrawals, rows) >= kept_of:  # a slow reader's rows do not take the place of newer ones
                self._figures[variant_id] = (((withdrawals, rows), conditions), found)
        return found
