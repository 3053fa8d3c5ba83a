"""A run as it stands: folded from events, read by every screen.

`LiveRun` takes events in one thread; `snapshot()` may be called from any other and returns frozen figures.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from engine.core.interval import Interval
from engine.core.ports import Progress
from engine.core.run.events import (
    Event,
    LeaderClear,
    Notice,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunContinued,
    RunEnded,
    RunPaused,
    RunQueued,
    RunStarted,
    TextStreamed,
    VariantReady,
)
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.variant import Variant
from engine.metrics.budget import spent_usd
from engine.metrics.costing import energy_of, local_cost_usd
from engine.metrics.intervals import mean_interval, quantile

RUNNING = frozenset({"queued", "starting", "preparing", "running", "paused"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One variant of a run as it stands."""

    variant: Variant
    state: str
    """`waiting`, `preparing`, `ready`, `answering`, `done`."""
    rows_done: int
    rows_total: int
    quality: Interval | None
    """Mean primary score over all answered rows; failures count as wrong."""
    failed: int
    prepare_s: float | None
    prepare_reused: bool
    progress: Progress | None
    """Of its preparation, while that goes on."""
    ttft_p50_s: float | None
    total_p50_s: float | None
    total_p95_s: float | None
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    estimated_cost_usd_per_1k: float | None
    text: str
    """The answer being written, or the last one."""
    target: str
    """Target of that row."""
    last: Prediction | None
    running_quality: tuple[float, ...]
    """Mean score after each row, in order."""
    latencies_s: tuple[float, ...]
    outcomes: tuple[tuple[str, str], ...]
    """(example id, `right` | `wrong` | `failed`) for each row in order; `right` is a score of at least 0.5."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSnapshot:
    """A run as it stands."""

    plan: RunPlan
    status: str
    """`queued`, `starting`, `preparing`, `running`, `paused`, `done`, `cancelled`, `failed`."""
    message: str
    mend: str
    lanes: tuple[Lane, ...]
    rows_done: int
    """Predictions made, over all variants."""
    rows_total: int
    elapsed_s: float
    estimated_left_s: float | None
    notices: tuple[str, ...]
    model_progress: Progress | None
    clear_leader: str | None = None
    """The variant for whose clear lead the run ended before its last row."""

    @property
    def is_running(self) -> bool:
        """Tell whether more events will come."""
        return self.status in RUNNING


@dataclass(slots=True)
class _LaneState:
    """What is gathered for a lane between snapshots."""

    variant: Variant
    state: str = "waiting"
    predictions: list[Prediction] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    running: list[float] = field(default_factory=list)
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    failed: int = 0
    prepare_s: float | None = None
    reused: bool = False
    progress: Progress | None = None
    text: str = ""
    target: str = ""


def outcome(prediction: Prediction) -> str:
    """Name a prediction's outcome: `right` (score of at least 0.5), `wrong` or `failed`."""
    if prediction.failure is not None:
        return "failed"
    return "right" if (prediction.score or 0.0) >= 0.5 else "wrong"


