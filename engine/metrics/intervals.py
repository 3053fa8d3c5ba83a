"""Intervals of shares, quantiles and rates. Pure functions over plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.core.interval import Floats, Interval

Z_95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""


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


def quantile(values: Sequence[float], share: float) -> float | None:
    """Quantile with linear interpolation; None without values."""
    if not values:
        return None
    return float(np.quantile(np.asarray(values, dtype=np.float64), share))


def macro_f1(targets: Sequence[str], answers: Sequence[str | None], labels: Sequence[str]) -> float:
    """Unweighted mean of the classes' F1; a failed answer counts as a miss of its class.

    A class that neither occurs nor is answered is left out, as scikit-learn's `zero_division=nan` does.
    """
    scores = []
    for label in labels:
        hits = sum(t == label and a == label for t, a in zip(targets, answers, strict=True))
        wanted = sum(t == label for t in targets)
        given = sum(a == label for a in answers)
        if wanted + given:
            scores.append(2 * hits / (wanted + given))
    return float(np.mean(scores)) if scores else math.nan


def tokens_per_second(tokens: Sequence[float] | Floats, seconds: Sequence[float] | Floats) -> float | None:
    """Tokens over the seconds they took, over all rows that have both; None where no row has."""
    counts, spent = np.nan_to_num(np.asarray(tokens, dtype=float)), np.nan_to_num(np.asarray(seconds, dtype=float))
    total, busy = float(counts[spent > 0].sum()), float(spent.sum())
    return total / busy if total > 0 and busy > 0 else None
