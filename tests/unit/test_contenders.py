"""Where settings were searched for, each technique stands in the verdict with what was found for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.claims.consistency import contradictions
from engine.analysis.basis.efforts import tuning_gains
from engine.analysis.basis.row_looks import RowLooks
from engine.analysis.basis.training_rows import TrainingRows
from engine.analysis.figures import RunFigures, best_corrected
from engine.analysis.marks import Origin
from engine.analysis.qualities import best_of
from engine.analysis.report import Report, judge
from engine.analysis.verdict.contenders import contenders
from engine.analysis.verdict.ruling import Outcome
from engine.core.limits import Limits
from engine.core.run.effort import Effort
from engine.core.run.manifest import StoppedEarly
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.techniques import Technique
from engine.core.variant import Variant, no_rivals
from engine.metrics.pairwise import compare_all
from engine.running.standings import Standings
from tests.unit.test_verdict import figures_of, right_on

ROWS = 200
Z, C, C_TUNED, Z_TUNED = "zero-shot", "classifier", "classifier-tuned", "zero-shot-tuned"


def run_of(scores: Mapping[str, Sequence[float]], p95_s: Mapping[str, float] | None = None) -> RunFigures:
    """Return a run with an effort, in figures, from each variant's scores."""
    found = []
    for name, own in scores.items():
        made = figures_of(
            Technique(name.removesuffix("-tuned")),
            own,
            p95_s=(p95_s or {}).get(name, 0.05 if name.startswith(Z) else 0.1),
        )
        tuned = name.endswith("-tuned")
        variant = replace(made.variant, id=name, tuned=tuned)
        title = f"Tuned {made.name.lower()}" if tuned else made.name
        found.append(replace(made, variant=variant, name=title, cost=replace(made.cost, name=title, variant_id=name)))
    table = np.array([list(own) for own in scores.values()], dtype=float)
    ids = tuple(str(row) for row in range(ROWS))
    plan = RunPlan(
        run_id="r", task_id="t", model_id="m", variants=tuple(one.variant for one in found), test_ids=ids,
        train_ids=ids[:50], effort=Effort(seconds=180.0, settled=True),
    )  # fmt: skip
    return RunFigures(
        plan=plan,
        task_title="",
        metric="accuracy",
        is_share=True,
        figures=tuple(best_corrected(found, ROWS)),
        differences=compare_all(list(scores), table, np.ones(table.shape, dtype=bool), looks=0),
    )


def report_of(run: RunFigures, limits: Limits | None = None) -> Report:
    """Judge it."""
    return judge(run, limits or Limits(), training=TrainingRows(rows=50), looks=RowLooks(), origin=Origin())


def on(number: int, shift: int = 0) -> list[float]:
    """Be right on so many rows, beginning with this one."""
    return list(np.roll(right_on(number, ROWS), shift))


SCORES = {Z: on(60), Z_TUNED: on(80), C: on(160), C_TUNED: on(162, 4)}
"""The classifier is proven to be better than the prompt, and its two settings cannot be told apart."""


def test_a_default_is_no_rival_of_its_own_tuned_variant() -> None:
    """A proven choice of technique stays one although its two settings are level; the sentences speak of techniques."""
    report = report_of(run_of(SCORES))
    assert (report.verdict.outcome, report.verdict.pick) == (Outcome.WINNER, C_TUNED)
    assert report.verdict.headline == "Choose the tuned classifier: it is better than tuned zero-shot."
    told = report.verdict.effort.text
    assert (
        "Each technique is judged with the settings found for it. The default settings alone lead to the same" in told
    )
    assert "overturned" not in told
    assert [item.variant.id for item in report.figures] == list(SCORES), "the defaults are still shown"
    assert not contradictions(report.verdict.claims)
    every = run_of({**SCORES, "few-shot": on(50), "rag": on(70)})
    assert "better than all three other techniques" in report_of(every).verdict.headline


def test_what_tuning_was_worth_is_a_paired_gain_with_its_interval() -> None:
    """Of each tuned variant over its own default; where a race left one of them fewer rows, on those of both."""
    run = run_of(SCORES)
    zero_shot, classifier = tuning_gains(run)
    assert zero_shot.startswith("Tuned zero-shot scores 10 points more than its default on the test rows (")
    assert classifier.startswith("Tuned classifier scores 1 point more than its default on the test rows (")
    (same, _classifier) = tuning_gains(run_of({**SCORES, Z_TUNED: SCORES[Z]}))
    assert same.startswith("Tuned zero-shot scores as much as its default on the test rows (")
    (less, _classifier) = tuning_gains(run_of({**SCORES, Z: SCORES[Z_TUNED], Z_TUNED: SCORES[Z]}))
    turned = zero_shot.replace("more", "less")
    assert less == turned, "what was lost lies between its ends"
    pair = next(one for one in run.differences if {one.first, one.second} == {Z, Z_TUNED})
    fewer = replace(run, differences=(replace(pair, rows=14),))
    (told,) = tuning_gains(fewer)
    assert "on the 14 test rows that both answered (" in told


