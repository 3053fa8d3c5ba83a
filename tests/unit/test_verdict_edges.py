"""The verdict where something is missing: latencies, rows, answers, or the best one itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from benchmarks.claims.consistency import contradictions
from engine.analysis.basis.training_rows import TrainingRows
from engine.analysis.figures import RunFigures, VariantFigures, best_corrected
from engine.analysis.verdict.claims import ClaimKind, Strength
from engine.analysis.verdict.deciding import corrected_under, decide
from engine.analysis.verdict.ruling import Outcome, Verdict
from engine.core.limits import Limits
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.metrics.pairwise import compare_all
from tests.unit.test_verdict import FREE, decided, figures_of, judged, right_on


def unequal(
    scores: dict[Technique, list[float]],
    rows: dict[Technique, range],
    *,
    limits: Limits = FREE,
    p95_s: Mapping[Technique, float] = MappingProxyType({}),
    race: bool = False,
) -> Verdict:
    """Judge variants that answered different rows of a run that was stopped, or of a race."""
    found = [figures_of(name, [scores[name][row] for row in rows[name]], p95_s=p95_s.get(name, 1.0)) for name in scores]
    table = np.array(list(scores.values()))
    made = np.array([[row in rows[name] for row in range(table.shape[1])] for name in scores])
    ids = tuple(str(row) for row in range(table.shape[1]))
    variants = tuple(item.variant for item in found)
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=variants, test_ids=ids, train_ids=())
    run = RunFigures(
        plan=plan,
        task_title="",
        metric="accuracy",
        is_share=True,
        figures=tuple(best_corrected(found, len(ids))),
        differences=compare_all([item.variant.id for item in found], table, made, looks=0),
        out={str(name): len(done) for name, done in rows.items() if race and len(done) < len(ids)},
    )
    return decide(run, limits)


def test_a_limit_that_was_not_measured_is_not_met_for_certain() -> None:
    """In batches no answer is timed: a limit on p95 is called unchecked, and nobody meets the limits for certain."""
    limits = Limits(least_quality=0.6, highest_p95_s=0.001, highest_cost_usd_per_1k=None)
    found = [
        replace(figures_of(name, right_on(right)), total_p95_s=None)
        for name, right in ((Technique.RAG, 195), (Technique.LORA, 40))
    ]
    table = np.array([right_on(195), right_on(40)])
    run = RunFigures(
        plan=RunPlan(run_id="r", task_id="t", model_id="m", variants=(), test_ids=(), train_ids=()),
        task_title="",
        metric="accuracy",
        is_share=True,
        figures=tuple(found),
        differences=compare_all(["rag", "lora"], table, np.ones(table.shape, dtype=bool), looks=0),
    )
    verdict = decide(run, limits)
    assert verdict.opening[0].strength is Strength.MEASURED
    assert "Your limit on p95 was not checked" in verdict.basis.text
    assert "No limit is set" not in verdict.sureness.text


def judged_on(found: list[VariantFigures], limits: Limits) -> Verdict:
    """Judge variants by their figures, each right on the first rows."""
    table = np.array([right_on(round(item.quality.value * item.rows), item.rows) for item in found])
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool), looks=0)
    return decided(found, pairs, limits)


def untimed(technique: Technique, right: int) -> VariantFigures:
    """Figures of a variant that answered in batches."""
    return replace(figures_of(technique, right_on(right)), total_p95_s=None)


def unpriced(technique: Technique, right: int) -> VariantFigures:
    """Figures of a variant whose server names no price."""
    found = figures_of(technique, right_on(right))
    return replace(found, cost=replace(found.cost, per_call_usd=float("nan")), cost_usd_per_1k=float("nan"))


@pytest.mark.parametrize(
    ("found", "limits", "headline", "second"),
    [
        (
            [untimed(Technique.RAG, 195)],
            Limits(highest_p95_s=1.0),
            "RAG ran alone; your limit on p95 was not checked. There was nothing to compare it with.",
            "right after 50 training rows.",
        ),
        (
            [untimed(Technique.RAG, 195)],
            Limits(least_quality=0.6, highest_p95_s=1.0),
            "RAG meets the limit that could be checked. There was nothing to compare it with.",
            "; your limit on p95 was not checked.",
        ),
        (
            [untimed(Technique.RAG, 195), untimed(Technique.LORA, 40)],
            Limits(least_quality=0.6, highest_p95_s=1.0),
            "Choose RAG: in this test only it meets the limit that could be checked.",
            "; your limit on p95 was not checked.",
        ),
        (
            [untimed(Technique.RAG, 125), untimed(Technique.LORA, 115)],
            Limits(least_quality=0.6, highest_p95_s=1.0),
            "Choose RAG: in this test only it meets the limit that could be checked.",
            "; LoRA might meet these limits too.",
        ),
        (
            [unpriced(Technique.RAG, 195), figures_of(Technique.CLASSIFIER, right_on(190), usd=5.0)],
            Limits(highest_cost_usd_per_1k=1.0),
            "Choose RAG: only it is left, and your limit on cost was not checked.",
            "right after 50 training rows.",
        ),
        (
            [
                unpriced(Technique.RAG, 195),
                unpriced(Technique.ZERO_SHOT, 60),
                figures_of(Technique.CLASSIFIER, right_on(190), usd=5.0),
            ],
            Limits(highest_cost_usd_per_1k=1.0),
            "Choose RAG: it is better than zero-shot, the only other one left by your limits.",
            "is proven.",
        ),
        (
            [untimed(Technique.RAG, 0), untimed(Technique.ZERO_SHOT, 0), figures_of(Technique.LORA, [1.0], p95_s=5.0)],
            Limits(highest_p95_s=1.0),
            "Nothing to choose yet: no variant left by your limits got a test row right.",
            "possible.",
        ),
    ],
)
def test_a_limit_that_was_not_checked_is_not_met(
    found: list[VariantFigures], limits: Limits, headline: str, second: str
) -> None:
    """Who was not timed, or has no price, is said to meet what could be checked of it, and no more."""
    pairs_alike = len({item.rows for item in found}) == 1
    verdict = judged_on(found, limits) if pairs_alike else decided(found, (), limits)
    assert verdict.headline == headline
    assert verdict.sureness.text.endswith(second)
    assert "your limits " not in verdict.evidence.text
    assert not contradictions(verdict.claims)


def test_a_limit_that_was_not_checked_is_the_next_thing_to_check() -> None:
    """More rows in batches would not tell of p95; what can be done about a limit that is unchecked is said."""
    limits = Limits(least_quality=0.6, highest_p95_s=1.0)
    verdict = judged_on([untimed(Technique.RAG, 195), untimed(Technique.LORA, 40)], limits)
    assert verdict.next_step.text == "Next: run it without throughput mode; your limit on p95 can be checked then."
    assert verdict.evidence.text == "RAG meets your limit on quality with certainty."
    limits = Limits(least_quality=0.6, highest_cost_usd_per_1k=1.0)
    verdict = judged_on([unpriced(Technique.RAG, 195), unpriced(Technique.LORA, 40)], limits)
    assert verdict.next_step.text == "Next: find out what its answers cost; your limit on cost was not checked."


def test_what_is_ruled_out_is_not_called_worse() -> None:
    """Where a better one is out for its time, "nothing better" speaks of those that meet the limits."""
    rows = {Technique.LORA: right_on(190), Technique.CLASSIFIER: right_on(140), Technique.RAG: right_on(139)}
    slow = {Technique.LORA: 5.0, Technique.CLASSIFIER: 0.02}
    verdict = judged(rows, Limits(least_quality=None, highest_p95_s=2.0), p95_s=slow, usd={Technique.CLASSIFIER: 0.01})
    assert verdict.outcome is Outcome.BEST_MEASURED
    assert "in this test nothing that meets your limits was better" in verdict.headline


def test_the_best_of_those_left_is_corrected_once() -> None:
    """The interval in the verdict is the report's, whether the best of all is ruled out or another one is."""
    found = best_corrected(
        [figures_of(name, right_on(right)) for name, right in ((Technique.RAG, 150), (Technique.LORA, 148))], 200
    )
    slow = [replace(found[0], total_p95_s=replace(found[0].total_p95_s, value=9.0, low=9.0, high=9.0)), found[1]]
    table = np.array([right_on(150), right_on(148)])
    for items, out in ((found, "none"), (slow, "rag")):
        run = RunFigures(
            plan=RunPlan(run_id="r", task_id="t", model_id="m", variants=(), test_ids=("1",) * 200, train_ids=()),
            task_title="",
            metric="accuracy",
            is_share=True,
            figures=tuple(items),
            differences=compare_all(["rag", "lora"], table, np.ones(table.shape, dtype=bool), looks=0),
        )
        limits = Limits(least_quality=None, highest_p95_s=2.0, highest_cost_usd_per_1k=None)
        run = corrected_under(run, limits)
        verdict = decide(run, limits)
        assert {item.variant_id for item in verdict.eliminated} == ({out} - {"none"})
        scored = next(claim for claim in verdict.claims if claim.kind is ClaimKind.SCORES)
        quality = run.of(scored.who).quality
        assert (scored.low, scored.high) == (quality.low, quality.high)


