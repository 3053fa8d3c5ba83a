"""Intervals of one share and of two independent ones, and Fisher's test, against published and other people's values."""

from __future__ import annotations

import numpy as np
import pytest

from engine.metrics.intervals import clopper_pearson, wilson
from engine.studies.drift import independent_difference

FOUR_DIGITS = 0.5e-4
EXACT = 1e-9

# R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods", Statist. Med.
# 17 (1998) 857-872, table I, methods 3 (Wilson's score) and 5 (Clopper-Pearson).
NEWCOMBE_SINGLE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]

# M. Fagerland, S. Lydersen, P. Laake, "Statistical Analysis of Contingency Tables" (2017), by their R package
# contingencytables: 13 of 16 (Ligarden 2010), and none and all of ten.
FAGERLAND_EXACT = [(13, 16, 0.5435, 0.9595), (10, 10, 0.6915, 1.0), (0, 10, 0.0, 0.3085)]

# Elsewhere: statsmodels, proportion_confint(method="wilson").
WILSON = [
    (81, 263, 0.255288519878, 0.366209576983),
    (7, 25, 0.142838538510, 0.475766051904),
    (1, 1, 0.206549314377, 1.0),
    (3, 7, 0.158219855251, 0.749541635472),
    (50, 100, 0.403831530366, 0.596168469634),
    (99, 100, 0.945513803821, 0.998232567936),
    (497, 1000, 0.466081635265, 0.527941325286),
    (200, 200, 0.981154673623, 1.0),
]

# Elsewhere: statsmodels, proportion_confint(method="beta", alpha=2 * tail).
CLOPPER_PEARSON = [
    (81, 263, 0.025, 0.252736745585, 0.367621922601),
    (7, 25, 0.001, 0.067092777557, 0.605359206585),
    (99, 100, 0.0005, 0.904389888926, 0.999994998762),
    (30, 60, 0.005, 0.331187725938, 0.668812274062),
]

# R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
# Statist. Med. 17 (1998) 873-890, table II, method 10.
NEWCOMBE_DIFFERENCE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]

# Elsewhere: exact sums of hypergeometric probabilities as fractions. The first is the tea tasting of R. A. Fisher, "The
# Design of Experiments" (1935), 0.4857 in A. Agresti, "Categorical Data Analysis"; the second his twins, 0.0005367 in
# the manual of R (fisher.test).
FISHER = [
    (3, 4, 1, 4, 0.485714285714),
    (10, 13, 2, 17, 0.000536724119),
    (56, 70, 48, 80, 0.012521129749),
    (1, 30, 8, 20, 0.001575399900),
]


def shares(hits: int, rows: int) -> np.ndarray:
    """Return a column of scores with so many ones."""
    return np.array([1.0] * hits + [0.0] * (rows - hits))


@pytest.mark.parametrize(("hits", "rows", "score", "exact"), NEWCOMBE_SINGLE)
def test_single_shares_have_newcombes_intervals(
    hits: int, rows: int, score: tuple[float, float], exact: tuple[float, float]
) -> None:
    """Wilson's and Clopper and Pearson's intervals are those of the paper's table, to its four digits."""
    found = wilson(hits, rows)
    assert (found.low, found.high) == pytest.approx(score, abs=FOUR_DIGITS)
    found = clopper_pearson(hits, rows, 0.025)
    assert (found.low, found.high) == pytest.approx(exact, abs=FOUR_DIGITS)


@pytest.mark.parametrize(("hits", "rows", "low", "high"), FAGERLAND_EXACT)
def test_exact_intervals_are_the_textbooks(hits: int, rows: int, low: float, high: float) -> None:
    """None, all and some of few rows, to four digits."""
    found = clopper_pearson(hits, rows, 0.025)
    assert (found.low, found.high) == pytest.approx((low, high), abs=FOUR_DIGITS)


@pytest.mark.parametrize(("hits", "rows", "low", "high"), WILSON)
def test_wilson_is_statsmodels(hits: int, rows: int, low: float, high: float) -> None:
    """From one row to a thousand, both ends."""
    found = wilson(hits, rows)
    assert (found.value, found.low, found.high) == pytest.approx((hits / rows, low, high), abs=EXACT)


@pytest.mark.parametrize(("hits", "rows", "tail", "low", "high"), CLOPPER_PEARSON)
def test_clopper_pearson_is_statsmodels(hits: int, rows: int, tail: float, low: float, high: float) -> None:
    """At the usual tail and at the small ones of a family of tests."""
    found = clopper_pearson(hits, rows, tail)
    assert (found.value, found.low, found.high) == pytest.approx((hits / rows, low, high), abs=EXACT)


@pytest.mark.parametrize(("hits", "rows", "other", "other_rows", "low", "high"), NEWCOMBE_DIFFERENCE)
def test_differences_have_newcombes_intervals(
    hits: int, rows: int, other: int, other_rows: int, low: float, high: float
) -> None:
    """Method 10 of the paper's table, to its four digits."""
    found, _p_value = independent_difference(shares(hits, rows), shares(other, other_rows))
    assert (found.low, found.high) == pytest.approx((low, high), abs=FOUR_DIGITS)
    assert found.value == pytest.approx(hits / rows - other / other_rows)


@pytest.mark.parametrize(("hits", "rows", "other", "other_rows", "p_value"), FISHER)
def test_fishers_test_is_exact(hits: int, rows: int, other: int, other_rows: int, p_value: float) -> None:
    """Two-sided: all tables that are no likelier than the one seen."""
    _interval, found = independent_difference(shares(hits, rows), shares(other, other_rows))
    assert found == pytest.approx(p_value, abs=EXACT)
