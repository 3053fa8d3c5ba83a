"""Means of scores that are not just right or wrong: Student's t with and without skewness, and independent samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.metrics.intervals import mean_interval, student
from engine.studies.drift import independent_difference
from engine.studies.seed_variation import seed_variation

EXACT = 1e-9
TAIL = 0.025

# P. Hall, "On the removal of skewness by transformation", J. R. Statist. Soc. B 54 (1992), the cubic transformation with
# Student's quantiles. Elsewhere: mpmath, which solved g(T) = t for T by Newton's method instead of the closed form.
HALL = [
    ((0.5, 0.25, 1.0, 0.0, 0.75, 0.6), 0.120132465299, 0.870871245455),
    ((0.0,) * 17 + (1 / 3, 2 / 3, 1.0), 0.009505125625, 0.610304545186),
    ((0.0,) * 55 + (0.5, 0.25, 1.0, 1.0, 0.8), 0.016722817767, 0.193076590323),
    ((0.9,) * 3 + (1.0,) * 9 + (0.2, 0.7), 0.439804002168, 0.986162105594),
]

# Without skewness nothing is left of the correction. Elsewhere: statsmodels, DescrStatsW(values).tconfint_mean(alpha).
SYMMETRIC = (0.2, 0.4, 0.5, 0.6, 0.8)
SYMMETRIC_INTERVALS = [(0.025, 0.222355489480, 0.777644510520), (0.005, 0.039590512865, 0.960409487135)]

# Student, "The probable error of a mean", Biometrika 6 (1908): hours of sleep gained by ten patients under one drug over
# another. The manual of R gives the interval (t.test of the data set "sleep", paired): 0.7001142 to 2.4598858.
SLEEP = (1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4)
SLEEP_INTERVAL = (1.58, 0.7001142, 2.4598858)

# Elsewhere: statsmodels, DescrStatsW(values).tconfint_mean() on the means of three draws: 0.75, 0.5 and 0.625.
DRAWS = {0: (1.0, 0.5), 1: (0.25, 0.75), 2: (0.625, 0.625)}
DRAWS_INTERVAL = (0.625, 0.314482786031, 0.935517213969)

# Elsewhere: scipy.stats.ttest_ind(equal_var=False), with its confidence_interval(): Welch's t.
AFTER = (0.2, 0.5, 0.9, 0.4, 0.7, 0.35)
BEFORE = (0.1, 0.3, 0.25, 0.45, 0.2, 0.6, 0.15, 0.05)
CHANGE = (-0.032322538963, 0.523989205629, 0.076485704159)


@pytest.mark.parametrize(("scores", "low", "high"), HALL)
def test_means_have_halls_interval(scores: tuple[float, ...], low: float, high: float) -> None:
    """A mean of sparse, skewed or near-perfect scores: both ends."""
    for found in (student(np.array(scores), TAIL, most=math.inf), mean_interval(scores)):
        assert found.value == pytest.approx(sum(scores) / len(scores))
        assert (found.low, found.high) == pytest.approx((low, high), abs=EXACT)


@pytest.mark.parametrize(("tail", "low", "high"), SYMMETRIC_INTERVALS)
def test_symmetric_scores_have_students_interval(tail: float, low: float, high: float) -> None:
    """At the usual tail and at a smaller one."""
    found = student(np.array(SYMMETRIC), tail)
    assert (found.low, found.high) == pytest.approx((low, high), abs=EXACT)


def test_draws_have_students_interval() -> None:
    """The mean over draws with other seeds, by the scatter of their means; and the data of 1908, as R prints them."""
    found = seed_variation(DRAWS)
    assert found is not None
    assert (found.quality.value, found.quality.low, found.quality.high) == pytest.approx(DRAWS_INTERVAL, abs=EXACT)
    found = seed_variation({seed: (hours,) for seed, hours in enumerate(SLEEP)})
    assert found is not None
    assert (found.quality.value, found.quality.low, found.quality.high) == pytest.approx(SLEEP_INTERVAL, abs=0.5e-7)


def test_independent_means_have_welchs_interval() -> None:
    """Other rows than before: both ends and the p-value by unequal variances."""
    found, p_value = independent_difference(np.array(AFTER), np.array(BEFORE))
    assert (found.low, found.high, p_value) == pytest.approx(CHANGE, abs=EXACT)