def test_unequal_rows_are_compared_where_both_answered() -> None:
    """The leader is who is ahead on common rows, not who met the easier ones; "level" is not said of 4 points."""
    easy, hard = [1.0] * 50, [0.0] * 50
    scores = {Technique.LORA: [*easy, *hard], Technique.RAG: [*easy[:43], *hard[:7], *hard]}
    verdict = unequal(scores, {Technique.LORA: range(100), Technique.RAG: range(50)})
    assert verdict.leader == "lora"
    assert not contradictions(verdict.claims)
    assert "level" not in verdict.headline


def test_no_common_row_is_no_error() -> None:
    """Two variants without a common row cannot be compared: nothing is decided, and nothing breaks."""
    scores = {Technique.LORA: right_on(20, 40), Technique.RAG: right_on(30, 40)}
    verdict = unequal(scores, {Technique.LORA: range(20), Technique.RAG: range(20, 40)})
    assert verdict.pick is None or verdict.outcome is Outcome.BEST_MEASURED
    faster = {Technique.LORA: 0.5}
    verdict = unequal(scores, {Technique.LORA: range(20, 40), Technique.RAG: range(20)}, p95_s=faster)
    assert verdict.headline == "Too few rows to decide: RAG and LoRA have no row in common."
    assert "LoRA is at 0 %, on other rows." in verdict.why
    assert verdict.next_step.text == "Next: have every variant answer the same rows."


