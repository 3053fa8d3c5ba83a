"""The time left of a whole run: it begins with the plan's estimate and learns from what the run measures.

Event times come from the caller, so that the same events with the same times give the same figure.
"""

from __future__ import annotations

from engine.core.run.events import (
    Event,
    ModelLoaded,
    PlanSettled,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RowsAdded,
    RunContinued,
    RunEnded,
    RunPaused,
    RunStarted,
    VariantOut,
    VariantReady,
)
from engine.core.run.infos import RunEstimate
from engine.core.run.plan import RunPlan
from engine.core.steps import Progress

SURE_AFTER_ROWS = 5
"""Answers of a variant after which only its measured pace counts; the estimate's weight falls evenly until then."""
LARGEST_CHANGE = 0.15
"""Share by which one event may change the figure, besides the seconds that have passed."""
SMALLEST_CHANGE_S = 1.0
"""What any event may change it by."""


class TimeLeft:
    """Folds a run's events into its time left. Not thread-safe: its owner locks."""

    def __init__(self, plan: RunPlan, estimate: RunEstimate | None = None) -> None:
        """Begin before the first event; without an estimate the first answers have to tell."""
        self._plan, self._estimate = plan, estimate
        self._told_s: float | None = None
        self._told_at = 0.0
        self._step_began: float | None = None
        self._step: tuple[str, Progress, float] | None = None
        self._model_loaded = self._rows_began = self._ended = False
        self._ready: set[str] = set()
        self._out: set[str] = set()
        self._answers: dict[str, int] = {}
        self._measured: dict[str, int] = {}
        self._spent_s: dict[str, float] = {}
        self._since: float | None = None
        self._paused: float | None = None
        self._searching = plan.effort is not None and not plan.effort.settled

    @property
    def is_rough(self) -> bool:
        """Tell whether it still leans on the estimate, and is best written in round figures."""
        going = [variant.id for variant in self._plan.variants if variant.id not in self._out]
        return any(self._left(name) and self._measured.get(name, 0) < SURE_AFTER_ROWS for name in going)

    def seconds(self, now: float) -> float | None:
        """Return the seconds left at a moment of the clock that the events were taken by; None while unknown."""
        if self._ended:
            return 0.0
        now = now if self._paused is None else self._paused
        found = self._unsmoothed(now)
        if found is None or self._told_s is None:
            return found
        return self._near(found, now, 0.0)

    def take(self, event: Event, now: float) -> None:
        """Take one event that came at this moment."""
        self._fold(event, now)
        if isinstance(event, RunPaused | RunContinued):
            return
        found = self._unsmoothed(now)
        if found is None:
            return
        if self._told_s is not None:
            found = self._near(found, now, max(LARGEST_CHANGE * self._told_s, SMALLEST_CHANGE_S))
        self._told_s, self._told_at = found, now

    def _near(self, found_s: float, now: float, change_s: float) -> float:
        """Keep a figure near what was told last, less the seconds that have passed since."""
        told_s = found_s if self._told_s is None else self._told_s
        lowest = max(told_s - (now - self._told_at) - change_s, 0.0)
        return min(max(found_s, lowest), told_s + change_s)

    def _fold(self, event: Event, now: float) -> None:
        match event:
            case RunStarted() | PlanSettled():
                self._plan, self._step_began, self._step = event.plan, now, None
                self._searching = event.plan.effort is not None and not event.plan.effort.settled
                self._ready.clear()
            case RowsAdded():
                self._plan = event.plan
            case ModelLoaded():
                self._model_loaded, self._step_began, self._step = True, now, None
            case PreparationProgress():
                self._step = (event.variant_id, event.progress, now)
            case VariantReady():
                self._ready.add(event.variant_id)
                self._model_loaded = True
                self._step_began, self._step = now, None
            case VariantOut():
                self._out.add(event.variant_id)
            case PredictionStarted():
                self._rows_began = True
                self._since = now if self._since is None else self._since
            case PredictionMade():
                self._count(event, now)
            case RunPaused():
                self._paused = now
            case RunContinued():
                self._resume(now)
            case RunEnded():
                self._ended = True

    def _count(self, event: PredictionMade, now: float) -> None:
        name = event.prediction.variant_id
        self._answers[name] = self._answers.get(name, 0) + 1
        if event.kept:
            return
        self._measured[name] = self._measured.get(name, 0) + 1
        self._spent_s[name] = self._spent_s.get(name, 0.0) + now - (now if self._since is None else self._since)
        self._since = now

    def _resume(self, now: float) -> None:
        if self._paused is None:
            return
        paused_s, self._paused = now - self._paused, None
        self._told_at += paused_s
        self._since = None if self._since is None else self._since + paused_s
        self._step_began = None if self._step_began is None else self._step_began + paused_s

    def _unsmoothed(self, now: float) -> float | None:
        rows_s = self._rows_left()
        if rows_s is None or (self._step_began is None and not self._rows_began):
            return None
        if not self._rows_began:
            return rows_s + self._preparing_left(now)
        # An answer being written counts down too, but by no more than an answer takes.
        under_way_s = now - (now if self._since is None else self._since)
        answers = sum(self._left(variant.id) for variant in self._plan.variants)
        return rows_s - min(under_way_s, rows_s / max(answers, 1))

    def _left(self, name: str) -> int:
        return 0 if name in self._out else max(len(self._plan.test_ids) - self._answers.get(name, 0), 0)

    def _rows_left(self) -> float | None:
        """Return the seconds that the missing answers take, each variant at its own pace."""
        expected = self._estimate.answer_s if self._estimate is not None else {}
        spent_s, measured = sum(self._spent_s.values()), sum(self._measured.values())
        if not expected and not measured:
            return None
        mean_s = spent_s / measured if measured else 0.0
        # One slow machine slows all variants, so those that were measured correct the estimates of the others.
        one_each_s = sum(expected.values())
        known_s = sum(expected.get(name, 0.0) * count for name, count in self._measured.items())
        pace = (spent_s + one_each_s) / (known_s + one_each_s) if one_each_s else 1.0
        total = 0.0
        for variant in self._plan.variants:
            name, count = variant.id, self._measured.get(variant.id, 0)
            guess_s = expected[name] * pace if name in expected else mean_s
            weight = max(1.0 - count / SURE_AFTER_ROWS, 0.0) if expected or not count else 0.0
            total += self._left(name) * (weight * guess_s + self._spent_s.get(name, 0.0)) / (weight + count)
        return total

    def _preparing_left(self, now: float) -> float:
        """Return the seconds that are left of searching, setting up and training."""
        estimate = self._estimate or RunEstimate()
        going = [variant for variant in self._plan.variants if variant.id not in self._out]
        trained = [variant.id for variant in going if variant.lora is not None]
        waiting = [name for name in trained if name not in self._ready]
        busy_s = now - (now if self._step_began is None else self._step_began)
        measured_s = None
        if self._step is not None and self._step[1].left_s is not None:
            measured_s = max(self._step[1].left_s - (now - self._step[2]), 0.0)
        if self._searching:
            search_s = max(estimate.search_s + estimate.weights_s - busy_s, measured_s or 0.0)
            return search_s + estimate.setup_s + estimate.training_s
        steps = 1 + len(going)
        undone = steps - len(self._ready) - self._model_loaded
        at_training = self._step is not None and self._step[0] in waiting
        setup_s = max(estimate.setup_s * undone / steps - (0.0 if at_training else busy_s), 0.0)
        if not waiting:
            return setup_s
        training_s = estimate.training_s / len(trained)
        if not at_training:
            return setup_s + training_s * len(waiting)
        # Weights that variants share are trained once: what a training still takes is part of the first that waits.
        current_s = max(training_s - busy_s, 0.0) if measured_s is None or self._plan.draws > 1 else measured_s
        return setup_s + current_s + training_s * (len(waiting) - 1)
