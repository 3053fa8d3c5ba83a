"""The time left of a run: from the plan's estimate to what was measured, without jumps, from events with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from engine.analysis.course.time_left import LARGEST_CHANGE, SMALLEST_CHANGE_S, SURE_AFTER_ROWS, TimeLeft
from engine.core.run.events import (
    Event,
    ModelLoaded,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunContinued,
    RunEnded,
    RunPaused,
    RunStarted,
    VariantOut,
    VariantReady,
)
from engine.core.run.infos import RunEstimate
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.steps import Progress
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, Variant
from engine.metrics import wording as say
from tests.memory_lab import MODEL, TASK, memory_lab

LORA, CLASSIFIER = (
    Variant(id="lora", technique=Technique.LORA, lora=LoraSpec()),
    Variant(id="classifier", technique=Technique.CLASSIFIER),
)
ROWS = 20
PLAN = RunPlan(
    run_id="r",
    task_id="t",
    model_id="m",
    variants=(LORA, CLASSIFIER),
    test_ids=tuple(f"row-{n}" for n in range(ROWS)),
    train_ids=(),
)
ESTIMATE = RunEstimate(setup_s=9.0, training_s=30.0, answer_s={"lora": 2.0, "classifier": 0.1})
WHOLE_S = 9.0 + 30.0 + ROWS * 2.1
Timed = tuple[float, Event]


def made(row: int, variant: str, *, kept: bool = False) -> PredictionMade:
    """Answer a row."""
    prediction = Prediction(run_id="r", variant_id=variant, technique=variant, example_id=f"row-{row}", target="x")
    return PredictionMade(prediction=prediction, kept=kept)


def ready(variant: str) -> VariantReady:
    """Have a variant prepared."""
    return VariantReady(variant_id=variant, paid=Preparation(prepare_s=1.0))


def recorded(*, load_s: float, train_s: float, lora_s: float, classifier_s: float, steps: int = 10) -> list[Timed]:
    """Return a whole run's events with their times: load, train in steps, fit, answer in turns."""
    return list(_events(load_s, train_s, lora_s, classifier_s, steps))


def _events(load_s: float, train_s: float, lora_s: float, classifier_s: float, steps: int) -> Iterator[Timed]:
    now = 0.0
    yield now, RunStarted(plan=PLAN)
    now += load_s
    yield now, ModelLoaded(load_s=load_s, gpu=False)
    for step in range(1, steps + 1):
        now += train_s / steps
        left_s = train_s * (steps - step) / steps
        progress = Progress(stage="training", fraction=step / steps, left_s=left_s, step=step)
        yield now, PreparationProgress(variant_id="lora", progress=progress)
    yield now, ready("lora")
    now += 0.1
    yield now, ready("classifier")
    for row in range(ROWS):
        for variant, seconds in (("lora", lora_s), ("classifier", classifier_s)):
            yield now, PredictionStarted(variant_id=variant, example_id=f"row-{row}", target="x")
            now += seconds
            yield now, made(row, variant)
    yield now, RunEnded(status="done")


def told(events: list[Timed]) -> list[tuple[float, float]]:
    """Return the time and the seconds left after each event."""
    left, found = TimeLeft(PLAN, ESTIMATE), []
    for now, event in events:
        left.take(event, now)
        seconds = left.seconds(now)
        assert seconds is not None
        found.append((now, seconds))
    return found


AS_ESTIMATED = recorded(load_s=3.0, train_s=30.0, lora_s=2.0, classifier_s=0.1)
SECONDS = some.floats(0.01, 60.0)


def test_it_begins_with_the_estimate_of_the_whole_plan() -> None:
    """At the first event the time left is what the setup page promised."""
    assert told(AS_ESTIMATED)[0] == (0.0, pytest.approx(WHOLE_S))


def test_a_run_as_estimated_counts_down_to_its_end() -> None:
    """Where all goes as estimated, the figure is off by a tenth of the run at most, and it ends at nothing."""
    found = told(AS_ESTIMATED)
    end = found[-1][0]
    assert all(abs(seconds - (end - now)) < 0.12 * WHOLE_S for now, seconds in found)
    assert found[-1][1] == 0.0


@settings(max_examples=60)
@given(load_s=SECONDS, train_s=SECONDS, lora_s=some.floats(0.01, 20.0), classifier_s=some.floats(0.001, 5.0))
def test_no_event_makes_it_jump(load_s: float, train_s: float, lora_s: float, classifier_s: float) -> None:
    """Minor 5: however wrong the estimate is, an event changes the figure by a share of it besides the time passed."""
    found = told(recorded(load_s=load_s, train_s=train_s, lora_s=lora_s, classifier_s=classifier_s))[:-1]
    for (earlier, before), (now, after) in pairwise(found):
        change = max(LARGEST_CHANGE * before, SMALLEST_CHANGE_S) + 1e-6
        assert after <= before + change
        assert after >= before - (now - earlier) - change


