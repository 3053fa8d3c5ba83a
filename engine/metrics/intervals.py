"""Intervals of shares, quantiles and rates. Pure functions over plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

from engine.core.interval import Floats, Interval

Z_95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""
TAIL = 0.025
"""What a 95 % interval leaves at each end."""
_BEST_TAIL = 0.0225
_STOPPED_WEIGHT = 2.1
_FAR_AHEAD, _MOST_WIDER = 0.2, 1.1
"""Beyond a lead of 20 points luck explains little, and the interval is at most a tenth wider than the plain one."""


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's score interval for a proportion, 95 %.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927). With no trials the interval is 0 to 1 and the value NaN.

    Raises:
        ValueError: fewer than 0 or more than `trials` successes.
    """
    if not 0 <= successes <= trials:
        message = f"successes must lie in 0..{trials}, got {successes}"
        raise ValueError(message)
    if trials == 0:
        return Interval(value=math.nan, low=0.0, high=1.0)
    # Written out: scipy's binomtest gives the same ends, but computes a p-value first, and a page draws hundreds.
    share, square = successes / trials, Z_95**2 / trials
    middle = share + square / 2
    half = Z_95 * math.sqrt((share * (1 - share) + square / 4) / trials)
    low = 0.0 if successes == 0 else (middle - half) / (1 + square)
    high = 1.0 if successes == trials else (middle + half) / (1 + square)
    return Interval(value=share, low=low, high=high)


def clopper_pearson(successes: int, trials: int, tail: float) -> Interval:
    """Exact interval of a proportion that leaves at most `tail` at each end.

    Source: C. Clopper, E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26 (1934).
    """
    if trials == 0:
        return Interval(value=math.nan, low=0.0, high=1.0)
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return Interval(value=successes / trials, low=low, high=high)


def mean_or(values: Floats, nothing: float) -> float:
    """Return a mean, or this where there are no values."""
    return float(values.mean()) if len(values) else nothing


def mean_interval(values: Sequence[float] | Floats, *, most: float = 1.0) -> Interval:
    """Return a mean with its 95 % interval: Wilson's where all values are 0 or 1, else Student's t without skewness.

    With no values the value is NaN and the interval 0 to `most`; with one that is neither 0 nor 1, the same interval.
    It holds for sparse scores, most of them 0, where the bootstrap and the plain t do not (docs/statistics.md).

    Args:
        values: of 0 or more.
        most: the highest value that is possible.
    """
    scores = np.asarray(values, dtype=np.float64)
    if most == 1.0 and is_binary(scores):
        return wilson(int(scores.sum()), len(scores))
    if most == 1.0 and len(scores) > 1 and bool((scores == scores[0]).all()):
        return joint_interval(scores, TAIL)  # values that are all alike are not certain
    return student(scores, TAIL, most=most)


def running_intervals(means: Sequence[float], counts: Sequence[int]) -> list[Interval]:
    """Return the interval of a running mean after each of these numbers of values, as `mean_interval` has it.

    Args:
        means: of the first value, of the first two, and so on.
        counts: of 1 to the number of means.
    """
    sums = np.asarray(means, dtype=np.float64) * np.arange(1, len(means) + 1)
    values = np.round(np.diff(sums, prepend=0.0), 9)  # what is right is 1 again, not nearly 1
    return [mean_interval(values[:count]) for count in counts]


def student(values: Floats, tail: float, *, most: float = 1.0) -> Interval:
    """Student's t interval of a mean of values of 0 to `most`, corrected for skewness, that leaves `tail` at each end.

    Source: P. Hall, "On the removal of skewness by transformation", JRSS B 54 (1992), the cubic transformation.
    """
    count, value = len(values), float(values.mean()) if len(values) else math.nan
    if count < 2:
        return Interval(value=value, low=0.0, high=most)
    centred = values - value
    total = float((centred * centred).sum())
    error, quantile_t = math.sqrt(total / (count - 1) / count), -float(stdtrit(count - 1, tail))
    if error * math.sqrt(count) <= 1e-12 * abs(value):
        return Interval(value=value, low=value, high=value)
    # Of the mean: that of the rows over the root of rows. Divided before the cube, which tiny numbers do not survive.
    skewness = float(((centred / math.sqrt(total)) ** 3).sum())
    low, high = (value - error * _straightened(end, skewness) for end in (quantile_t, -quantile_t))
    return Interval(value=value, low=min(max(low, 0.0), value), high=max(min(high, most), value))