class LiveRun:
    """Gathers a run's events into what screens show. Thread-safe."""

    def __init__(self, plan: RunPlan, *, cores: int = 1) -> None:
        """Begin an empty run; `cores` serve the energy estimate."""
        self._plan = plan
        self._cores = cores
        self._lock = threading.Lock()
        self._lanes = {variant.id: _LaneState(variant=variant) for variant in plan.variants}
        self._status = "starting"
        self._message = ""
        self._mend = ""
        self._notices: list[str] = []
        self._model_progress: Progress | None = None
        self._started = time.monotonic()
        self._rows_started: float | None = None
        self._rows_kept = 0
        self._ended: float | None = None
        self._paused: float | None = None
        self._paused_s = 0.0
        self._clear_leader: str | None = None

    def apply(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        match event:
            case RunQueued():
                self._status, self._message = "queued", f"Waiting for {event.ahead}."
            case RunStarted():
                self._status, self._message = "preparing", ""
            case RunPaused():
                self._status, self._paused = "paused", time.monotonic()
            case RunContinued():
                self._status = "running"
                self._stop_pause()
            case LeaderClear():
                self._clear_leader = event.variant_id
            case Notice():
                self._notices.append(event.text)
            case RunEnded():
                self._status, self._message, self._mend = event.status, event.message, event.mend
                self._stop_pause()
                self._ended = time.monotonic()
            case _:
                self._apply_to_lane(event)

    def _apply_to_lane(self, event: Event) -> None:
        match event:
            case PreparationProgress(variant_id=""):
                self._model_progress = event.progress
            case PreparationProgress():
                lane = self._lanes[event.variant_id]
                lane.state, lane.progress = "preparing", event.progress
            case VariantReady():
                lane = self._lanes[event.variant_id]
                lane.state, lane.progress = "ready", None
                lane.prepare_s, lane.reused = event.prepare_s, event.reused
            case PredictionStarted():
                if self._rows_started is None:
                    self._rows_started = time.monotonic()
                self._status, self._model_progress = "running", None
                lane = self._lanes[event.variant_id]
                lane.state, lane.text, lane.target = "answering", "", event.target
            case TextStreamed():
                self._lanes[event.variant_id].text += event.text
            case PredictionMade():
                self._add(event.prediction)
                self._rows_kept += event.kept

    def _stop_pause(self) -> None:
        if self._paused is not None:
            self._paused_s += time.monotonic() - self._paused
            self._paused = None

    def _add(self, prediction: Prediction) -> None:
        lane = self._lanes[prediction.variant_id]
        lane.predictions.append(prediction)
        lane.scores.append(prediction.score or 0.0)
        before = lane.running[-1] if lane.running else 0.0
        count = len(lane.scores)
        lane.running.append(before + (lane.scores[-1] - before) / count)
        lane.outcomes.append((prediction.example_id, outcome(prediction)))
        lane.failed += prediction.failure is not None
        lane.text, lane.target = prediction.text, prediction.target
        lane.state = "done" if count >= len(self._plan.test_ids) else "ready"

    def predictions(self, variant_id: str) -> list[Prediction]:
        """Return the predictions of one variant so far."""
        with self._lock:
            return list(self._lanes[variant_id].predictions)

    def snapshot(self) -> RunSnapshot:
        """Return the run as it stands."""
        with self._lock:
            copies = [
                replace(
                    lane,
                    predictions=list(lane.predictions),
                    scores=list(lane.scores),
                    running=list(lane.running),
                    outcomes=list(lane.outcomes),
                )
                for lane in self._lanes.values()
            ]
            status, message, mend = self._status, self._message, self._mend
            notices, model_progress = tuple(self._notices), self._model_progress
            now = self._paused or self._ended or time.monotonic()
            started = self._started + self._paused_s
            rows_paused_s, clear_leader = self._paused_s, self._clear_leader
            rows_started, kept = self._rows_started, self._rows_kept
        lanes = tuple(self._lane(copy) for copy in copies)
        done = sum(lane.rows_done for lane in lanes)
        total = len(self._plan.test_ids) * len(lanes)
        left = None
        if status in {"running", "paused"} and rows_started is not None and done > kept:
            left = (now - rows_started - rows_paused_s) / (done - kept) * (total - done)
        elif status not in RUNNING:
            left = 0.0
        return RunSnapshot(
            plan=self._plan,
            status=status,
            message=message,
            mend=mend,
            lanes=lanes,
            rows_done=done,
            rows_total=total,
            elapsed_s=now - started,
            estimated_left_s=left,
            notices=notices,
            model_progress=model_progress,
            clear_leader=clear_leader,
        )

    def _lane(self, lane: _LaneState) -> Lane:
        timings = [p.timing for p in lane.predictions]
        totals = [t.total_s for t in timings if t.total_s is not None]
        busy = [t.total_s if t.total_s is not None else (t.batch_share_s or 0.0) for t in timings]
        cost = None
        if lane.predictions:
            watt_hours, _measured = energy_of(timings, self._cores, self._plan.costs)
            cost = local_cost_usd(sum(busy), watt_hours, self._plan.costs) / len(busy) * 1000
        if lane.predictions and self._plan.prices is not None and lane.variant.generates:
            cost = spent_usd(self._plan.prices, lane.predictions) / len(lane.predictions) * 1000
        return Lane(
            variant=lane.variant,
            state=lane.state,
            rows_done=len(lane.predictions),
            rows_total=len(self._plan.test_ids),
            quality=mean_interval(lane.scores) if lane.scores else None,
            failed=lane.failed,
            prepare_s=lane.prepare_s,
            prepare_reused=lane.reused,
            progress=lane.progress,
            ttft_p50_s=quantile([t.ttft_s for t in timings if t.ttft_s is not None], 0.5),
            total_p50_s=quantile(totals, 0.5),
            total_p95_s=quantile(totals, 0.95),
            prefill_tokens_per_s=prefill_rate(lane.predictions),
            decode_tokens_per_s=decode_rate(lane.predictions),
            estimated_cost_usd_per_1k=cost,
            text=lane.text,
            target=lane.target,
            last=lane.predictions[-1] if lane.predictions else None,
            running_quality=tuple(lane.running),
            latencies_s=tuple(totals),
            outcomes=tuple(lane.outcomes),
        )


def prefill_rate(predictions: list[Prediction]) -> float | None:
    """Prompt tokens evaluated per second of prefill; kept ones do not count. None without figures."""
    tokens = sum(p.usage.prompt_tokens - p.usage.cached_prompt_tokens for p in predictions if p.timing.prefill_s)
    seconds = sum(p.timing.prefill_s or 0.0 for p in predictions)
    return tokens / seconds if tokens > 0 and seconds > 0 else None


def decode_rate(predictions: list[Prediction]) -> float | None:
    """Answer tokens per second of decoding; None without figures."""
    tokens = sum(p.usage.completion_tokens for p in predictions if p.timing.decode_s)
    seconds = sum(p.timing.decode_s or 0.0 for p in predictions)
    return tokens / seconds if tokens > 0 and seconds > 0 else None
