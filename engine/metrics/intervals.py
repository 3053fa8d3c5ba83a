"""Intervals and quantiles. Pure functions over plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.core.interval import Interval

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
    share = successes / trials
    square = Z_95**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = Z_95 / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return Interval(value=share, low=low, high=high)


def bootstrap_mean(values: Sequence[float], *, resamples: int = 2000, seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean, 95 %, vectorized.

    Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    With no values the interval is 0 to 1 and the value NaN.
    """
    if not values:
        return Interval(value=math.nan, low=0.0, high=1.0)
    data = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(seed).integers(0, len(data), size=(resamples, len(data)))
    means = data[draws].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(value=float(data.mean()), low=float(low), high=float(high))


def mean_interval(values: Sequence[float]) -> Interval:
    """Wilson's interval where all values are 0 or 1, the bootstrap otherwise."""
    if all(value in {0.0, 1.0} for value in values):
        return wilson(round(sum(values)), len(values))
    return bootstrap_mean(values)


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
