"""Calibration: one number, the temperature, divides the logits. Only in the worker.

Guo et al. 2017, "On Calibration of Modern Neural Networks". It is fitted on logits of rows that were held out. One
number, because a user of this app has some dozens of rows: isotonic or Platt scaling per class fits a curve through a
handful of points, and a separate calibration split would take rows that the classifier needs. The targets are smoothed
by one row in n + 2 (Platt 1999), else n rows that are all right would ask for a temperature of 0, which is certainty.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from scipy.special import log_softmax  # type: ignore[import-untyped]

IMPOSSIBLE = -1e4
"""Logit of a class that what scored a row has never seen."""

Classes = npt.NDArray[np.int64]
"""The place of each row's label among the labels, shape (rows,)."""
Logits = npt.NDArray[np.float64]


def fit_temperature(logits: Logits, classes: Classes) -> tuple[float, float]:
    """Find the temperature of the lowest smoothed log-loss; return it with that loss, in nats per row.

    Logits have shape (rows, classes); a row of NaN is left out. Where none is left, the temperature is 1 and the loss
    infinite.
    """
    known = ~np.isnan(logits).any(axis=1)
    if not known.any():
        return 1.0, np.inf
    logits, classes = logits[known], classes[known]
    smoothing = 1.0 / (len(classes) + 2)
    possible = logits > IMPOSSIBLE
    targets = np.where(possible, smoothing / np.maximum(possible.sum(axis=1, keepdims=True) - 1, 1), 0.0)
    targets[np.arange(len(classes)), classes] = 1.0 - smoothing

    def loss(log_temperature: float) -> float:
        shares = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-(targets * np.where(possible, shares, 0.0)).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.02), np.log(50.0)), method="bounded")
    return float(np.exp(found.x)), float(found.fun)
