"""The verdict: limits, ties, winners, and sentences that say no more than the figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.claims.consistency import contradictions
from engine.analysis.basis.row_looks import RowLooks
from engine.analysis.basis.training_rows import TrainingRows
from engine.analysis.costs.break_even import CostLine
from engine.analysis.figures import RunFigures, VariantFigures, best_corrected
from engine.analysis.joint_intervals import JointIntervals
from engine.analysis.verdict.claims import ClaimKind, Strength
from engine.analysis.verdict.deciding import decide
from engine.analysis.verdict.ruling import Outcome, Verdict
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.run.plan import RunPlan
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.core.variant import Variant
from engine.metrics.intervals import clopper_pearson, mean_interval, wilson
from engine.metrics.pairwise import Difference, compare_all

FREE = Limits()
USUAL = Limits(least_quality=0.8, highest_p95_s=2.0, highest_cost_usd_per_1k=1.0)


def figures_of(
    technique: Technique, scores: Sequence[float], *, p95_s: float = 0.1, usd: float = 0.01
) -> VariantFigures:
    """Build a variant's figures from its scores."""
    line = CostLine(
        name=label(technique),
        variant_id=str(technique),
        labelling_usd=0.0 if technique is Technique.ZERO_SHOT else 5.0,
        preparing_usd=0.0,
        per_call_usd=usd / 1000,
        leaves_machine=False,
        most_calls_per_month=1e9,
        source="test",
    )
    return VariantFigures(
        variant=Variant(id=str(technique), technique=technique),
        name=label(technique),
        rows=len(scores),
        timed_rows=len(scores),
        quality=wilson(int(sum(scores)), len(scores)),
        total_p95_s=Interval(value=p95_s, low=p95_s * 0.9, high=p95_s * 1.1),
        busy_s_per_call=p95_s,
        cost_usd_per_1k=usd,
        cost_interval_usd_per_1k=Interval(value=usd, low=usd * 0.9, high=usd * 1.1),
        joint=JointIntervals(
            quality=clopper_pearson(int(sum(scores)), len(scores), 0.001),
            total_p95_s=Interval(value=p95_s, low=p95_s * 0.8, high=p95_s * 1.2),
            cost_usd_per_1k=Interval(value=usd, low=usd * 0.8, high=usd * 1.2),
        ),
        cost=line,
        prepare_s=1.0,
    )


def decided(
    found: Sequence[VariantFigures],
    differences: Sequence[Difference],
    limits: Limits,
    *,
    is_share: bool = True,
    training: TrainingRows | None = None,
    looks: RowLooks | None = None,
) -> Verdict:
    """Decide on these figures."""
    rows = found[0].rows if found else 0
    ids = tuple(str(row) for row in range(rows))
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=(), test_ids=ids, train_ids=ids[:50])
    run = RunFigures(
        plan=plan,
        task_title="",
        metric="accuracy",
        is_share=is_share,
        figures=tuple(best_corrected(found, rows)),
        differences=tuple(differences),
    )
    return decide(run, limits, training=training, looks=looks)


def judged(rows: dict[Technique, Sequence[float]], limits: Limits = FREE, **changes: dict[Technique, float]) -> Verdict:
    """Judge variants by their scores on the same rows."""
    found = [
        figures_of(technique, scores, **{name: values.get(technique, 0.1) for name, values in changes.items()})
        for technique, scores in rows.items()
    ]
    table = np.array([list(scores) for scores in rows.values()], dtype=float)
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool), looks=0)
    return decided(found, pairs, limits)


def right_on(number: int, of: int = 200) -> list[float]:
    """Be right on the first rows."""
    return [1.0] * number + [0.0] * (of - number)


def kinds(verdict: Verdict) -> set[ClaimKind]:
    """Which kinds of claims a verdict makes."""
    return {claim.kind for claim in verdict.claims}


def test_a_clear_best_is_named() -> None:
    """A variant that is better than all others is the winner, with the nearest rival's gap and p-value."""
    verdict = judged({Technique.ZERO_SHOT: right_on(80), Technique.LORA: right_on(180)})
    assert (verdict.outcome, verdict.pick) == (Outcome.WINNER, "lora")
    assert verdict.headline == "Choose LoRA: it is better than zero-shot."
    assert "50 points" in verdict.sureness.text
    (lead,) = verdict.sureness.claims
    assert lead.p_value is not None
    assert lead.p_value < 0.001