def test_who_left_a_race_early_is_not_the_best_for_its_lucky_rows() -> None:
    """9 of 14 is more than 57 of 100, and surely behind: the interval of the leader is the one that is corrected."""
    left = figures_of(Technique.ZERO_SHOT, right_on(9, 14))
    leader = figures_of(Technique.CLASSIFIER, right_on(57, 100))
    other = figures_of(Technique.RAG, right_on(40, 100))
    found = best_corrected([left, leader, other], 100, {left.variant.id})
    assert best_of(found, {left.variant.id}).variant.id == leader.variant.id
    assert (found[0].quality, found[2].quality) == (left.quality, other.quality)
    assert found[1].quality.low < leader.quality.low
    assert best_corrected([left, leader, other], 100)[0].quality != left.quality, "among equals in rows the highest is"


def test_the_figures_of_the_report_are_those_of_the_verdict() -> None:
    """The interval of the best contender is corrected for its choice, also where its own default scored more."""
    report = report_of(run_of({Z: on(60), Z_TUNED: on(80), C: on(164), C_TUNED: on(160)}))
    best = next(item for item in report.figures if item.variant.id == C_TUNED)
    assert report.verdict.pick == C_TUNED
    plain = figures_of(Technique.CLASSIFIER, on(160)).quality
    assert best.quality != plain
    assert f"{best.quality.low:.0%}".removesuffix("%") in " ".join(report.verdict.why)


def test_without_a_search_all_variants_contend() -> None:
    """Nothing changes where none was tuned."""
    run = run_of({Z: on(60), C: on(160)})
    assert contenders(run, Limits()) is run


@pytest.mark.parametrize(("p95_s", "kept"), [
    ({C_TUNED: 9.0}, {Z_TUNED, C, C_TUNED}),
    ({C_TUNED: 9.0, C: 9.0}, {Z_TUNED, C, C_TUNED}),
    ({C: 9.0}, {Z_TUNED, C_TUNED}),
])  # fmt: skip
def test_a_default_contends_where_the_limits_rule_out_what_was_found(p95_s: dict[str, float], kept: set[str]) -> None:
    """A found setting that is too slow does not cost the technique its place, and is told to be out."""
    run = run_of(SCORES, p95_s)
    found = contenders(run, Limits(highest_p95_s=1.0))
    assert {item.variant.id for item in found.figures} == kept
    verdict = report_of(run, Limits(highest_p95_s=1.0)).verdict
    assert {item.variant_id for item in verdict.eliminated} == {name for name in p95_s if name in kept}
    assert not contradictions(verdict.claims)


def test_a_default_that_is_proven_to_be_better_contends() -> None:
    """What was found on labelled rows may be worse on others: then its default is not left out, and may be chosen."""
    report = report_of(run_of({Z: on(60), Z_TUNED: on(80), C: on(180), C_TUNED: on(120)}))
    assert (report.verdict.outcome, report.verdict.pick) == (Outcome.WINNER, C)
    assert "is judged with the settings found for it, the classifier also by default." in report.verdict.effort.text
    assert report.verdict.headline.endswith("better than both others.")


def test_of_one_technique_default_and_tuned_are_compared() -> None:
    """Whoever searches for one technique alone asks which of the two to use."""
    report = report_of(run_of({C: on(120), C_TUNED: on(180)}))
    assert report.verdict.headline == "Choose the tuned classifier: it is better than the classifier."
    assert "nothing to compare" not in " ".join(report.verdict.lines)


def test_nothing_is_best_as_measured_that_a_default_beats() -> None:
    """A faster default that is no rival takes the sentence "nothing was better, faster or cheaper" away."""
    scores = {Z: on(62, 40), Z_TUNED: on(62, 40), C: on(64), C_TUNED: on(66)}
    times = {Z: 0.3, Z_TUNED: 0.3, C_TUNED: 0.2}
    assert report_of(run_of(scores, {**times, C: 0.25})).verdict.outcome is Outcome.BEST_MEASURED
    assert report_of(run_of(scores, {**times, C: 0.05})).verdict.outcome is not Outcome.BEST_MEASURED


def test_only_it_meets_your_limits_is_said_of_techniques() -> None:
    """The default of the same technique may meet them, too."""
    verdict = report_of(run_of(SCORES), Limits(least_quality=0.7)).verdict
    assert verdict.outcome is Outcome.ALONE
    assert "no other technique meets your limits" in verdict.headline


