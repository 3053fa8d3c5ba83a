"""Intervals, quantiles and macro F1 against other people's figures."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from engine.metrics.bootstrap import mean_interval, mean_intervals
from engine.metrics.intervals import macro_f1, quantile, wilson

counts = st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))
shares = st.floats(0, 1, allow_nan=False)


@given(counts)
@settings(max_examples=100, deadline=None)
def test_wilson_is_scipys(pair: tuple[int, int]) -> None:
    """The interval is the one that scipy computes from the same paper."""
    hits, trials = pair
    found = wilson(hits, trials)
    known = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert found.low == pytest.approx(known.low, abs=1e-9)
    assert found.high == pytest.approx(known.high, abs=1e-9)
    assert found.value == hits / trials


def test_wilson_gives_a_published_value() -> None:
    """7 of 25 lies between 0.143 and 0.476 (Newcombe 1998, worked by hand from the formula)."""
    found = wilson(7, 25)
    assert (round(found.low, 3), round(found.high, 3)) == (0.143, 0.476)


@given(counts)
def test_wilson_holds_its_value_and_mirrors(pair: tuple[int, int]) -> None:
    """The interval holds the share, stays in 0 to 1, and that of the failures is its mirror image."""
    hits, trials = pair
    found, mirror = wilson(hits, trials), wilson(trials - hits, trials)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(1 - mirror.high, abs=1e-12)


def test_wilson_shrinks_with_rows() -> None:
    """Ten times the rows at the same share give a narrower interval."""
    few, many = wilson(6, 10), wilson(60, 100)
    assert many.high - many.low < few.high - few.low


def test_no_rows_are_no_knowledge() -> None:
    """Nothing answered is an unknown figure between 0 and 1, never a zero."""
    for found in (wilson(0, 0), mean_interval([])):
        assert math.isnan(found.value)
        assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(hits: int, trials: int) -> None:
    """More hits than rows is a fault of the caller and says so."""
    with pytest.raises(ValueError, match="successes"):
        wilson(hits, trials)


@given(st.lists(shares, min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_the_bootstrap_brackets_the_mean(values: list[float]) -> None:
    """The interval lies within the values' range, around the mean, and the same seed gives it again."""
    found = mean_intervals(np.array([values]))[0]
    assert min(values) - 1e-12 <= found.low <= found.high <= max(values) + 1e-12
    assert found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9 or len(set(values)) > 1
    assert found == mean_intervals(np.array([values]))[0]


def test_the_bootstrap_is_about_as_wide_as_theory_says() -> None:
    """For many values the interval is close to mean plus or minus 1.96 standard errors."""
    values = [(n * 37 % 100) / 100 for n in range(400)]
    mean = sum(values) / len(values)
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) / len(values))
    found = mean_interval(values)
    assert found.low == pytest.approx(mean - 1.96 * error, abs=0.005)
    assert found.high == pytest.approx(mean + 1.96 * error, abs=0.005)


def test_right_and_wrong_get_wilson_and_shares_the_bootstrap() -> None:
    """Scores of 0 and 1 alone get the exact interval; any other score gets the bootstrap."""
    assert mean_interval([1.0, 0.0, 1.0]) == wilson(2, 3)
    assert mean_interval([1.0, 0.5, 0.0]) == mean_intervals(np.array([[1.0, 0.5, 0.0]]))[0]


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_quantiles_interpolate_between_neighbours(values: list[int], share: float) -> None:
    """The quantile is the exact linear interpolation between the two nearest values in order."""
    ordered = sorted(values)
    place = Fraction(str(share)) * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    wanted = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    assert quantile(values, share) == pytest.approx(float(wanted), abs=1e-6)


def test_no_values_have_no_quantile() -> None:
    """A latency that was not measured is None, not 0."""
    assert quantile([], 0.5) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_macro_f1_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    """On classes that occur or are answered, the figure is scikit-learn's."""
    targets, answers = [t for t, _ in pairs], [a for _, a in pairs]
    present = sorted(set(targets) | set(answers))
    known = f1_score(targets, answers, labels=present, average="macro", zero_division=0)
    assert macro_f1(targets, answers, ["a", "b", "c"]) == pytest.approx(known)


def test_a_failed_answer_is_a_miss_of_its_class() -> None:
    """A failure lowers its class's recall and no class's precision."""
    assert macro_f1(["a", "a", "b"], ["a", None, "b"], ["a", "b"]) == pytest.approx((2 / 3 + 1) / 2)
    assert math.isnan(macro_f1([], [], ["a"]))
