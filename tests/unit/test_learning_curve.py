"""Learning curves: their plans, their points, what they answer, and the series of runs that makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.analysis.marks import HERE
from engine.core.errors import UsageError
from engine.core.interval import Interval
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, RetrievalSpec
from engine.metrics.intervals import mean_interval, plain_student
from engine.running.planning import same_experiment
from engine.studies.learning_curve import CurvePoint, curve_plans, curve_points, of_technique, would_labels_help
from engine.studies.seed_variation import seed_variation, seeds_in_words
from tests.made_runs import answered, predictions_of, table_of
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_model, memory_task, until

TECHNIQUES = (Technique.RAG, Technique.CLASSIFIER)
CURVE = Purpose.LEARNING_CURVE
TICKETS = memory_task()


def small_curve(draws: int = 2) -> list[RunPlan]:
    """Plan a small curve."""
    return curve_plans(
        TICKETS,
        memory_model(),
        techniques=TECHNIQUES,
        sizes=(0, 5, 20),
        draws=draws,
        test_rows=12,
        decoding=DecodingMode.CHOICE,
    )


def planned(lab: MemoryLab) -> list[RunPlan]:
    """Plan the same curve as a screen does."""
    return lab.studies.learning_curve(
        task_id=TASK,
        model_id=MODEL,
        techniques=TECHNIQUES,
        sizes=(0, 5, 20),
        draws=2,
        test_rows=12,
        decoding=DecodingMode.CHOICE,
    )


def carried_out(lab: MemoryLab, plans: list[RunPlan]) -> None:
    """Start a series and wait for its end."""
    lab.studies.start(CURVE, "curve", plans)
    until(lambda: not lab.studies.state(CURVE).is_running)


def test_a_curve_is_a_run_per_draw_and_size() -> None:
    """One bare prompt, then every size for every draw, on the same test rows, smallest first."""
    plans = small_curve()
    assert [(len(plan.train_ids), plan.seed) for plan in plans[1:]] == [(5, 0), (5, 1), (20, 0), (20, 1)]
    assert plans[0].variants[0].technique is Technique.ZERO_SHOT
    assert {plan.test_ids for plan in plans} == {plans[0].test_ids}
    assert all(plan.throughput for plan in plans)
    assert all(same_experiment(one, other) for one, other in zip(plans, planned(memory_lab()), strict=True))


def test_points_are_means_over_draws() -> None:
    """Each point holds its draws' means and their interval over draws; lines but the classifier's begin at the prompt."""
    plans = small_curve()
    tables = [table_of(plan, predictions_of(plan, TICKETS)) for plan in plans]
    points = curve_points([(plan, table, HERE) for plan, table in zip(plans, tables, strict=True)])
    rag = of_technique(points, Technique.RAG)
    assert [point.train_rows for point in rag] == [0, 5, 20]
    assert rag[0].technique is Technique.ZERO_SHOT
    assert [point.train_rows for point in of_technique(points, Technique.CLASSIFIER)] == [5, 20]
    last = rag[-1]
    assert last.seeds == (0, 1)
    assert last.quality.value == pytest.approx(sum(last.means) / 2)
    assert 0 <= last.quality.low <= last.quality.high <= 1
    over_draws = seed_variation({plan.seed: table.score[0] for plan, table in zip(plans[3:], tables[3:], strict=True)})
    assert over_draws is not None
    assert last.quality.low == max(over_draws.quality.low, 0.0)
    assert last.quality.high == min(over_draws.quality.high, 1.0)


def test_the_answer_is_no_stronger_than_the_draws() -> None:
    """A steady gain over draws is one; a single draw only says that more would tell."""
    points = [
        (plan, answered(plan, TICKETS, share), HERE)
        for plan, share in zip(small_curve(draws=3)[1:], (0.5, 0.5, 0.5, 0.75, 0.75, 0.75), strict=True)
    ]
    (rag, _classifier) = would_labels_help(curve_points(points), TECHNIQUES)
    assert "still gains" in rag.text
    assert "25 points" in rag.text
    (rag, _classifier) = would_labels_help(curve_points([points[0], points[3]]), TECHNIQUES)
    assert "from one sample; repeat to be sure" in rag.text


def curve_point(rows: int, **means: float) -> CurvePoint:
    """Make a point of RAG from the quality of each seed."""
    values = tuple(means.values())
    one = Interval(value=values[0], low=values[0] - 0.1, high=values[0] + 0.1)
    return CurvePoint(
        technique=Technique.RAG,
        train_rows=rows,
        seeds=tuple(int(name.removeprefix("seed_")) for name in means),
        means=values,
        quality=plain_student(np.array(values)) if len(values) > 1 else one,
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            {"seed_0": 0.60, "seed_1": 0.60, "seed_2": 0.60},
            {"seed_0": 0.59, "seed_1": 0.56, "seed_2": 0.53},
            "It lost 4 points (\N{MINUS SIGN}3 to 11) from 1 to 5, over 3 seeds: the change is not significant.",
        ),
        (
            {"seed_0": 0.60, "seed_1": 0.60, "seed_2": 0.60},
            {"seed_0": 0.55, "seed_1": 0.50, "seed_2": 0.54},
            "It lost 7 points (0.4 to 13.6) from 1 to 5.",
        ),
        (
            {"seed_0": 0.60, "seed_1": 0.60},
            {"seed_0": 0.59, "seed_1": 0.61, "seed_2": 0.53},
            "over 2 seeds: the change is not significant.",
        ),
        (
            {"seed_0": 0.60, "seed_1": 0.61},
            {"seed_0": 0.62, "seed_1": 0.63},
            "It gained 2 points (2 to 2) from 1 to 5, over 2 seeds, too few to be sure.",
        ),
        ({"seed_0": 0.6}, {"seed_0": 0.55}, "It lost 5 points from 1 to 5 rows, from one sample; repeat to be sure."),
        ({"seed_0": 0.6}, {"seed_0": 0.6}, "It stayed the same from 1 to 5 rows, from one sample; repeat to be sure."),
    ],
)
def test_a_change_and_its_interval_look_the_same_way(
    before: dict[str, float], after: dict[str, float], told: str
) -> None:
    """What was lost is between the ends beside it, over the seeds that both points have; one row is one row."""
    (last,) = would_labels_help([curve_point(1, **before), curve_point(5, **after)], [Technique.RAG])
    assert last.text.endswith(told)
    assert "with 1 training row, " in last.text
    assert seeds_in_words([0]) == "1 seed: 0."


def test_draws_that_answered_alike_are_one_draw() -> None:
    """Each seed draws the same rows where all are drawn: their interval is that of the rows answered, not one of width 0."""
    plans = small_curve(draws=3)[1:4]
    rows = answered(plans[0], TICKETS, 0.5)
    (rag, _classifier) = curve_points([(plan, answered(plan, TICKETS, 0.5), HERE) for plan in plans])
    assert rag.seeds == (0, 1, 2)
    assert rag.quality == mean_interval(rows.score[0])
    assert rag.quality.low < 0.5 < rag.quality.high


def test_passages_alone_are_no_worth_of_labels() -> None:
    """RAG that shows no examples answers the same with any number of rows, and its line does not begin at the prompt."""
    runs = []
    for plan in small_curve(draws=2):
        spec = RetrievalSpec(examples_k=0, passages_k=2)
        variants = tuple(replace(one, retrieval=spec) if one.id == "rag" else one for one in plan.variants)
        changed = replace(plan, variants=variants)
        runs.append((changed, answered(changed, TICKETS, 0.75), HERE))
    points = curve_points(runs)
    assert [point.train_rows for point in of_technique(points, Technique.RAG)] == [5, 20]
    (rag, classifier) = would_labels_help(points, TECHNIQUES)
    assert rag.text == "RAG: 75 % with any number of training rows, since it uses none on this task."
    assert "with any number" not in classifier.text


def test_a_series_makes_what_is_missing() -> None:
    """All runs are made one after the other, marked as made for the curve; begun again there is nothing left to make."""
    lab = memory_lab(speed=200)
    kept = lab.finished(rows=12)
    plans = [*planned(lab), replace(lab.results.plan(kept), run_id="another")]
    carried_out(lab, plans)
    state = lab.studies.state(CURVE)
    assert (state.name, state.done, state.total, state.failed) == ("curve", 6, 6, ())
    made = lab.runs.list()
    assert len(made) == 6
    assert {info.run_id: info.purpose for info in made} == {
        kept: Purpose.COMPARISON,
        **{plan.run_id: CURVE for plan in plans[:-1]},
    }
    assert {info.status for info in made} == {"done"}
    again = planned(lab)
    assert [info is not None and info.status for info in lab.studies.kept(again)] == ["done"] * 5
    carried_out(lab, again)
    assert lab.studies.state(CURVE).done == 5
    assert lab.runs.list() == made


def test_a_series_tells_rows_and_time_within_a_run() -> None:
    """M4: while a run goes on its answers are counted, the share done grows, and the time left is that of the rows."""
    lab = memory_lab()
    plans = planned(lab)
    lab.memory.answers.hold()
    lab.studies.start(CURVE, "curve", plans)
    until(lambda: lab.studies.state(CURVE).run_id is not None and lab.studies.state(CURVE).rows_total)
    begun = lab.studies.state(CURVE)
    assert (begun.now, begun.rows_done, begun.rows_total) == ("0 training rows, seed 0", 0, 12)
    lab.memory.answers.let_go()
    until(lambda: lab.studies.state(CURVE).rows_done >= 3)
    later = lab.studies.state(CURVE)
    assert later.fraction > begun.fraction
    assert later.estimated_left_s is not None
    lab.studies.cancel(CURVE)
    until(lambda: not lab.studies.state(CURVE).is_running)
    assert lab.studies.state(CURVE).estimated_left_s is None


def test_a_cancelled_series_goes_on_where_it_stood() -> None:
    """What was done stays done, and the run that was stopped is resumed, not begun from its first row."""
    lab = memory_lab(speed=200)
    plans = planned(lab)
    lab.memory.answers.hold()
    lab.studies.start(CURVE, "curve", plans)
    until(lambda: lab.studies.state(CURVE).run_id is not None)
    lab.studies.cancel(CURVE)
    until(lambda: not lab.studies.state(CURVE).is_running)
    assert [(info.run_id, info.status) for info in lab.runs.list()] == [(plans[0].run_id, "cancelled")]
    lab.memory.answers.let_go()
    carried_out(lab, plans)
    assert lab.studies.state(CURVE).done == 5
    assert sorted(info.run_id for info in lab.runs.list()) == sorted(plan.run_id for plan in plans)
    assert {info.status for info in lab.runs.list()} == {"done"}


def test_a_run_that_cannot_start_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is told with its point, and the series goes on."""
    lab = memory_lab(speed=200)
    start = lab.runs.start

    def refuse(plan: RunPlan, **options: Any) -> str:
        if len(plan.train_ids) == 5 and plan.seed == 1:
            what = "No space is left."
            raise UsageError(what)
        return start(plan, **options)

    monkeypatch.setattr(lab.runs, "start", refuse)
    carried_out(lab, planned(lab))
    assert lab.studies.state(CURVE).failed == ("5 training rows, seed 1: No space is left.",)
    assert len(lab.runs.list()) == 4


def test_the_same_experiment_by_another_name() -> None:
    """Run id and cost assumptions do not matter; rows, seed and variants do."""
    first, second = small_curve()[1:3]
    other_costs = replace(first.costs, watts=900.0)
    assert same_experiment(first, replace(first, run_id="another", costs=other_costs))
    assert not same_experiment(first, second)
    assert not same_experiment(first, replace(first, variants=first.variants[:1]))