def test_the_leader_is_tested_against_its_rivals_alone() -> None:
    """Beside four alike rivals, a lead is proven that a correction over all fifteen pairs would not let through."""
    rivals = list(TECHNIQUES)[:5]
    rows = {name: [*right_on(60, 80), *([1.0] * 5 + [0.0] * 15)] for name in rivals}
    rows[Technique.CLASSIFIER] = [*right_on(60, 80), *([1.0] * 3 + [0.0] * 2 + [1.0] * 11 + [0.0] * 4)]
    verdict = judged(rows)
    table = np.array(list(rows.values()))
    pairs = compare_all([str(name) for name in rows], table, np.ones(table.shape, dtype=bool), looks=0)
    assert not all(pair.significant for pair in pairs if "classifier" in {pair.first, pair.second})
    assert (verdict.outcome, verdict.pick) == (Outcome.WINNER, "classifier")


def test_the_simplest_is_taken_where_little_can_be_lost() -> None:
    """Among equals on many rows the simplest is chosen though another scores a little more, with what it may lose."""
    rows = {
        Technique.CLASSIFIER: [0.0] * 60 + [1.0] * 1790 + [0.0] * 150,
        Technique.LORA: right_on(1800, 2000),
        Technique.RAG: [0.0] * 30 + [1.0] * 1795 + [0.0] * 175,
    }
    verdict = judged(rows, p95_s={Technique.CLASSIFIER: 0.05})
    assert (verdict.outcome, verdict.pick, verdict.leader) == (Outcome.SIMPLEST, "classifier", "lora")
    assert "better than" not in verdict.headline
    (loss,) = verdict.opening
    assert loss.kind is ClaimKind.NO_RISK
    assert loss.value is not None
    assert 0.005 <= loss.value <= 0.05


def test_few_rows_leave_it_undecided() -> None:
    """With few rows nothing is picked: the leader is named, and how many more rows should settle it."""
    lora = [1.0] * 24 + [0.0] * 6
    classifier = [0.0] * 7 + lora[7:-4] + [1.0] * 4
    faster = {Technique.CLASSIFIER: 0.05}
    verdict = judged({Technique.CLASSIFIER: classifier, Technique.LORA: lora}, p95_s=faster)
    assert (verdict.outcome, verdict.pick, verdict.leader) == (Outcome.UNDECIDED, None, "lora")
    assert verdict.headline == "Too few rows to decide: LoRA leads the classifier by 10 points."
    assert verdict.rows_needed is not None
    assert verdict.next_step.text == "Next: test about 160 more rows; that should settle it."
    assert "could be up to" in verdict.sureness.text
    assert verdict.reasons


def test_best_on_all_three_is_chosen_as_measured() -> None:
    """One that no other beats on quality, p95 or cost is chosen, and called so as measured, not as better."""
    lora = right_on(150)
    classifier = [1.0] * 140 + [0.0] * 10 + [1.0] * 18 + [0.0] * 32
    speed = {Technique.LORA: 0.3, Technique.CLASSIFIER: 0.02}
    verdict = judged({Technique.LORA: lora, Technique.CLASSIFIER: classifier}, p95_s=speed, usd=speed)
    assert (verdict.outcome, verdict.pick) == (Outcome.BEST_MEASURED, "classifier")
    assert "in this test nothing was better, faster or cheaper" in verdict.headline
    assert "not proven" in verdict.evidence.text
    assert ClaimKind.BETTER not in kinds(verdict)


def test_the_pick_is_spoken_of_by_its_own_pairs() -> None:
    """No verdict says that the rows cannot tell a rival from the pick, and below that the rival is better."""
    zero_shot, few_shot = right_on(80, 150), right_on(92, 150)
    lora = [0.0] * 27 + [1.0] * 93 + [0.0] * 30
    verdict = judged({Technique.ZERO_SHOT: zero_shot, Technique.FEW_SHOT: few_shot, Technique.LORA: lora})
    assert not contradictions(verdict.claims)
    assert verdict.pick != "zero-shot"


def test_limits_eliminate_with_the_reason() -> None:
    """Each limit rules out what misses it, and says whether that is certain."""
    limits = Limits(least_quality=0.5, highest_p95_s=1.0, highest_cost_usd_per_1k=1.0)
    rows = {Technique.ZERO_SHOT: right_on(60), Technique.RAG: right_on(180), Technique.LORA: right_on(180)}
    verdict = judged(rows, limits, p95_s={Technique.RAG: 3.0}, usd={Technique.LORA: 1.05})
    reasons = {item.variant_id: item for item in verdict.eliminated}
    assert verdict.outcome is Outcome.NONE
    assert verdict.pick is None
    assert "below your 50 %" in reasons["zero-shot"].reason.text
    assert reasons["zero-shot"].certain
    assert "over your 1.00 s" in reasons["rag"].reason.text
    assert not reasons["lora"].certain
    assert verdict.headline == "None of the three variants meets your limits."
    assert "LoRA might still meet them" in verdict.sureness.text
    two = {technique: right_on(60) for technique in (Technique.ZERO_SHOT, Technique.RAG)}
    assert judged(two, Limits(least_quality=0.9)).headline == "Neither of the two variants meets your limits."


