"""The verdict: limits, ties, winners, and sentences that say no more than the figures."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.break_even import CostLine
from engine.analysis.figures import RunFigures, VariantFigures
from engine.analysis.verdict import decide, pareto
from engine.analysis.verdict_types import Outcome, Verdict
from engine.core.errors import UsageError
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.run.plan import RunPlan
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.core.variant import Variant
from engine.metrics.bootstrap import mean_intervals
from engine.metrics.intervals import wilson
from engine.metrics.pairwise import Difference, compare_all

FREE = Limits(least_quality=None, highest_p95_s=None, highest_cost_usd_per_1k=None)


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
        quality=wilson(int(sum(scores)), len(scores)),
        total_p95_s=Interval(value=p95_s, low=p95_s * 0.9, high=p95_s * 1.1),
        busy_s_per_call=p95_s,
        cost_usd_per_1k=usd,
        cost_interval_usd_per_1k=Interval(value=usd, low=usd * 0.9, high=usd * 1.1),
        cost=line,
        prepare_s=1.0,
    )


def decided(
    found: Sequence[VariantFigures], differences: Sequence[Difference], limits: Limits, *, is_share: bool = True
) -> Verdict:
    """Decide on these figures."""
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=(), test_ids=(), train_ids=())
    run = RunFigures(
        plan=plan,
        task_title="",
        metric="accuracy",
        is_share=is_share,
        figures=tuple(found),
        differences=tuple(differences),
    )
    return decide(run, limits)


def judged(rows: dict[Technique, Sequence[float]], limits: Limits = FREE, **changes: dict[Technique, float]) -> Verdict:
    """Judge variants by their scores on the same rows."""
    found = [
        figures_of(technique, scores, **{name: values.get(technique, 0.1) for name, values in changes.items()})
        for technique, scores in rows.items()
    ]
    table = np.array([list(scores) for scores in rows.values()], dtype=float)
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool))
    return decided(found, pairs, limits)


def right_on(number: int, of: int = 200) -> list[float]:
    """Be right on the first rows."""
    return [1.0] * number + [0.0] * (of - number)


def test_a_clear_best_is_named() -> None:
    """A variant that is better than all others is the winner, with the nearest rival's gap and p-value."""
    verdict = judged({Technique.ZERO_SHOT: right_on(80), Technique.LORA: right_on(180)})
    assert (verdict.outcome, verdict.pick) == (Outcome.WINNER, "lora")
    assert "Choose LoRA" in verdict.headline
    assert "50 points" in verdict.sureness.text
    assert verdict.sureness.figures["p"] < 0.001


def test_equals_give_the_simplest() -> None:
    """What cannot be told apart is called so, and the simplest is taken though another scores a little more."""
    verdict = judged({Technique.CLASSIFIER: right_on(178), Technique.LORA: right_on(180), Technique.RAG: right_on(179)})
    assert verdict.pick == "classifier"
    assert verdict.leader == "lora"
    assert set(verdict.tied) == {"classifier", "lora", "rag"}
    assert verdict.outcome in {Outcome.TIED, Outcome.OPEN}
    assert "better than" not in verdict.headline


def test_few_rows_leave_it_open() -> None:
    """With few rows the verdict is for now, and says what may be lost and how many rows would settle it."""
    lora = [1.0] * 24 + [0.0] * 6
    verdict = judged({Technique.CLASSIFIER: [*lora[3:], 1.0, 0.0, 0.0], Technique.LORA: lora})
    assert verdict.outcome is Outcome.OPEN
    assert "for now" in verdict.headline
    assert verdict.sureness.figures["may_be_lost"] > 0.05
    assert "may lose up to" in verdict.sureness.text


def test_a_pick_that_leads_has_little_to_lose() -> None:
    """A simple variant that leads without being told apart is chosen: what it may lose is small, and is said."""
    lora = right_on(150)
    classifier = [1.0] * 140 + [0.0] * 10 + [1.0] * 18 + [0.0] * 32
    verdict = judged({Technique.LORA: lora, Technique.CLASSIFIER: classifier})
    assert (verdict.outcome, verdict.pick, verdict.leader) == (Outcome.TIED, "classifier", "classifier")
    assert "not told apart" in verdict.headline
    assert verdict.sureness.figures["may_be_lost"] < 0.05


def test_limits_eliminate_with_the_reason() -> None:
    """Each limit puts out what breaks it, and says whether that is certain."""
    limits = Limits(least_quality=0.5, highest_p95_s=1.0, highest_cost_usd_per_1k=1.0)
    rows = {Technique.ZERO_SHOT: right_on(60), Technique.RAG: right_on(180), Technique.LORA: right_on(180)}
    verdict = judged(rows, limits, p95_s={Technique.RAG: 3.0}, usd={Technique.LORA: 1.05})
    reasons = {item.variant_id: item for item in verdict.eliminated}
    assert verdict.outcome is Outcome.NONE
    assert verdict.pick is None
    assert "under your 50 %" in reasons["zero-shot"].reason.text
    assert reasons["zero-shot"].certain
    assert "over your 1.00 s" in reasons["rag"].reason.text
    assert not reasons["lora"].certain
    assert "None of the 3" in verdict.headline


