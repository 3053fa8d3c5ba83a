"""Pairs of variants: McNemar, the paired interval, Holm, power, and the rows that would settle it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from engine.metrics.inference import RUN_ERROR, WATCHED, level_of_look
from engine.metrics.pairwise import compare_all, holm, rows_for_power
from tests.made_runs import compared

discordant = st.tuples(st.integers(0, 60), st.integers(0, 60))


@given(discordant)
def test_mcnemar_is_a_fair_coin(pair: tuple[int, int]) -> None:
    """The p-value is scipy's exact two-sided binomial test, with the chance of what was seen counted by half."""
    first, second = pair
    throws = first + second
    exact = binomtest(first, throws, 0.5).pvalue if throws else 1.0
    known = 1.0 if first == second else exact - float(binom.pmf(min(pair), throws, 0.5))
    assert compared(first, second).p_value == pytest.approx(known, abs=1e-12)


@given(discordant, st.integers(0, 200))
def test_the_paired_interval_mirrors(pair: tuple[int, int], alike: int) -> None:
    """It holds the difference seen, stays within -1 to 1, and turns about when the variants do."""
    first, second = pair
    rows = first + second + alike
    found, turned = compared(first, second, rows).effect, compared(second, first, rows).effect
    assert -1 <= found.low <= found.high <= 1
    if rows:
        assert found.low <= found.value <= found.high
    assert found.low == pytest.approx(-turned.high)


def test_the_paired_interval_is_the_published_formula() -> None:
    """3 against 14 of 100: (4 - 15) / 102 plus and minus 1.96 standard errors, worked by hand."""
    found = compared(3, 14, 100).effect
    assert found.value == pytest.approx(-0.11)
    assert (round(found.low, 4), round(found.high, 4)) == (-0.1889, -0.0267)


def test_holm_gives_the_textbook_values() -> None:
    """0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_strengthens(p_values: list[float]) -> None:
    """No corrected p-value is below its own, none exceeds 1, and their order is kept."""
    adjusted = holm(p_values)
    assert all(low <= high <= 1 for low, high in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    assert [adjusted[index] for index in order] == sorted(adjusted)


def test_three_points_need_about_a_thousand_rows() -> None:
    """At 80 % power and 12 % of rows on which one alone is right, 3 points need some 1,000 rows."""
    rows = rows_for_power(0.12, 0.03)
    assert rows is not None
    assert 950 <= rows <= 1100


def test_power_is_what_simulation_finds() -> None:
    """As many rows as the formula names lead the test to find the gap in about 80 of 100 runs."""
    rows = rows_for_power(0.3, 0.1)
    assert rows is not None
    counts = np.random.default_rng(1).multinomial(rows, [0.2, 0.1, 0.7], size=600)
    found = np.mean([compared(int(a), int(b)).p_value < 0.05 for a, b, _ in counts])
    assert 0.72 <= found <= 0.88


def test_no_gap_needs_no_number() -> None:
    """Where no gap was seen no number of rows is named; nor where a million would not do."""
    assert rows_for_power(0.2, 0.0) is None
    assert rows_for_power(0.5, 0.0001) is None


def test_right_and_wrong_get_mcnemar_and_shares_student() -> None:
    """The test follows the scores, and a real gap is found by both."""
    generator = np.random.default_rng(2)
    right = (generator.random((2, 200)) < np.array([[0.9], [0.5]])).astype(float)
    made = np.ones((2, 200), dtype=bool)
    (found,) = compare_all(["a", "b"], right, made)
    assert found.test == "McNemar, mid-p"
    assert found.significant
    assert found.rows_to_settle is None
    shares = np.clip(right * 0.5 + generator.random((2, 200)) * 0.4, 0, 1)
    (found,) = compare_all(["a", "b"], shares, made)
    assert found.test == "Student's t on row differences"
    assert found.significant
    assert found.seen_from("b").value == pytest.approx(-found.effect.value)


@given(st.integers(0, 50))
@settings(max_examples=15)
def test_only_rows_of_both_count(seed: int) -> None:
    """A pair is compared on the rows that both have: the others may say anything."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 2, (3, 40)).astype(float)
    made = np.ones((3, 40), dtype=bool)
    made[1, 25:] = False
    before = compare_all(["a", "b", "c"], scores, made)
    scores[1, 25:] = 1 - scores[1, 25:]
    after = compare_all(["a", "b", "c"], scores, made)
    assert before == after
    assert [item.rows for item in before] == [25, 40, 25]


def test_equals_are_not_told_apart() -> None:
    """A variant against itself has p = 1 and no rows to settle it."""
    line = np.tile(np.random.default_rng(0).random(30), (2, 1))
    (found,) = compare_all(["a", "b"], line, np.ones((2, 30), dtype=bool))
    assert found.p_value == 1.0
    assert found.rows_to_settle is None


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.3, 1.0])), min_size=2, max_size=60))
@settings(max_examples=150)
def test_interval_and_p_value_agree(rows: list[tuple[float, float]]) -> None:
    """The interval of a difference leaves out 0 exactly where the p-value is below 5 %, also over several looks."""
    scores = np.array(rows).T
    for looks in (None, 0, 1):
        (found,) = compare_all(["a", "b"], scores, np.ones(scores.shape, dtype=bool), looks=looks)
        assert found.distinct == (not found.effect.low <= 0 <= found.effect.high)
        assert found.effect.low - 1e-12 <= found.effect.value <= found.effect.high + 1e-12


def test_a_pair_that_lacks_rows_is_judged_by_evidence_for_every_look() -> None:
    """In a run that stopped, a lead that a test of once would prove is not yet proven; in full it is."""
    generator = np.random.default_rng(4)
    scores = (generator.random((2, 100)) < np.array([[0.75], [0.5]])).astype(float)
    made = np.ones((2, 100), dtype=bool)
    (whole,) = compare_all(["a", "b"], scores, made, looks=0)
    made[:, 99:] = False
    (stopped,) = compare_all(["a", "b"], scores, made, looks=0)
    assert whole.distinct
    assert stopped.test == "betting, valid at every row"
    assert stopped.p_value > whole.p_value


def test_each_look_spends_its_share() -> None:
    """The same rows weigh less after a look, and all shares together are 5 %."""
    scores = np.array([[1.0] * 10 + [0.0] * 30, [0.0] * 40])
    made = np.ones(scores.shape, dtype=bool)
    values = [compare_all(["a", "b"], scores, made, looks=looks)[0].p_value for looks in (None, 0, 1, 2)]
    assert values == sorted(values)
    assert WATCHED + sum(level_of_look(earlier) for earlier in range(60)) == pytest.approx(RUN_ERROR)


def test_at_worst_bounds_the_loss_both_ways() -> None:
    """The bound is at least the loss seen, larger with more rivals, and one of two variants is always at risk."""
    scores = np.array([[1.0] * 20 + [0.0] * 20, [0.0] * 5 + [1.0] * 18 + [0.0] * 17])
    (found,) = compare_all(["a", "b"], scores, np.ones(scores.shape, dtype=bool), looks=0)
    assert found.at_worst("a", 1) >= -found.seen_from("a").value
    assert found.at_worst("a", 5) > found.at_worst("a", 1)
    assert found.at_worst("a", 1) + found.at_worst("b", 1) > 0
