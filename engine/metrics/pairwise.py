"""Which differences between variants are significant: every pair on the same rows, corrected for multiple tests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from engine.core.interval import Floats, Interval
from engine.core.run.prediction import RIGHT_SCORE
from engine.metrics.bootstrap import acceleration_of_mean, bca, row_weights
from engine.metrics.intervals import Z_95

LEVEL = 0.05
"""A difference is significant when its p-value, corrected for the number of pairs, is below this."""
POWER = 0.8
MOST_ROWS_TO_SETTLE = 1_000_000
MCNEMAR = "exact McNemar"
BOOTSTRAP = "paired bootstrap"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Two variants on the rows that both answered or failed on."""

    first: str
    """Variant id."""
    second: str
    rows: int
    effect: Interval
    """Mean score of the first minus that of the second, -1 to 1."""
    only_first: int
    """Rows that only the first gets right (a score of at least 0.5)."""
    only_second: int
    p_value: float
    p_holm: float
    """Corrected for all pairs of the run by Holm's method."""
    test: str
    rows_to_settle: int | None
    """About how many further rows would make the difference significant with 80 % power, if the observed gap is true.

    None where it is significant already, where no gap was observed, or where a million rows would not be enough.
    """

    @property
    def significant(self) -> bool:
        """Tell whether the difference is significant at the 5 % level, over all pairs."""
        return self.p_holm < LEVEL

    def seen_from(self, variant_id: str) -> Interval:
        """Return the effect as this variant's score minus the other's."""
        if variant_id == self.first:
            return self.effect
        return Interval(value=-self.effect.value, low=-self.effect.high, high=-self.effect.low)


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Two-sided exact McNemar test: rows that only one gets right are like throws of a fair coin.

    Source: Q. McNemar, Psychometrika 12 (1947); exact form as in A. Agresti, "Categorical Data Analysis".
    """
    throws = only_first + only_second
    return float(min(1.0, 2 * binom.cdf(min(only_first, only_second), throws, 0.5))) if throws else 1.0


def paired_share_difference(only_first: int, only_second: int, rows: int) -> Interval:
    """Difference of two paired proportions, 95 %: Bonett and Price's adjusted Wald interval.

    Source: D. Bonett, R. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", J. Educ. Behav. Stat. 37 (2012). With no rows the value is NaN and the interval -1 to 1.
    """
    if rows == 0:
        return Interval(value=math.nan, low=-1.0, high=1.0)
    first, second = (only_first + 1) / (rows + 2), (only_second + 1) / (rows + 2)
    half = Z_95 * math.sqrt((first + second - (first - second) ** 2) / (rows + 2))
    middle, value = first - second, (only_first - only_second) / rows
    return Interval(value=value, low=max(-1.0, min(middle - half, value)), high=min(1.0, max(middle + half, value)))


def rows_for_power(spread: float, difference: float, *, level: float = LEVEL, power: float = POWER) -> int | None:
    """Rows at which a paired difference of this size is found with this power; None if a million is not enough.

    `spread` is the mean square of the rows' differences: for right and wrong, the share of rows that one alone gets
    right. Source: R. Connor, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43 (1987); for other scores this is the usual formula for a paired mean.
    """
    if difference == 0 or spread <= 0:
        return None
    over = norm.ppf(1 - level / 2) * math.sqrt(spread)
    over += norm.ppf(power) * math.sqrt(max(spread - difference**2, 0.0))
    rows = math.ceil((over / difference) ** 2)
    return rows if rows <= MOST_ROWS_TO_SETTLE else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of a family so that the chance of any false finding among them stays at the chosen level.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def compare_all(
    variant_ids: Sequence[str], scores: Floats, made: NDArray[np.bool_], *, seed: int = 0
) -> tuple[Difference, ...]:
    """Compare every pair of variants on the rows that both have, and correct for the number of pairs.

    Args:
        variant_ids: one per line.
        scores: primary scores of shape (variants, rows), a failure being 0.
        made: same shape; whether a prediction is there.
        seed: of the bootstrap.
    """
    pairs = list(itertools.combinations(range(len(variant_ids)), 2))
    if not pairs:
        return ()
    whole = bool(made.all())
    binary = bool(np.isin(scores[made], (0.0, 1.0)).all())
    shared = row_weights(scores.shape[1], seed=seed) if whole and not binary and scores.shape[1] else None
    raw = []
    for first, second in pairs:
        both = slice(None) if whole else made[first] & made[second]
        raw.append(
            _compare(variant_ids[first], variant_ids[second], scores[first, both], scores[second, both], shared, seed)
        )
    adjusted = holm([difference.p_value for difference in raw])
    unsettled = max(sum(p >= LEVEL for p in adjusted), 1)
    return tuple(
        replace(
            difference,
            p_holm=p,
            rows_to_settle=_rows_to_settle(difference, scores, variant_ids, made, LEVEL / unsettled)
            if p >= LEVEL
            else None,
        )
        for difference, p in zip(raw, adjusted, strict=True)
    )


def _compare(
    first: str, second: str, left: Floats, right: Floats, weights: NDArray[np.float32] | None, seed: int
) -> Difference:
    rows = len(left)
    only_first = int(np.sum((left >= RIGHT_SCORE) & (right < RIGHT_SCORE)))
    only_second = int(np.sum((right >= RIGHT_SCORE) & (left < RIGHT_SCORE)))
    if bool(np.isin(left, (0.0, 1.0)).all() and np.isin(right, (0.0, 1.0)).all()):
        test, p_value = MCNEMAR, mcnemar_p(only_first, only_second)
        effect = paired_share_difference(only_first, only_second, rows)
    else:
        test = BOOTSTRAP
        gaps = left - right
        drawn = row_weights(rows, seed=seed) if weights is None else weights
        replicates = (drawn @ gaps.astype(np.float32)).astype(np.float64)
        mean = float(gaps.mean())
        effect = bca(mean, replicates, acceleration_of_mean(gaps))
        # Without a difference, means would scatter about 0 as the replicates scatter about the observed mean, and a
        # little wider: resamples of n rows vary by (n - 1) / n of what new rows would.
        wider = math.sqrt(rows / max(rows - 1, 1))
        beyond = int(np.sum(np.abs(replicates - mean) * wider >= abs(mean) - 1e-9))
        p_value = (1 + beyond) / (1 + len(replicates))
    return Difference(
        first=first,
        second=second,
        rows=rows,
        effect=effect,
        only_first=only_first,
        only_second=only_second,
        p_value=p_value,
        p_holm=p_value,
        test=test,
        rows_to_settle=None,
    )


def _rows_to_settle(
    difference: Difference, scores: Floats, variant_ids: Sequence[str], made: NDArray[np.bool_], level: float
) -> int | None:
    """Further rows, at the level that Holm's order leaves for the pairs that are not yet significant."""
    first, second = variant_ids.index(difference.first), variant_ids.index(difference.second)
    both = made[first] & made[second]
    if not both.any():
        return None
    spread = float(np.mean((scores[first, both] - scores[second, both]) ** 2))
    needed = rows_for_power(spread, difference.effect.value, level=level)
    return None if needed is None else max(needed - difference.rows, 1)
