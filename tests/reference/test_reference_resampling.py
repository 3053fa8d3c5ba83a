"""The BCa bootstrap, macro F1 with its interval, and quantiles between order statistics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.metrics.bootstrap import bca, macro_f1_interval, quantile_joint

EXACT = 1e-9

# All 3,125 resamples of five values, so that nothing is left to chance. Elsewhere: scipy, bootstrap(method="BCa") on the
# same replicates; the percentiles alone would be 0.09 and 0.69.
VALUES = (0.05, 0.1, 0.15, 0.4, 1.0)
ACCELERATION = 0.083441749427627
BCA_OF_MEAN = (0.12, 0.82)

# Targets and answers as (target, answer, rows); an answer of -1 is a failure. Elsewhere: scikit-learn, f1_score(...,
# average="macro"), and scipy, bootstrap(method="BCa") of it with 200,000 resamples in pairs.
MACRO_F1 = [
    (((0, 0, 60), (0, 1, 1), (1, 1, 20), (1, 0, 1), (2, 2, 9), (2, 0, 1)), 0.9584530431770483, 0.8644, 0.9904),
    (
        ((0, 0, 100), (0, 1, 4), (1, 1, 60), (1, 0, 2), (2, 2, 8), (2, 0, 2)),
        0.9342694342694342,
        0.8303,
        0.9785,
    ),
    (
        ((0, 0, 40), (1, 1, 30), (1, 2, 2), (2, 2, 12), (2, -1, 1), (2, 1, 1), (0, 2, 1)),
        0.9225404934217195,
        0.8327,
        0.9754,
    ),
]
RESAMPLING_NOISE = 0.006
"""What 10,000 resamples leave open; percentiles without bias and acceleration are off by 0.01 to 0.03."""

# Ranks between which a median or a p95 lies, with at most 2.5 % beyond each. Elsewhere: exact sums of binomial
# probabilities as fractions. None: too few values to bound it from above.
RANKS = [(20, 0.5, 6, 15), (100, 0.5, 40, 61), (10, 0.5, 2, 9), (100, 0.95, 90, 100), (50, 0.95, 44, None)]


def rows_of(cells: tuple[tuple[int, int, int], ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write out the targets and answers of all rows."""
    rows = [(target, answer) for target, answer, count in cells for _ in range(count)]
    return np.array([target for target, _ in rows]), np.array([answer for _, answer in rows])


def test_bca_is_scipys_on_the_same_replicates() -> None:
    """Bias and acceleration move both ends to where scipy puts them."""
    replicates = np.array([np.mean(drawn) for drawn in itertools.product(VALUES, repeat=len(VALUES))])
    found = bca(float(np.mean(VALUES)), replicates, ACCELERATION)
    assert (found.value, found.low, found.high) == pytest.approx((0.34, *BCA_OF_MEAN), abs=EXACT)


@pytest.mark.parametrize(("cells", "value", "low", "high"), MACRO_F1)
def test_macro_f1_and_its_interval(
    cells: tuple[tuple[int, int, int], ...], value: float, low: float, high: float
) -> None:
    """The figure is scikit-learn's to the last digit, and its interval scipy's up to the scatter of resampling."""
    targets, answers = rows_of(cells)
    found = macro_f1_interval(targets, answers, 3)
    assert found.value == pytest.approx(value, abs=EXACT)
    assert (found.low, found.high) == pytest.approx((low, high), abs=RESAMPLING_NOISE)


def test_macro_f1_is_the_published_example() -> None:
    """The example in scikit-learn's manual of f1_score: 0.267."""
    targets, answers = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 2, 1, 0, 0, 1])
    assert macro_f1_interval(targets, answers, 3).value == pytest.approx(4 / 15)


@pytest.mark.parametrize(("rows", "share", "first", "last"), RANKS)
def test_quantiles_lie_between_exact_ranks(rows: int, share: float, first: int, last: int | None) -> None:
    """Values 1 to n are their own ranks, so that the interval's ends can be read off."""
    found = quantile_joint(np.arange(1.0, rows + 1), share, 0.025)
    assert found is not None
    assert found.low == first
    assert found.high == (np.inf if last is None else last)