def test_nothing_is_called_cheaper_where_a_price_is_unknown() -> None:
    """Best as measured is best in what was measured: of a server without a price nobody knows what is cheaper."""
    found = [unpriced(Technique.CLASSIFIER, 150), unpriced(Technique.RAG, 149)]
    assert judged_on(found, FREE).headline == "Choose the classifier: in this test nothing was better or faster."


def test_one_with_answers_did_not_run_alone() -> None:
    """Where others of the plan have no answers yet, the one that has is not called alone."""
    scores = {Technique.LORA: right_on(20, 40), Technique.RAG: right_on(30, 40)}
    verdict = unequal(scores, {Technique.LORA: range(40), Technique.RAG: range(40)})
    found = figures_of(Technique.LORA, right_on(20, 40))
    other = figures_of(Technique.RAG, right_on(20, 40)).variant
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=(found.variant, other), test_ids=(), train_ids=())
    run = RunFigures(plan=plan, task_title="", metric="accuracy", is_share=True, figures=(found,), differences=())
    assert decide(run, FREE).headline == "Only LoRA has answers so far: there is nothing to compare it with."
    assert verdict.headline


def test_where_none_is_right_there_is_nothing_to_choose() -> None:
    """The cheapest of variants that get no row right is no choice, and no number of rows makes it one."""
    verdict = judged({Technique.ZERO_SHOT: right_on(0), Technique.FEW_SHOT: right_on(0)}, FREE)
    assert (verdict.outcome, verdict.pick, verdict.rows_needed) == (Outcome.NONE_RIGHT, None, None)
    assert verdict.headline == "Nothing to choose yet: no variant got a test row right."
    assert verdict.sureness.text.endswith("; on other rows up to 2 % is possible.")
    assert verdict.next_step.text.startswith("Next: open some rows")
    assert contradictions(verdict.claims) == []


def failed_on_all(technique: Technique, rows: int = 40) -> VariantFigures:
    """Figures of a variant whose server failed on every row."""
    found = replace(unpriced(technique, 0), rows=rows, timed_rows=0, failed=rows, failures={"backend": rows})
    return replace(found, total_p95_s=None, quality=figures_of(technique, [0.0] * rows).quality)


FAILURES_FIRST = "Next: open a row and see why it failed; then run again."


@pytest.mark.parametrize(
    ("found", "limits", "second"),
    [
        (
            [Technique.ZERO_SHOT, Technique.RAG],
            FREE,
            "Zero-shot got 0 of 40 test rows right without training; it answered no row.",
        ),
        ([Technique.RAG], FREE, "It got 0 of 40 test rows right after 40 training rows; it answered no row."),
        ([Technique.RAG], Limits(least_quality=0.05), "It answered no row; each counts as wrong."),
        (
            [Technique.ZERO_SHOT, Technique.RAG],
            Limits(least_quality=0.05),
            "No variant answered a row; each counts as wrong.",
        ),
    ],
)
def test_where_all_rows_failed_the_failures_come_first(found: list[Technique], limits: Limits, second: str) -> None:
    """A server that failed on every row says nothing of other rows, nor of instructions."""
    verdict = judged_on([failed_on_all(technique) for technique in found], limits)
    assert verdict.sureness.text == second
    assert verdict.next_step.text == FAILURES_FIRST
    assert not [sentence for sentence in (*verdict.lines, *verdict.why) if "more rows" in sentence]
    assert not contradictions(verdict.claims)


