"""Pairs on the same rows: McNemar's test, Bonett and Price's interval, Student's t, Holm's correction, and power."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from engine.metrics.pairwise import compare_all, holm, rows_for_power
from tests.made_runs import compared

EXACT = 1e-9

# Exact conditional and mid-p, as (rows that the first alone gets right, the second alone, exact, mid-p, tolerance).
# M. Fagerland, S. Lydersen, P. Laake, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better
# than exact conditional", BMC Med. Res. Methodol. 13:91 (2013): hyper-responsive airways of 21 children (Bentur 2009).
# The second, from their book of 2017 and its R package: responses of 161 patients (Cavo 2012).
PUBLISHED = [(1, 7, 0.070, 0.039, 0.5e-3), (6, 16, 0.052479, 0.034690, 0.5e-6)]

# Elsewhere: exact sums as fractions. The first is the approval of the prime minister in A. Agresti, "Categorical Data
# Analysis", chapter on matched pairs: 86 to approval, 150 from it.
MCNEMAR = [
    (86, 150, 3.715936139571e-05, 2.893389517615e-05),
    (0, 1, 1.0, 0.5),
    (0, 5, 0.0625, 0.03125),
    (3, 14, 0.012725830078, 0.007537841797),
    (5, 6, 1.0, 0.774414062500),
    (0, 40, 1.818989404e-12, 9.094947018e-13),
    (200, 260, 0.005883922473, 0.005142986302),
]

# D. Bonett, R. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data",
# J. Educ. Behav. Stat. 37 (2012), as the R package contingencytables of Fagerland, Lydersen and Laake computes it.
BONETT_PRICE_PUBLISHED = (6, 16, 161, -0.1195, -0.0032)

# Elsewhere: mpmath, from the paper's formula.
BONETT_PRICE = [
    (1, 7, 21, -0.508359306666, -0.013379823768),
    (6, 16, 161, -0.119498811067, -0.003200575437),
    (3, 14, 100, -0.188943966910, -0.026742307600),
    (0, 0, 50, -0.053303993244, 0.053303993244),
    (20, 5, 30, 0.195050784488, 0.742449215512),
    (0, 30, 30, -1.0, -0.816931469945),
]

# Elsewhere: statsmodels, multipletests(method="holm"). The second family are the fifteen p-values of Y. Benjamini,
# Y. Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B 57 (1995), section 4: three survive.
HOLM = [
    ((0.01, 0.04, 0.03, 0.005), (0.03, 0.06, 0.06, 0.02)),
    (
        (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
         1.0),
        (0.0015, 0.0056, 0.0247, 0.1140, 0.2211, 0.2780, 0.2780, 0.2780, 0.3213, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    ),
    ((0.5, 0.02, 0.02), (0.5, 0.06, 0.06)),
    ((0.2,), (0.2,)),
]  # fmt: skip

# Scores of two variants on eight rows. Elsewhere: mpmath, Student's t with seven degrees of freedom on the gaps and two
# more rows, one with the largest gap for either side: p-value and both ends.
SCORES = ((0.9, 0.4, 0.75, 1.0, 0.6, 0.2, 0.85, 0.5), (0.7, 0.5, 0.25, 0.9, 0.6, 0.1, 0.35, 0.4))
GAP = (0.175, 0.180089835724, -0.082324985111, 0.362324985111)

# Share of rows on which one alone is right, difference, level, power, rows. Elsewhere: mpmath, the formula of R. Connor,
# "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43 (1987).
CONNOR = [
    (0.12, 0.03, 0.05, 0.8, 1045),
    (0.3, 0.1, 0.05, 0.8, 234),
    (0.2, 0.1, 0.01, 0.9, 293),
    (0.05, 0.05, 0.05, 0.8, 155),
]


def exact_p(only_first: int, only_second: int) -> float:
    """Return the exact p-value that goes with the mid-p-value: larger by the chance of what was seen."""
    throws = only_first + only_second
    return min(1.0, compared(only_first, only_second).p_value + comb(throws, only_first) / 2**throws)


@pytest.mark.parametrize(("only_first", "only_second", "exact", "mid_p", "tolerance"), PUBLISHED)
def test_mcnemar_gives_the_published_values(
    only_first: int, only_second: int, exact: float, mid_p: float, tolerance: float
) -> None:
    """The mid-p-value of paper and book to their digits, either way round; the exact one follows from it."""
    for pair in ((only_first, only_second), (only_second, only_first)):
        assert compared(*pair).p_value == pytest.approx(mid_p, abs=tolerance)
        assert exact_p(*pair) == pytest.approx(exact, abs=tolerance)


@pytest.mark.parametrize(("only_first", "only_second", "exact", "mid_p"), MCNEMAR)
def test_mcnemar_is_the_exact_sum(only_first: int, only_second: int, exact: float, mid_p: float) -> None:
    """From one differing row to hundreds."""
    assert compared(only_first, only_second).p_value == pytest.approx(mid_p, rel=1e-9)
    assert exact_p(only_first, only_second) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("each", [0, 1, 4, 50])
def test_no_difference_has_a_p_value_of_one(each: int) -> None:
    """As many rows either way: 1, as of the exact test; the paper's mid-p-value is a little less (0.86 at 4 and 4)."""
    assert compared(each, each).p_value == 1.0


def test_the_paired_interval_is_the_published_one() -> None:
    """To the four digits printed."""
    only_first, only_second, rows, low, high = BONETT_PRICE_PUBLISHED
    found = compared(only_first, only_second, rows).effect
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.5e-4)


@pytest.mark.parametrize(("only_first", "only_second", "rows", "low", "high"), BONETT_PRICE)
def test_the_paired_interval_follows_its_formula(
    only_first: int, only_second: int, rows: int, low: float, high: float
) -> None:
    """Both ends, cut off at -1 and 1; the value stays the difference seen.

    Where McNemar's test finds a difference, a run's interval stays half a row away from 0.
    """
    found = compared(only_first, only_second, rows).effect
    if compared(only_first, only_second, rows).significant:
        low, high = (max(low, 0.5 / rows), high) if found.value > 0 else (low, min(high, -0.5 / rows))
    assert found.value == pytest.approx((only_first - only_second) / rows)
    assert (found.low, found.high) == pytest.approx((low, high), abs=EXACT)


@pytest.mark.parametrize(("p_values", "adjusted"), HOLM)
def test_holm_is_statsmodels(p_values: tuple[float, ...], adjusted: tuple[float, ...]) -> None:
    """In the order given, ties and values cut off at 1 included."""
    assert holm(p_values) == pytest.approx(adjusted, abs=EXACT)


def test_scores_between_right_and_wrong_are_compared_by_students_t() -> None:
    """One pair, looked at once: the gap, its p-value and its interval."""
    (found,) = compare_all(["first", "second"], np.array(SCORES), np.ones((2, 8), dtype=bool))
    assert (found.effect.value, found.p_value, found.effect.low, found.effect.high) == pytest.approx(GAP, abs=EXACT)


@pytest.mark.parametrize(("spread", "difference", "level", "power", "rows"), CONNOR)
def test_rows_for_a_difference_follow_connor(
    spread: float, difference: float, level: float, power: float, rows: int
) -> None:
    """Rounded up to whole rows."""
    assert rows_for_power(spread, difference, level=level, power=power) == rows