def test_every_limit_that_is_missed_is_named() -> None:
    """A variant that is too slow and too bad is called both."""
    limits = Limits(least_quality=0.9, highest_p95_s=1.0, highest_cost_usd_per_1k=None)
    verdict = judged({Technique.RAG: right_on(100)}, limits, p95_s={Technique.RAG: 3.0})
    assert re.search(r"below your 90 % and takes 3.00 s at p95 .* over your 1.00 s", verdict.reasons[0].text)


def test_labels_are_no_remedy_for_seconds() -> None:
    """Where only the time is missed, more labels are not proposed; where quality is, they are."""
    rows = {Technique.CLASSIFIER: right_on(180), Technique.ZERO_SHOT: right_on(100)}
    slow = judged(rows, Limits(highest_p95_s=0.05))
    poor = judged(rows, Limits(least_quality=0.99))
    both = judged(rows, Limits(least_quality=0.99, highest_p95_s=0.05))
    assert slow.next_step.text == (
        "Next: make the classifier, the closest in quality, faster: another embedder or another machine."
    )
    assert poor.next_step.text == (
        "Next: label more training rows for the classifier, the closest in quality; the learning curve shows what they "
        "bring."
    )
    assert "label" not in both.next_step.text


def test_a_limit_within_the_interval_is_not_certain() -> None:
    """A quality just under the limit is out as measured, and the sentence says that it may reach it."""
    verdict = judged({Technique.RAG: right_on(158)}, USUAL)
    assert not verdict.eliminated[0].certain
    assert "might show that it meets the limit" in verdict.eliminated[0].reason.text
    assert verdict.headline == "RAG does not meet your limits."


def test_one_that_meets_the_limits_is_not_called_better() -> None:
    """The only one left is chosen for that, not for its quality; whether others miss is not claimed where it is open."""
    verdict = judged({Technique.RAG: right_on(170), Technique.LORA: right_on(150)}, USUAL)
    assert (verdict.outcome, verdict.pick) == (Outcome.ALONE, "rag")
    assert verdict.headline == "Choose RAG: in this test only it meets your limits."
    assert "LoRA might meet your limits too" in verdict.sureness.text
    assert "LoRA may meet the limits too" in verdict.evidence.text
    assert verdict.opening[0].strength is Strength.MEASURED


def test_the_only_one_is_claimed_where_it_is_certain() -> None:
    """Where the others miss by far and the pick meets by far, the claim is made without "in this test"."""
    rows = {Technique.RAG: right_on(195), Technique.LORA: right_on(80)}
    verdict = judged(rows, Limits(least_quality=0.8, highest_p95_s=2.0))
    assert verdict.headline == "Choose RAG: only it meets your limits."
    assert verdict.opening[0].strength is Strength.CERTAIN


def test_training_rows_and_the_draw_are_told() -> None:
    """The second line says after how many training rows, and that shots are one draw."""
    rows = {Technique.FEW_SHOT: right_on(180), Technique.ZERO_SHOT: right_on(60)}
    verdict = judged(rows)
    assert "after 50 training rows" in verdict.basis.text
    assert ClaimKind.TRAINED_ON in {claim.kind for claim in verdict.basis.claims}


def test_labels_without_rows_and_worn_test_rows_are_told() -> None:
    """The second line says how many labels had no training row; from the fifth look on, how worn the test rows are."""
    found = [figures_of(Technique.CLASSIFIER, right_on(180)), figures_of(Technique.ZERO_SHOT, right_on(60))]
    table = np.array([right_on(180), right_on(60)])
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool), looks=0)
    unseen = TrainingRows(
        rows=50, labels=77, labels_without_rows=tuple("abc"), test_rows_without=40, highest_reachable=0.8
    )
    told = decided(found, pairs, FREE, training=unseen, looks=RowLooks(runs=4, variants=20)).basis
    assert "3 of 77 labels had no training row" in told.text
    assert "at most 80 % right" in told.text
    assert "look 5 at these test rows, after 20 variants in 4 runs" in told.text
    assert "about 23 %" in told.text
    few = replace(found[0], variant=replace(found[0].variant, technique=Technique.FEW_SHOT, shots_k=10))
    shown = decided([few, found[1]], pairs, FREE, training=unseen).basis.text
    assert "The 10 examples of the classifier show at most 10 of the 77 labels." in shown
    fourth = decided(found, pairs, FREE, training=unseen, looks=RowLooks(runs=3, variants=15)).basis
    assert "look" not in fourth.text