def test_what_answered_no_row_is_not_chosen_for_being_left() -> None:
    """Where limits rule out all others, one whose every row failed is no choice."""
    found = [failed_on_all(Technique.RAG), figures_of(Technique.CLASSIFIER, right_on(30, 40), p95_s=5.0)]
    verdict = judged_on(found, Limits(highest_p95_s=1.0))
    assert (verdict.outcome, verdict.pick) == (Outcome.NONE_RIGHT, None)
    assert verdict.headline == "Nothing to choose yet: no variant left by your limits got a test row right."
    assert verdict.sureness.text == "RAG got 0 of 40 test rows right after 40 training rows; it answered no row."
    assert verdict.next_step.text == FAILURES_FIRST
    assert "Your limit on p95 was not checked: RAG answered no row." in verdict.basis.text


def test_what_a_rival_without_answers_could_do_is_not_known() -> None:
    """Of failures nothing is said about how much better they could be, and more rows would be more failures."""
    found = [figures_of(Technique.LORA, right_on(3, 40)), failed_on_all(Technique.RAG)]
    verdict = judged_on(found, FREE)
    assert verdict.pick == "lora"
    assert verdict.sureness.text == "It got 3 of 40 test rows right after 40 training rows; RAG answered no row."
    assert verdict.evidence.text.endswith("RAG answered no row, so what it would score is not known.")
    found = [
        figures_of(Technique.LORA, right_on(1, 2)),
        replace(failed_on_all(Technique.RAG, 2), busy_s_per_call=0.001),
    ]
    verdict = judged_on(found, FREE)
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.next_step.text == "Next: open a row and see why RAG failed; then run again."


def test_easier_rows_help_nobody_over_a_limit() -> None:
    """What left a race is judged beside what stayed: 64 % of its first rows, where 93 % of these stand for 84 % of all."""
    scores = {
        Technique.LORA: [1.0] * 13 + [0.0] + [1.0] * 71 + [0.0] * 15,
        Technique.RAG: [1.0] * 11 + [0.0] * 3 + [1.0] * 44 + [0.0] * 42,
        Technique.ZERO_SHOT: [1.0] * 9 + [0.0] * 91,
    }
    rows = {Technique.LORA: range(100), Technique.RAG: range(100), Technique.ZERO_SHOT: range(14)}
    limits = Limits(least_quality=0.6, highest_p95_s=2.0)
    slow = {Technique.LORA: 5.0}
    verdict = unequal(scores, rows, limits=limits, p95_s=slow, race=True)
    assert verdict.outcome is Outcome.NONE
    assert verdict.next_step.text.startswith("Next: make LoRA, the closest in quality, faster")
    told = {item.variant_id: item.reason.text for item in verdict.eliminated}
    assert told["zero-shot"] == (
        "Zero-shot is at 64 % (39 to 84), but its 14 rows were easier: beside the variants with more rows that is about "
        "55 %, below your 60 %; more rows might show that it meets the limit."
    )
    strict = unequal(scores, rows, limits=replace(limits, least_quality=0.8), p95_s=slow, race=True)
    told = {item.variant_id: item.reason.text for item in strict.eliminated}
    assert told["zero-shot"].startswith("Zero-shot is at 64 % (39 to 84), below your 80 %")
    stopped = unequal(scores, rows, limits=limits, p95_s=slow)
    assert stopped.pick == "zero-shot"


def test_one_month_and_one_example_are_one() -> None:
    """What there is one of is not told in the plural."""
    found = [figures_of(Technique.FEW_SHOT, right_on(180)), figures_of(Technique.ZERO_SHOT, right_on(60), usd=1e6)]
    found[0] = replace(found[0], variant=replace(found[0].variant, shots_k=1))
    table = np.array([right_on(180), right_on(60)])
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool), looks=0)
    verdict = decided(found, pairs, Limits(months=1), training=TrainingRows(rows=50, labels=5))
    assert "The one example of few-shot shows one of the 5 labels." in verdict.basis.text
    assert verdict.changes[0].text == "Few-shot is cheaper than zero-shot over 1 month at any volume."
    assert "over 1 month it saves" in " ".join(sentence.text for sentence in verdict.changes)
