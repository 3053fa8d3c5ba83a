"""Intervals of quantiles, from order statistics, and of macro F1, by the bootstrap.

Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 14 (percentile and BCa).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import bdtr, ndtr, ndtri

from engine.core.interval import Counts, Floats, Interval
from engine.metrics.intervals import TAIL

MOST_RESAMPLES = 10_000
LEAST_RESAMPLES = 2_000
MOST_DRAWS = 20_000_000
"""Rows times resamples that are drawn at most: what half a second and 80 MB allow."""
MOST_CELL_DRAWS = 4_000_000


def resample_count(rows: int) -> int:
    """Return how many resamples this many rows get: 10,000 up to 2,000 rows, then fewer, never under 2,000."""
    return int(np.clip(MOST_DRAWS // max(rows, 1), LEAST_RESAMPLES, MOST_RESAMPLES))


def bca(value: float, replicates: Floats, acceleration: float) -> Interval:
    """Return the bias-corrected and accelerated 95 % interval of a figure from its bootstrap replicates.

    Where all replicates are alike the interval is that one point.
    """
    spread = float(np.ptp(replicates)) if len(replicates) else 0.0
    if spread <= 1e-6 * abs(value) or spread == 0:  # what single precision leaves of equal values
        return Interval(value=value, low=value, high=value)
    below = float(np.mean(replicates < value)) + float(np.mean(replicates == value)) / 2
    bias = float(ndtri(np.clip(below, 1 / len(replicates), 1 - 1 / len(replicates))))
    ends = []
    for point in (ndtri(TAIL), ndtri(1 - TAIL)):
        shifted = bias + point
        ends.append(float(ndtr(bias + shifted / (1 - acceleration * shifted))))
    low, high = np.quantile(replicates, ends)
    return Interval(value=value, low=float(low), high=float(high))


def quantile_interval(values: Floats, share: float) -> Interval | None:
    """Return a quantile with its 95 % interval between order statistics: what the bootstrap comes to, without a draw.

    How many values lie under the true quantile is binomial, which says between which two it lies. Places are
    interpolated, as J. Nyblom does ("Note on interpolated order statistics", 1992). None without values; NaNs are left
    out. Under 72 values nothing bounds a p95 from above: the interval then ends at the largest value.
    """
    known = np.sort(values[~np.isnan(values)])
    rows = len(known)
    if rows == 0:
        return None
    below = bdtr(np.arange(rows + 1), rows, share)  # at place k: chance of at most k values under the quantile
    low = _at(known, float(np.interp(TAIL, below, np.arange(1, rows + 2))))
    high = _at(known, float(np.interp(1 - TAIL, below, np.arange(1, rows + 2))))
    value = float(np.quantile(known, share))
    return Interval(value=value, low=min(low, value), high=max(high, value))


def quantile_joint(values: Floats, share: float, tail: float) -> Interval | None:
    """Return a quantile between two order statistics that leave at most `tail` at each end, without interpolation.

    Where too few values are there to bound it, the interval ends at 0 or at infinity. None without values.
    Source: H. A. David, H. N. Nagaraja, "Order Statistics" (2003), section 7.1.
    """
    known = np.sort(values[~np.isnan(values)])
    rows = len(known)
    if rows == 0:
        return None
    below = bdtr(np.arange(rows + 1), rows, share)
    first, last = int(np.searchsorted(below, tail)), int(np.searchsorted(below, 1 - tail)) + 1
    return Interval(
        value=float(np.quantile(known, share)),
        low=float(known[first - 1]) if first >= 1 else 0.0,
        high=float(known[last - 1]) if last <= rows else math.inf,
    )


def _at(ordered: Floats, place: float) -> float:
    """Return the value at a place counted from 1, between two neighbours if need be."""
    return float(np.interp(place, np.arange(1, len(ordered) + 1), ordered))


def macro_f1_interval(targets: Counts, answers: Counts, classes: int, *, seed: int = 0) -> Interval:
    """Return macro F1 with its BCa interval; codes are 0 to `classes` - 1, and an answer of -1 is a failure.

    Rows that share target and answer are alike, so a resample of rows is one multinomial draw over these cells.
    The value is the unweighted mean of the classes' F1; a failed answer counts as a miss of its class, and a class that
    neither occurs nor is answered is left out, as scikit-learn's `zero_division=nan` does. NaN and 0 to 1 without rows.
    """
    rows = len(targets)
    if rows == 0:
        return Interval(value=math.nan, low=0.0, high=1.0)
    codes, counts = np.unique(targets * (classes + 1) + answers + 1, return_counts=True)
    wanted, given = codes // (classes + 1), codes % (classes + 1) - 1
    cells = len(codes)
    resamples = min(max(MOST_CELL_DRAWS // cells, LEAST_RESAMPLES), resample_count(rows))
    drawn = np.random.default_rng(seed).multinomial(rows, counts / rows, size=resamples).astype(np.float64)
    replicates = _macro_f1(drawn, wanted, given, classes)
    value = float(_macro_f1(counts[None, :].astype(np.float64), wanted, given, classes)[0])
    without = _without_one(counts, wanted, given, classes)
    centred = np.average(without, weights=counts) - without
    square = float(np.sum(counts * centred**2))
    acceleration = float(np.sum(counts * centred**3)) / (6 * square**1.5) if square > 0 else 0.0
    return bca(value, replicates, acceleration)


def _macro_f1(counts: Floats, wanted: Counts, given: Counts, classes: int) -> Floats:
    """Macro F1 of each line of cell counts; a class that neither occurs nor is answered is left out."""
    same = np.flatnonzero(wanted == given)
    hits = np.zeros((len(counts), classes))
    hits[:, wanted[same]] = counts[:, same]
    seen = _sums(counts, wanted, classes) + _sums(counts, given, classes)
    present = seen > 0
    scores = np.divide(2 * hits, seen, out=np.zeros_like(hits), where=present)
    result: Floats = scores.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    return result


def _sums(counts: Floats, codes: Counts, classes: int) -> Floats:
    """Add up each line's cells by their code; cells of a negative code are left out."""
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    found = np.zeros((len(counts), classes))
    if len(order):
        kept, starts = np.unique(codes[order], return_index=True)
        found[:, kept] = np.add.reduceat(counts[:, order], starts, axis=1)
    return found


def _without_one(counts: Counts, wanted: Counts, given: Counts, classes: int) -> Floats:
    """Macro F1 with one row of each cell left out: only the two classes of that cell change."""
    hits = np.bincount(wanted[wanted == given], counts[wanted == given], minlength=classes).astype(np.float64)
    answered = given >= 0
    seen = np.bincount(wanted, counts, minlength=classes).astype(np.float64)
    seen += np.bincount(given[answered], counts[answered], minlength=classes)
    scores = np.divide(2 * hits, seen, out=np.zeros(classes), where=seen > 0)
    right = (wanted == given).astype(np.float64)
    lost_wanted = _f1(2 * (hits[wanted] - right), seen[wanted] - 1 - right) - scores[wanted]
    lost_given = np.where(answered & (right == 0), _f1(2 * hits[given], seen[given] - 1) - scores[given], 0.0)
    result: Floats = (scores.sum() + lost_wanted + lost_given) / max(int((seen > 0).sum()), 1)
    return result


def _f1(twice_hits: Floats, seen: Floats) -> Floats:
    return np.divide(twice_hits, seen, out=np.zeros(len(seen)), where=seen > 0)
