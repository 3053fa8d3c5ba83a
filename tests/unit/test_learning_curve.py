"""Learning curves: their plans, their points, what they answer, and the series of runs that makes them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from engine.analysis.run_table import table_from_predictions
from engine.core.errors import UsageError
from engine.core.run.events import PredictionMade, RunEnded
from engine.core.run.plan import RunPlan
from engine.core.variant import DecodingMode, Technique
from engine.services.run_series import RunSeries, find_kept, same_experiment
from engine.studies.learning_curve import curve_plans, curve_points, of_technique, would_labels_help
from tests.fake_laboratory import FakeLaboratory, script

TECHNIQUES = (Technique.RAG, Technique.CLASSIFIER)


def plans_of(lab: FakeLaboratory, draws: int = 2) -> list[RunPlan]:
    """Plan a small curve."""
    return curve_plans(
        lab,
        task_id="fake-tickets",
        model_id="fake-135m",
        techniques=TECHNIQUES,
        sizes=(0, 5, 20),
        draws=draws,
        test_rows=12,
        decoding=DecodingMode.CHOICE,
    )


def waited(series: RunSeries) -> None:
    """Wait for a series to end."""
    ends = time.monotonic() + 20
    while series.state().going_on and time.monotonic() < ends:
        time.sleep(0.02)
    assert not series.state().going_on


def test_a_curve_is_a_run_per_draw_and_size() -> None:
    """One bare prompt, then every size for every draw, on the same test rows, smallest first."""
    plans = plans_of(FakeLaboratory())
    assert [(len(plan.train_ids), plan.seed) for plan in plans[1:]] == [(5, 0), (5, 1), (20, 0), (20, 1)]
    assert plans[0].variants[0].technique is Technique.ZERO_SHOT
    assert {plan.test_ids for plan in plans} == {plans[0].test_ids}
    assert all(plan.throughput for plan in plans)


def test_points_are_means_over_draws() -> None:
    """Each point holds its draws' means; lines but the classifier's begin at the bare prompt."""
    lab = FakeLaboratory()
    runs = []
    for plan in plans_of(lab):
        made = [e.prediction for e in script(plan, lab.task("fake-tickets")) if isinstance(e, PredictionMade)]
        runs.append((plan, table_from_predictions([v.id for v in plan.variants], plan.test_ids, made)))
    points = curve_points(runs)
    rag = of_technique(points, Technique.RAG)
    assert [point.train_rows for point in rag] == [0, 5, 20]
    assert rag[0].technique is Technique.ZERO_SHOT
    assert [point.train_rows for point in of_technique(points, Technique.CLASSIFIER)] == [5, 20]
    last = rag[-1]
    assert last.seeds == (0, 1)
    assert last.quality.value == pytest.approx(sum(last.means) / 2)
    assert last.over_draws
    assert 0 <= last.quality.low <= last.quality.high <= 1


def test_the_answer_is_no_stronger_than_the_draws() -> None:
    """A steady gain over draws is one; a single draw only says that more would tell."""
    lab = FakeLaboratory()
    points = [
        (plan, table_from_predictions([v.id for v in plan.variants], plan.test_ids, list(_made(lab, plan, share))))
        for plan, share in zip(plans_of(lab, draws=3)[1:], (0.5, 0.5, 0.5, 0.75, 0.75, 0.75), strict=True)
    ]
    (rag, _classifier) = would_labels_help(curve_points(points), TECHNIQUES)
    assert "still gains" in rag.text
    assert "25 points" in rag.text
    (rag, _classifier) = would_labels_help(curve_points([points[0], points[3]]), TECHNIQUES)
    assert "more draws would tell" in rag.text


def _made(lab: FakeLaboratory, plan: RunPlan, share: float):
    """Be right on the first rows."""
    for event in script(plan, lab.task("fake-tickets")):
        if isinstance(event, PredictionMade):
            row = plan.test_ids.index(event.prediction.example_id)
            yield replace(event.prediction, score=float(row < share * len(plan.test_ids)), failure=None)


def test_a_series_makes_what_is_missing() -> None:
    """All runs are made one after the other; begun again there is nothing left to make."""
    lab = FakeLaboratory(speed=200)
    plans = plans_of(lab)
    lab.play(plans[1], [*script(plans[1], lab.task("fake-tickets")), RunEnded(status="done")])
    series = RunSeries(lab)
    series.start("curve", plans)
    waited(series)
    state = series.state()
    assert (state.done, state.total, state.failed) == (5, 5, ())
    assert len(lab.started) == 4
    again = plans_of(lab)
    assert all(find_kept(lab, plan) for plan in again)
    series.start("curve", again)
    waited(series)
    assert len(lab.started) == 4


def test_a_cancelled_series_goes_on_where_it_stood() -> None:
    """What was done stays done, and the run that was stopped is resumed, not begun anew."""
    lab = FakeLaboratory(speed=1)
    plans = plans_of(lab)
    series = RunSeries(lab)
    series.start("curve", plans)
    ends = time.monotonic() + 20
    while series.state().run_id is None and time.monotonic() < ends:
        time.sleep(0.01)
    series.cancel()
    waited(series)
    assert len(lab.started) == 1
    lab.speed = 200
    series.start("curve", plans)
    waited(series)
    assert series.state().done == 5
    assert len(lab.started) == 5
    assert len(lab.runs()) == 5


def test_a_run_that_cannot_start_does_not_stop_the_others() -> None:
    """A failure is told with its point, and the series goes on."""
    lab = FakeLaboratory(speed=200)
    start = lab.start

    def refuse(plan: RunPlan) -> str:
        if len(plan.train_ids) == 5 and plan.seed == 1:
            what = "No space is left."
            raise UsageError(what)
        return start(plan)

    lab.start = refuse  # type: ignore[method-assign]
    series = RunSeries(lab)
    series.start("curve", plans_of(lab))
    waited(series)
    assert series.state().failed == ("5 training rows, draw 1: No space is left.",)
    assert len(lab.runs()) == 4


def test_the_same_experiment_by_another_name() -> None:
    """Run id and cost assumptions do not matter; rows, seed and variants do."""
    first, second = plans_of(FakeLaboratory())[1:3]
    assert same_experiment(first, replace(first, run_id="another"))
    assert not same_experiment(first, second)