def test_a_limit_within_the_interval_is_not_certain() -> None:
    """A quality just under the limit is out as measured, and the sentence says that it may reach it."""
    verdict = judged({Technique.RAG: right_on(158)}, Limits())
    assert not verdict.eliminated[0].certain
    assert "cannot be ruled out" in verdict.eliminated[0].reason.text
    assert verdict.headline == "RAG does not keep your limits."


def test_one_that_keeps_the_limits_is_not_called_better() -> None:
    """The only one left is chosen for that, not for its quality."""
    verdict = judged({Technique.RAG: right_on(170), Technique.LORA: right_on(150)}, Limits())
    assert (verdict.outcome, verdict.pick) == (Outcome.ALONE, "rag")
    assert "alone keeps your limits" in verdict.headline
    assert "LoRA may keep the limits too" in verdict.sureness.text


def test_what_would_change_it_names_volume_prompt_and_labels() -> None:
    """The volume at which the cheaper-running one pays, the quality a prompt would need, and what labels cost."""
    rows = {Technique.ZERO_SHOT: right_on(100), Technique.CLASSIFIER: right_on(180)}
    verdict = judged(rows, FREE, usd={Technique.ZERO_SHOT: 1.0, Technique.CLASSIFIER: 0.01})
    told = " ".join(sentence.text for sentence in verdict.changes)
    assert re.search(r"about \d+ calls a month", told)
    assert "A prompt alone would have to reach" in told
    assert "50 labelled rows cost $5.00" in told


def test_nothing_to_judge() -> None:
    """Without a variant there is neither a verdict nor an error."""
    assert decided([], [], Limits()).pick is None


def test_other_scores_are_not_called_right() -> None:
    """A mean score that is not a share of right rows is written as a score."""
    scores = np.random.default_rng(0).random((2, 50))
    found = [figures_of(technique, right_on(25, 50)) for technique in (Technique.RAG, Technique.LORA)]
    pairs = compare_all([item.variant.id for item in found], scores, np.ones(scores.shape, dtype=bool))
    assert mean_intervals(scores)[0].low < 0.5
    verdict = decided(found, pairs, FREE, is_share=False)
    assert "scores" in verdict.reasons[0].text
    assert "is right on" not in verdict.reasons[0].text


@given(st.lists(st.lists(st.booleans(), min_size=20, max_size=20), min_size=2, max_size=6), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_the_verdict_is_never_stronger_than_its_tests(rows: list[list[bool]], least: float) -> None:
    """A winner is told apart from every other that is left; the pick keeps the limits; the tied hold leader and pick."""
    techniques = list(TECHNIQUES)[: len(rows)]
    scores = {technique: [float(x) for x in line] for technique, line in zip(techniques, rows, strict=True)}
    limits = Limits(least_quality=least, highest_p95_s=None, highest_cost_usd_per_1k=None)
    verdict = judged(scores, limits)
    table = np.array(list(scores.values()))
    pairs = compare_all([str(t) for t in techniques], table, np.ones(table.shape, dtype=bool))
    out = {item.variant_id for item in verdict.eliminated}
    if verdict.pick is None:
        assert out == {str(technique) for technique in techniques}
        return
    assert verdict.pick not in out
    assert {verdict.pick, verdict.leader} <= set(verdict.tied)
    if verdict.outcome is Outcome.WINNER:
        for pair in pairs:
            rival = {pair.first, pair.second} - {verdict.pick}
            if len(rival) == 1 and not rival & out:
                assert pair.significant


def test_pareto_keeps_what_none_beats() -> None:
    """One that is slower, dearer and worse is not in the set; equals both are."""
    found = [
        figures_of(Technique.ZERO_SHOT, right_on(100), p95_s=0.1),
        figures_of(Technique.RAG, right_on(150), p95_s=0.5),
        figures_of(Technique.FEW_SHOT, right_on(90), p95_s=0.2),
        figures_of(Technique.LORA, right_on(150), p95_s=0.5),
    ]
    assert set(pareto(found)) == {"zero-shot", "rag", "lora"}


@pytest.mark.parametrize(
    "wrong", [{"least_quality": 1.2}, {"calls_per_month": 0}, {"months": 0}, {"labelling_usd_per_row": -1.0}]
)
def test_senseless_limits_are_refused(wrong: dict[str, float]) -> None:
    """A limit that makes no sense is an error with its fix."""
    with pytest.raises(UsageError):
        Limits(**wrong)