def plain_student(values: Floats) -> Interval:
    """Student's t interval of a mean, 95 %, of two values or more of any size and sign, such as differences."""
    value = float(values.mean())
    half = float(stdtrit(len(values) - 1, 1 - TAIL)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(value=value, low=value - half, high=value + half)


def _straightened(quantile_t: float, skewness: float) -> float:
    """Turn Hall's cubic transformation round; without skewness it changes nothing."""
    if abs(skewness) < 1e-6:
        return quantile_t
    return 3 / skewness * float(np.cbrt(1 + skewness * (quantile_t - skewness / 6)) - 1)


def joint_interval(values: Floats, tail: float, *, most: float = 1.0) -> Interval:
    """Return a mean with an interval that holds at small tails too: exact for 0 and 1, cautious for other scores.

    For other scores one row at 0 and one at the highest value are added, or at the largest seen where `most` is
    infinite, so that values that are all alike do not look certain.
    """
    if is_binary(values) and most == 1.0:
        return clopper_pearson(int(values.sum()), len(values), tail)
    if not len(values):
        return Interval(value=math.nan, low=0.0, high=most)
    added = [0.0, most if math.isfinite(most) else float(values.max())]
    found = student(np.concatenate([values, added]), tail, most=most)
    value = float(values.mean())
    return Interval(value=value, low=min(found.low, value), high=max(found.high, value))


def is_binary(values: Floats) -> bool:
    """Tell whether all values are 0 or 1."""
    return bool(((values == 0.0) | (values == 1.0)).all())


def corrected_for_choice(best: Interval, others: Sequence[Interval], *, stopped: bool = False) -> Interval:
    """Return the interval of the best of several, widened because the best is in part the luckiest.

    The lower end leaves 2.25 % over the number of variants that could as well have come out on top: one for the best
    itself, and for each other one a share that falls from 1, where the two are level, to 0 where the gap is far beyond
    chance. The upper end leaves 2.25 %, and the value does not change. Where the run ended before its last row, which a
    lucky stretch brings about, the lower end leaves less than half of that, and the upper end stays as it is. Found by
    simulation: docs/statistics.md shows what it covers.

    Args:
        best: plain interval of the best.
        others: plain intervals of the others.
        stopped: whether rows that were planned are missing.
    """
    weight = (1.0 + sum(_might_be_best(best, other) for other in others)) * (_STOPPED_WEIGHT if stopped else 1.0)
    lower, upper = (-float(ndtri(tail)) / Z_95 for tail in (_BEST_TAIL / weight, TAIL if stopped else _BEST_TAIL))
    low = max(best.value - lower * (best.value - best.low), 0.0)
    high = min(best.value + upper * (best.high - best.value), 1.0)
    if best.value - max((other.value for other in others), default=0.0) > _FAR_AHEAD:
        low = max(low, high - _MOST_WIDER * (best.high - best.low))
    return Interval(value=best.value, low=min(low, best.low), high=high)


def _might_be_best(best: Interval, other: Interval) -> float:
    error = math.hypot(best.value - best.low, other.high - other.value) / Z_95
    if error == 0 or math.isnan(error):
        return 0.0
    return min(1.0, 5 * float(ndtr(-(best.value - other.value) / error)))


def quantile(values: Sequence[float], share: float) -> float | None:
    """Quantile with linear interpolation; None without values."""
    if not values:
        return None
    return float(np.quantile(np.asarray(values, dtype=np.float64), share))


def tokens_per_second(tokens: Sequence[float] | Floats, seconds: Sequence[float] | Floats) -> float | None:
    """Tokens over the seconds they took, over all rows that have both; None where no row has."""
    counts, spent = np.nan_to_num(np.asarray(tokens, dtype=float)), np.nan_to_num(np.asarray(seconds, dtype=float))
    total, busy = float(counts[spent > 0].sum()), float(spent.sum())
    return total / busy if total > 0 and busy > 0 else None
