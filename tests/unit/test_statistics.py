"""Intervals, quantiles and macro F1 against other people's figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from engine.core.interval import Interval
from engine.metrics.bootstrap import macro_f1_interval
from engine.metrics.intervals import (
    clopper_pearson,
    corrected_for_choice,
    joint_interval,
    mean_interval,
    quantile,
    running_intervals,
    student,
    wilson,
)

counts = st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))
shares = st.floats(0, 1, allow_nan=False)


@given(counts)
@settings(max_examples=100)
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


@given(st.lists(shares, min_size=2, max_size=60))
@example([0.0, 1.4583003773327173e-109])
@settings(max_examples=50)
def test_the_interval_brackets_the_mean(values: list[float]) -> None:
    """The interval lies within what is possible, around the mean, and turns about with the scores."""
    scores = np.array(values)
    found, mirror = student(scores, 0.025), student(1 - scores, 0.025)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(1 - mirror.high, abs=1e-6)


def test_the_interval_is_about_as_wide_as_theory_says() -> None:
    """For many values without skewness it is Student's: the mean plus or minus 1.97 standard errors."""
    values = [(n * 37 % 100) / 100 for n in range(400)]
    mean = sum(values) / len(values)
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
    found = mean_interval(values)
    assert found.low == pytest.approx(mean - 1.966 * error, abs=1e-4)
    assert found.high == pytest.approx(mean + 1.966 * error, abs=1e-4)


def test_sparse_scores_are_covered() -> None:
    """Scores that are 0 on 85 of 100 rows: the interval of 60 rows holds the true mean in 94 of 100 samples or more."""
    generator, true = np.random.default_rng(1), 0.15 * 0.75
    samples = (generator.random((2000, 60)) < 0.15) * generator.uniform(0.5, 1.0, (2000, 60))
    held = sum(found.low <= true <= found.high for found in map(mean_interval, samples))
    assert held / 2000 >= 0.935


def test_right_and_wrong_get_wilson_and_shares_student() -> None:
    """Scores of 0 and 1 alone get Wilson's interval; any other score gets Student's; a cost of 0 is no wrong answer."""
    assert mean_interval([1.0, 0.0, 1.0]) == wilson(2, 3)
    assert mean_interval([1.0, 0.5, 0.0]) == student(np.array([1.0, 0.5, 0.0]), 0.025)
    assert mean_interval([0.0] * 20, most=math.inf) == Interval(value=0.0, low=0.0, high=0.0)
    assert mean_interval([0.5]) == Interval(value=0.5, low=0.0, high=1.0)


@given(counts)
@settings(max_examples=60)
def test_clopper_and_pearson_is_scipys(pair: tuple[int, int]) -> None:
    """The exact interval is the one that scipy finds."""
    hits, trials = pair
    found = clopper_pearson(hits, trials, 0.025)
    known = binomtest(hits, trials).proportion_ci(0.95, method="exact")
    assert found.low == pytest.approx(known.low, abs=1e-9)
    assert found.high == pytest.approx(known.high, abs=1e-9)


def test_alike_scores_do_not_look_certain() -> None:
    """Thirty scores of 0.5 leave room in the interval, and more in the joint one."""
    alike = np.full(30, 0.5)
    plain = mean_interval(alike)
    assert 0.4 < plain.low < 0.47
    assert mean_interval(alike, most=math.inf) == Interval(value=0.5, low=0.5, high=0.5)
    joint = joint_interval(alike, 0.001)
    assert joint.low < 0.45
    assert joint.high > 0.55


def test_the_best_ones_interval_is_lowered_by_what_comes_near() -> None:
    """Level rivals lower the lower end, rivals far behind do not; the value stays."""
    best = wilson(80, 100)
    alone = corrected_for_choice(best, [wilson(20, 100)] * 5)
    crowded = corrected_for_choice(best, [wilson(79, 100)] * 5)
    assert best.value == alone.value == crowded.value
    assert crowded.low < alone.low <= best.low
    assert (alone.high - alone.low) / (best.high - best.low) < 1.05


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


def test_a_failed_answer_is_a_miss_of_its_class() -> None:
    """A failure lowers its class's recall and no class's precision."""
    assert _macro_f1(["a", "a", "b"], ["a", None, "b"], "ab") == pytest.approx((2 / 3 + 1) / 2)
    assert math.isnan(_macro_f1([], [], "a"))


def _macro_f1(targets: Sequence[str], answers: Sequence[str | None], labels: str) -> float:
    codes = [
        np.array([labels.index(one) if one else -1 for one in found], dtype=np.int64) for found in (targets, answers)
    ]
    return macro_f1_interval(*codes, len(labels)).value


@given(st.lists(st.one_of(st.sampled_from([0.0, 1.0]), shares), min_size=1, max_size=60))
@settings(max_examples=60)
def test_the_band_of_a_running_mean_is_the_interval_of_the_values_so_far(values: list[float]) -> None:
    """Recovered from the means alone, for scores that are right or wrong and for others."""
    means = [sum(values[:count]) / count for count in range(1, len(values) + 1)]
    counts = sorted({1, max(1, len(values) // 2), len(values)})
    for count, found in zip(counts, running_intervals(means, counts), strict=True):
        known = mean_interval(np.round(values[:count], 9))
        assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-4)