def test_what_would_change_it_names_volume_prompt_and_labels() -> None:
    """The volume at which the cheaper-running one pays, the quality a prompt would need, and what labels cost."""
    rows = {Technique.ZERO_SHOT: right_on(100), Technique.CLASSIFIER: right_on(180)}
    verdict = judged(rows, FREE, usd={Technique.ZERO_SHOT: 1.0, Technique.CLASSIFIER: 0.01})
    told = " ".join(sentence.text for sentence in verdict.changes)
    assert re.search(r"Above about \d+ calls a month the classifier is cheaper than zero-shot", told)
    assert "A better prompt alone would need" in told
    assert "50 labelled rows of the classifier cost $5.00" in told


def test_cheaper_at_any_volume_is_said_so() -> None:
    """A break-even below one call a month is no volume: it is cheaper at any."""
    rows = {Technique.ZERO_SHOT: right_on(100), Technique.CLASSIFIER: right_on(180)}
    verdict = judged(rows, FREE, usd={Technique.ZERO_SHOT: 1e6, Technique.CLASSIFIER: 0.01})
    told = " ".join(sentence.text for sentence in verdict.changes)
    assert "The classifier is cheaper than zero-shot over 12 months at any volume" in told
    assert "about 0 calls" not in told


def test_nothing_to_judge() -> None:
    """Without a variant there is neither a verdict nor an error."""
    assert decided([], [], Limits()).pick is None


def test_other_scores_are_not_called_right() -> None:
    """A mean score that is not a share of right rows is written as a score."""
    scores = np.random.default_rng(0).random((2, 50))
    found = [figures_of(technique, right_on(25, 50)) for technique in (Technique.RAG, Technique.LORA)]
    pairs = compare_all([item.variant.id for item in found], scores, np.ones(scores.shape, dtype=bool), looks=0)
    assert mean_interval(scores[0]).low < 0.5
    verdict = decided(found, pairs, FREE, is_share=False)
    assert "scores" in verdict.reasons[0].text
    assert "right" not in verdict.reasons[0].text


@given(
    st.lists(st.lists(st.booleans(), min_size=20, max_size=20), min_size=2, max_size=6),
    st.floats(0, 1),
    st.floats(0, 1),
    st.lists(st.floats(0.05, 3), min_size=6, max_size=6),
)
@settings(max_examples=150)
def test_the_verdict_holds_together(rows: list[list[bool]], least: float, share: float, seconds: list[float]) -> None:
    """No two claims deny each other; the pick meets the limits; a winner beats each rival; every rival has its reason."""
    techniques = list(TECHNIQUES)[: len(rows)]
    scores = {technique: [float(x) for x in line] for technique, line in zip(techniques, rows, strict=True)}
    slowest = 3 * share
    limits = Limits(least_quality=least, highest_p95_s=slowest, highest_cost_usd_per_1k=None)
    verdict = judged(scores, limits, p95_s=dict(zip(techniques, seconds, strict=False)))
    assert not contradictions(verdict.claims)
    table = np.array(list(scores.values()))
    pairs = compare_all([str(t) for t in techniques], table, np.ones(table.shape, dtype=bool), looks=0)
    out = {item.variant_id for item in verdict.eliminated}
    told = " ".join(sentence.text.lower() for sentence in verdict.reasons)
    assert all(label(technique).lower() in told for technique in techniques)
    if verdict.outcome is Outcome.NONE:
        assert out == {str(technique) for technique in techniques}
        return
    assert verdict.leader not in out
    kept = [table[place] for place, name in enumerate(techniques) if str(name) not in out]
    none_right = len(kept) > 1 and not any(found.any() for found in kept)
    assert (verdict.outcome is Outcome.NONE_RIGHT) == none_right
    assert (verdict.pick is None) == (verdict.outcome is Outcome.UNDECIDED or none_right)
    assert verdict.pick not in out
    if verdict.outcome is Outcome.WINNER:
        for pair in pairs:
            rival = {pair.first, pair.second} - {verdict.pick}
            if len(rival) == 1 and not rival & out:
                assert pair.distinct