@settings(max_examples=60)
@given(lora_s=some.floats(0.3, 20.0), classifier_s=some.floats(0.01, 3.0))
def test_what_is_measured_wins(lora_s: float, classifier_s: float) -> None:
    """Ten times slower or faster than estimated: by the middle of the rows the time left is that of the measured pace."""
    events = recorded(load_s=3.0, train_s=30.0, lora_s=lora_s, classifier_s=classifier_s)
    half = next(n for n, (_, event) in enumerate(events) if event == made(ROWS // 2, "classifier"))
    now, seconds = told(events)[half]
    true_s = events[-1][0] - now
    assert seconds == pytest.approx(true_s, rel=0.25, abs=3.0)


def test_it_is_rough_until_row_five() -> None:
    """Minor 5: until each variant has five answers of this sitting the figure is written as `about 2 min`."""
    left, rough_rows = TimeLeft(PLAN, ESTIMATE), 0
    for now, event in AS_ESTIMATED:
        left.take(event, now)
        if isinstance(event, PredictionMade) and left.is_rough and event.prediction.variant_id == "classifier":
            rough_rows += 1
    assert rough_rows == SURE_AFTER_ROWS - 1
    assert say.time_left(131.0, rough=True) == "about 2 min left"
    assert say.time_left(95.0, rough=False) == "1 min 35 s left"


def test_between_events_it_counts_down_and_waits_for_what_has_not_begun() -> None:
    """While a model loads for too long the seconds go on falling, but never below what training and rows will take."""
    left = TimeLeft(PLAN, ESTIMATE)
    left.take(RunStarted(plan=PLAN), 0.0)
    assert left.seconds(2.0) == pytest.approx(WHOLE_S - 2.0)
    assert left.seconds(600.0) >= 30.0 + ROWS * 2.1  # type: ignore[operator]


def test_kept_rows_and_variants_that_are_out_are_not_waited_for() -> None:
    """A resumed run counts its missing rows alone, and a race the rows of those that are in."""
    left = TimeLeft(PLAN, replace(ESTIMATE, setup_s=0.0, training_s=0.0))
    left.take(RunStarted(plan=PLAN), 0.0)
    for row in range(10):
        for variant in ("lora", "classifier"):
            left.take(made(row, variant, kept=True), 0.0)
    left.take(VariantOut(variant_id="lora", rows=10), 0.0)
    for number in range(60):  # each event lets it fall by a share
        left.take(PreparationProgress(variant_id="classifier", progress=Progress(stage="x", fraction=number / 60)), 0.0)
    assert left.seconds(0.0) == pytest.approx(10 * 0.1, abs=SMALLEST_CHANGE_S)


def test_a_pause_takes_nothing_from_it() -> None:
    """While a run is paused the figure stands still, and the pause counts as the pace of no row."""
    left = TimeLeft(PLAN, ESTIMATE)
    rows = [(now, event) for now, event in AS_ESTIMATED if now < 60.0]
    for now, event in rows:
        left.take(event, now)
    before, end = left.seconds(rows[-1][0]), rows[-1][0]
    left.take(RunPaused(), end)
    assert left.seconds(end + 1000.0) == before
    left.take(RunContinued(), end + 1000.0)
    assert left.seconds(end + 1000.0) == pytest.approx(before)


def test_without_an_estimate_the_first_answer_tells() -> None:
    """A run whose plan nobody estimated has no time left until a row is measured, and then that of its pace."""
    left = TimeLeft(PLAN)
    left.take(RunStarted(plan=PLAN), 0.0)
    left.take(PredictionStarted(variant_id="lora", example_id="row-0", target="x"), 10.0)
    assert left.seconds(10.0) is None
    left.take(made(0, "lora"), 12.0)
    assert left.seconds(12.0) == pytest.approx(2.0 * (2 * ROWS - 1))


def test_the_parts_of_an_estimate_are_the_whole() -> None:
    """What the time left begins with is what the setup page shows: the parts add up to the estimated seconds."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=10)
    found = lab.plans.preflight(plan)
    parts = found.parts
    answers_s = 10 * sum(parts.answer_s.values())
    assert parts.search_s + parts.setup_s + parts.training_s + answers_s == pytest.approx(found.estimated_s)
    assert lab.plans.estimate(plan) == parts