@pytest.mark.parametrize(("scores", "told"), [
    ({Z: on(150), Z_TUNED: on(90), C: on(60), C_TUNED: on(160)}, "That overturned the verdict: with the default settings alone it would be zero-shot."),
    ({Z: on(60), C: on(80), C_TUNED: on(64, 40)}, "With the default settings it would be the classifier; with the settings that were found, nothing is chosen."),
    ({Z: on(60), C: on(64, 40), C_TUNED: on(160)}, "The default settings alone lead to no choice."),
    ({Z: on(60), C: on(64, 40), C_TUNED: on(66, 40)}, "The default settings alone lead to no choice either."),
])  # fmt: skip
def test_what_the_effort_changed_is_told(scores: dict[str, list[float]], told: str) -> None:
    """Only another technique is another verdict."""
    verdict = report_of(run_of(scores)).verdict
    assert told in verdict.effort.text
    assert verdict.effort.text in verdict.why


def answers(scores: Mapping[str, Sequence[float]]) -> list[Prediction]:
    """Return what variants answered, by their scores on the rows in order."""
    return [
        Prediction(run_id="r", variant_id=name, technique=name, example_id=str(row), target="a", score=score)
        for name, own in scores.items()
        for row, score in enumerate(own)
    ]


def test_a_race_goes_by_the_same_rivals() -> None:
    """A default does not push its own tuned variant out, and two alike settings do not keep a clear best unclear."""
    run = run_of({Z: on(20), C: on(190), C_TUNED: on(186, 4)})
    plan = replace(run.plan, test_ids=(*run.plan.test_ids, "one-more"), stop_when_clear=True)
    scores = {Z: on(20), C: on(190), C_TUNED: on(186, 4)}
    made = answers(scores)
    leader = Standings(plan, made, {}).leader()
    assert leader is not None
    assert leader.variant_id == C_TUNED
    assert set(Standings(replace(plan, race=True), made, {}).drop()) == {Z}
    worse = [replace(one, score=float(int(one.example_id) < 100)) if one.variant_id == C_TUNED else one for one in made]
    assert C_TUNED not in Standings(replace(plan, race=True), worse, {}).drop()


def test_a_race_is_over_when_one_technique_is_left() -> None:
    """Its two settings are no rivals: they end the race together, and neither is given saved rows against the other."""
    scores = {Z: on(20), C: on(190), C_TUNED: on(186, 4)}
    made = [one for one in answers(scores) if one.variant_id != Z or int(one.example_id) < 40]
    plan = replace(run_of(scores).plan, race=True)
    ended = Standings(plan, made, {Z: 40})
    assert ended.is_whole
    assert ended.best_of_going() == C_TUNED
    going = replace(plan, test_ids=(*plan.test_ids, "one-more"))
    leader = Standings(going, made, {Z: 40}).leader()
    assert leader is not None
    assert leader.variant_id == C_TUNED


def test_a_default_contends_once_its_tuned_variant_has_left_a_race() -> None:
    """The race went on with it to the last row, and so does the verdict."""
    run = run_of(SCORES)
    fewer = [replace(one, rows=40) if one.variant.id == C_TUNED else one for one in run.figures]
    raced = replace(run, plan=replace(run.plan, race=True), figures=tuple(fewer), out={C_TUNED: 40})
    assert C in {item.variant.id for item in contenders(raced, Limits()).figures}
    stopped = replace(raced, out={})  # by the user, in the midst of a row or a batch
    assert C not in {item.variant.id for item in contenders(stopped, Limits()).figures}


def test_with_one_technique_its_two_settings_race_each_other() -> None:
    """They are what is compared, in the run as in the verdict."""
    plan = replace(run_of({C: on(20), C_TUNED: on(190)}).plan, stop_when_clear=True)
    plan = replace(plan, test_ids=(*plan.test_ids, "one-more"))
    leader = Standings(plan, answers({C: on(20), C_TUNED: on(190)}), {}).leader()
    assert leader is not None
    assert leader.variant_id == C_TUNED


def test_a_tuned_leader_that_ended_the_run_is_named() -> None:
    """The report also judges the defaults alone, without it among them, and stands."""
    run = run_of({Z: on(20), C: on(40), C_TUNED: on(190)})
    plan = replace(run.plan, stop_when_clear=True)
    stopped = StoppedEarly(variant_id=C_TUNED, rows=150, evidence=500.0)
    report = report_of(replace(run, plan=plan, stopped_early=stopped))
    assert "The run ended after 150 of" in report.verdict.basis.text


def test_a_default_stands_aside_for_its_own_tuned_variant_alone() -> None:
    """Two variants of one technique, with two embedders, are two: by id, and not by technique."""
    a, b = "rag", "rag-other"
    variants = [
        Variant(id=name, technique=Technique.RAG, tuned=name.endswith("-tuned")) for name in (a, b, f"{b}-tuned")
    ]
    assert no_rivals(variants) == {b: f"{b}-tuned"}
    assert no_rivals(variants[1:]) == {}
