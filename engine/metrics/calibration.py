"""Whether a variant knows when it is right, and what is gained when its least sure rows go to someone else.

Confidence is the probability of the answer that was given. Sources: C. Guo et al., "On calibration of modern neural
networks" (2017), for the curve and the expected calibration error; R. El-Yaniv, Y. Wiener, "On the foundations of
noise-free selective classification" (2010), for accuracy against coverage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.interval import Floats, Interval
from engine.metrics.intervals import wilson

BINS = 10
POINTS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceBin:
    """The rows whose confidence lies between two bounds."""

    low: float
    high: float
    rows: int
    confidence: float
    """Mean confidence of these rows."""
    right: Interval
    """Share of them that is right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Confidence against the share that is right."""

    bins: tuple[ConfidenceBin, ...]
    """Those that hold rows, lowest first."""
    rows: int
    expected_error: float
    """Mean distance between confidence and share right, weighted by rows: 0 is perfect."""
    mean_confidence: float
    share_right: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """What is left when the variant keeps its surest rows only."""

    share_kept: float
    rows_kept: int
    least_confidence: float
    """Confidence of the least sure row that is kept."""
    right: Interval
    """Share of the kept rows that is right."""


def calibration(confidence: Floats, right: NDArray[np.bool_], *, bins: int = BINS) -> Calibration | None:
    """Put rows into bins of equal width by their confidence; None where no row has one (NaN)."""
    known = ~np.isnan(confidence)
    sure, hit = confidence[known], right[known]
    if not len(sure):
        return None
    places = np.clip((sure * bins).astype(int), 0, bins - 1)
    found = []
    for place in range(bins):
        inside = places == place
        rows = int(inside.sum())
        if rows:
            found.append(
                ConfidenceBin(
                    low=place / bins,
                    high=(place + 1) / bins,
                    rows=rows,
                    confidence=float(sure[inside].mean()),
                    right=wilson(int(hit[inside].sum()), rows),
                )
            )
    error = sum(item.rows * abs(item.right.value - item.confidence) for item in found) / len(sure)
    return Calibration(
        bins=tuple(found),
        rows=len(sure),
        expected_error=error,
        mean_confidence=float(sure.mean()),
        share_right=float(hit.mean()),
    )


def coverage_curve(confidence: Floats, right: NDArray[np.bool_], *, points: int = POINTS) -> tuple[Coverage, ...]:
    """Return what is right among the surest rows, from few of them to all.

    Rows without a confidence, failures for one, are the first to be handed over and stay among all rows.
    """
    rows = len(confidence)
    if rows == 0 or np.isnan(confidence).all():
        return ()
    order = np.argsort(-np.nan_to_num(confidence, nan=-1.0), kind="stable")
    hits = np.cumsum(right[order])
    found = []
    for step in range(1, points + 1):
        kept = max(1, round(rows * step / points))
        least = confidence[order[kept - 1]]
        found.append(
            Coverage(
                share_kept=kept / rows,
                rows_kept=kept,
                least_confidence=0.0 if math.isnan(least) else float(least),
                right=wilson(int(hits[kept - 1]), kept),
            )
        )
    return tuple(found)


def most_kept_at(curve: tuple[Coverage, ...], least_right: float) -> Coverage | None:
    """Return the point that keeps most rows while at least this share of them is right, as measured; None if none."""
    return max((point for point in curve if point.right.value >= least_right), key=lambda p: p.rows_kept, default=None)
