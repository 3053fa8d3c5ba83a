"""The verdict's three lines, over random runs: short, in plain words, about what was set, and with a reason for each."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.analysis.basis.row_looks import RowLooks
from engine.analysis.basis.training_rows import TrainingRows
from engine.analysis.report import assess
from engine.analysis.verdict.claims import ClaimKind, LimitKind
from engine.analysis.verdict.ruling import Outcome, Verdict
from engine.core.embedder import EmbedderHandicap
from engine.core.limits import Limits
from engine.core.run.manifest import Conditions
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.metrics.pairwise import compare_all
from tests.made_runs import answered, made_run
from tests.memory_lab import memory_task
from tests.unit.test_verdict import USUAL, decided, figures_of, judged, right_on

LONGEST = 140
STATISTICS = re.compile(
    r"\bp [=<]|\bp-value|Holm|McNemar|Wilson|interval|95 %|% level|signific|adjusted|confidence|bound", re.IGNORECASE
)

limit = st.none() | st.floats(0, 1)
runs = st.tuples(
    st.integers(1, 200).flatmap(
        lambda rows: st.lists(
            st.lists(st.booleans(), min_size=rows, max_size=rows), min_size=1, max_size=len(TECHNIQUES)
        )
    ),
    st.lists(st.floats(0.001, 3), min_size=6, max_size=6),
    st.lists(st.floats(0, 2), min_size=6, max_size=6),
    st.booleans(),
)
limits = st.builds(
    Limits,
    least_quality=limit,
    highest_p95_s=limit,
    highest_cost_usd_per_1k=limit,
    calls_per_month=st.sampled_from([1, 10_000, 10_000_000]),
)


def verdict_of(
    run: tuple[list[list[bool]], list[float], list[float], bool], wanted: Limits, trained: int, looks: int
) -> Verdict:
    """Judge a random run; half of the runs have the longest names, those of tuned variants."""
    rows, seconds, usd, tuned = run
    techniques = list(TECHNIQUES)[-len(rows) :]
    found = [
        figures_of(technique, [float(x) for x in line], p95_s=seconds[place], usd=usd[place])
        for place, (technique, line) in enumerate(zip(techniques, rows, strict=True))
    ]
    if tuned:
        found = [replace(item, name=f"Tuned {item.name}") for item in found]
    table = np.array(rows, dtype=float)
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool), looks=0)
    training = TrainingRows(rows=trained)
    return decided(found, pairs, wanted, training=training, looks=RowLooks(runs=looks, variants=6 * looks))


@given(runs, limits, st.sampled_from([0, 1, 50, 12_000]), st.integers(0, 12))
@example(
    ([[True] * 20, [False] * 20], [0.1] * 6, [0.01, 0.02, 0.0, 0.0, 0.0, 0.0], False), Limits(), 50, 0
)  # the cheaper one is cheaper from the first call on
@settings(max_examples=300)
def test_the_three_lines_hold_over_random_runs(
    run: tuple[list[list[bool]], list[float], list[float], bool], wanted: Limits, trained: int, looks: int
) -> None:
    """Three short lines without statistics; "your" for set limits alone; no "0 calls"; a reason for every name."""
    verdict = verdict_of(run, wanted, trained, looks)
    assert len(verdict.lines) == 3
    for line in verdict.lines:
        assert len(line) <= LONGEST, line
        assert not STATISTICS.search(line), line
        assert line.endswith("."), line
        assert ".." not in line, line
    everything = " ".join((*verdict.lines, *verdict.why, *(sentence.text for sentence in verdict.changes)))
    assert not re.search(r"\b0 calls", everything)
    if not wanted.any_set:
        assert not re.search(
            r"\byour\b|\blimits?\b", everything.replace("a limit can change the choice", ""), re.IGNORECASE
        )
    if not wanted.volume_set:
        assert "you plan" not in everything
    why = " ".join(verdict.why).lower()
    names = [f"Tuned {label(t)}" if run[3] else label(t) for t in list(TECHNIQUES)[-len(run[0]) :]]
    for name in names:
        if name.lower() in verdict.headline.lower():
            assert name.lower() in why, name


@given(runs, limits)
@settings(max_examples=200)
def test_a_remedy_fits_the_limit_that_is_missed(
    run: tuple[list[list[bool]], list[float], list[float], bool], wanted: Limits
) -> None:
    """More labels are proposed where quality alone is missed by the one nearest in it, never for time or cost."""
    verdict = verdict_of(run, wanted, 50, 0)
    if verdict.outcome is not Outcome.NONE:
        return
    (nearest,) = [claim.who for claim in verdict.next_step.claims if claim.kind is ClaimKind.REMEDY]
    out = next(item for item in verdict.eliminated if item.variant_id == nearest)
    missed = {claim.limit for claim in out.reason.claims if claim.kind is ClaimKind.MISSES}
    text = verdict.next_step.text
    if "label" in text:
        assert missed == {LimitKind.QUALITY}
    assert ("faster" in text) == (LimitKind.P95 in missed and LimitKind.QUALITY not in missed)
    assert ("cheaper" in text) == (LimitKind.COST in missed and LimitKind.QUALITY not in missed)


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6), st.sampled_from([Limits(), USUAL]))
@settings(max_examples=25)
def test_the_lines_hold_for_made_runs(shares: list[float], wanted: Limits) -> None:
    """The same of runs that went all the way from a plan and its answers: three short lines, none about a set limit."""
    plan, _made = made_run(rows=40)
    task = memory_task(rows=40)
    ids = [variant.id for variant in plan.variants]
    table = answered(plan, task, dict(zip(ids, shares, strict=True)))
    verdict = assess(plan, task, table, Conditions(), wanted).verdict
    assert len(verdict.lines) == 3
    assert all(len(line) <= LONGEST and not STATISTICS.search(line) for line in verdict.lines), verdict.lines
    assert wanted.any_set or "your" not in " ".join((*verdict.lines, *verdict.why))


def test_a_winner_is_told_in_three_lines() -> None:
    """What to choose, how sure with the training rows, what to do next."""
    rows = {Technique.ZERO_SHOT: right_on(80), Technique.FEW_SHOT: right_on(90), Technique.LORA: right_on(180)}
    assert judged(rows).lines == (
        "Choose LoRA: it is better than both others.",
        "It got 180 of 200 test rows right after 50 training rows; few-shot is next, 45 points behind, which is proven.",
        "Next: say what you need in quality, time and cost; a limit can change the choice.",
    )
    assert "p < 0.001" in " ".join(judged(rows).why)


def test_a_clear_loser_on_every_count_is_not_hedged() -> None:
    """Best on quality, time and cost at once is a choice, though few rows prove nothing."""
    rows = {Technique.CLASSIFIER: right_on(40, 40), Technique.RAG: right_on(39, 40)}
    speed = {Technique.CLASSIFIER: 0.01, Technique.RAG: 0.2}
    verdict = judged(rows, p95_s=speed, usd=speed)
    assert verdict.headline == "Choose the classifier: in this test nothing was better, faster or cheaper."


def test_what_pays_off_with_the_first_call_is_cheaper_at_any_volume() -> None:
    """One-off costs that a single call pays for are told as "at any volume", not "from about 0 calls"."""
    found = [
        figures_of(Technique.CLASSIFIER, right_on(180), usd=0.01),
        figures_of(Technique.RAG, right_on(60), usd=0.2),
    ]
    found[0] = replace(found[0], cost=replace(found[0].cost, preparing_usd=1e-6))
    table = np.array([right_on(180), right_on(60)])
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool), looks=0)
    assert decided(found, pairs, Limits()).changes[0].text == (
        "The classifier is cheaper than RAG over 12 months at any volume."
    )


def test_an_embedder_that_does_not_read_the_rows_is_named_in_the_second_line() -> None:
    """Who retrieves or fits with an embedder of another language is handicapped, and the second line says so in short."""
    plan, _made = made_run(rows=40)
    handicap = EmbedderHandicap(embedder="bge-small-en-v1.5", languages=("zh",), unknown_share=0.9)
    variants = tuple(replace(one, embedder=handicap.embedder) for one in plan.variants)
    plan = replace(plan, variants=variants, handicaps=(handicap,))
    table = answered(plan, memory_task(rows=40), 0.5)
    verdict = assess(plan, memory_task(rows=40), table, Conditions(), Limits()).verdict
    assert "used an embedder not trained on the rows' language." in verdict.sureness.text
    assert len(verdict.sureness.text) <= LONGEST
    assert "not trained on Chinese" in " ".join(verdict.why)


def test_worn_test_rows_are_the_next_thing_to_mend() -> None:
    """From the fifth look at the same rows on, the next step is to confirm a choice on fresh ones."""
    found = [figures_of(Technique.CLASSIFIER, right_on(180)), figures_of(Technique.ZERO_SHOT, right_on(60))]
    table = np.array([right_on(180), right_on(60)])
    pairs = compare_all([item.variant.id for item in found], table, np.ones(table.shape, dtype=bool), looks=0)
    verdict = decided(found, pairs, USUAL, looks=RowLooks(runs=4, variants=20))
    assert verdict.next_step.text == "Next: confirm it on fresh test rows; this is look 5 at the same ones."
