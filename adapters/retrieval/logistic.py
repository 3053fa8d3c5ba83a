"""The logistic head: logistic regression on any numbers that describe a text. Only in the worker.

Its strength, the regularization C, is the one whose held-out, calibrated log-loss is the lowest in stratified
cross-validation on the training rows. What turns texts into numbers may itself be fitted on rows; it is then fitted in
each fold on that fold's training rows alone.
"""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

from adapters.retrieval.calibration import IMPOSSIBLE, Classes, Logits, fit_temperature
from engine.core.steps import check_cancelled

STRENGTHS = (1.0, 10.0, 100.0)
UNTUNED_STRENGTH = 10.0
"""C when no class has two rows and nothing can be held out."""
FOLDS = 5

Matrix = Any
"""Shape (rows, features) of float64: a numpy array, or a sparse matrix of scipy."""
FoldFeatures = Callable[[Classes, Classes], tuple[Matrix, Matrix]]
"""Gets the numbers of the rows to learn from and of those to score; returns the features of both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogisticHead:
    """Weights of shape (classes, features) and biases of shape (classes,)."""

    weights: npt.NDArray[np.float64]
    biases: npt.NDArray[np.float64]
    strength: float

    def logits(self, features: npt.NDArray[np.float64]) -> Logits:
        """Score one text by its features, shape (features,); return shape (classes,)."""
        return self.weights @ features + self.biases


def fit_logistic(
    whole: Matrix,
    folds: FoldFeatures,
    classes: Classes,
    *,
    seed: int,
    report: Callable[[float], None],
    cancel: threading.Event,
) -> tuple[LogisticHead, float]:
    """Fit a head on all rows; return it with its temperature. The same rows and seed give the same head.

    `whole` holds the features of all rows; `report` receives the share that is done, 0 to 1.

    Raises:
        CancelledError: `cancel` was set between two fits.
    """
    strength, temperature = UNTUNED_STRENGTH, 1.0
    count = min(FOLDS, max(Counter(classes.tolist()).values()))
    if count >= 2:
        best = np.inf
        held_out = _held_out_logits(folds, classes, count=count, seed=seed, report=report, cancel=cancel)
        for candidate, logits in held_out.items():
            fitted, loss = fit_temperature(logits, classes)
            if loss < best:
                best, strength, temperature = loss, candidate, fitted
    weights, biases = _fit(whole, classes, strength)
    report(1.0)
    return LogisticHead(weights=weights, biases=biases, strength=strength), temperature


def _fit(features: Matrix, classes: Classes, strength: float) -> tuple[Logits, Logits]:
    model = LogisticRegression(C=strength, max_iter=1000).fit(features, classes)
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    # With two classes scikit-learn keeps the second one's logit alone; the first one's is 0.
    return np.vstack([np.zeros_like(model.coef_), model.coef_]), np.concatenate([[0.0], model.intercept_])


def _held_out_logits(
    folds: FoldFeatures,
    classes: Classes,
    *,
    count: int,
    seed: int,
    report: Callable[[float], None],
    cancel: threading.Event,
) -> dict[float, Logits]:
    """Score every row, at each strength, by a head that has not seen it.

    NaN where the row's class was not in the other folds.
    """
    logits = {strength: np.full((len(classes), int(classes.max()) + 1), np.nan) for strength in STRENGTHS}
    with warnings.catch_warnings():
        # scikit-learn warns of classes with fewer rows than folds, which is the usual case here.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(StratifiedKFold(count, shuffle=True, random_state=seed).split(classes, classes))
    for position, (train, held_out) in enumerate(splits):
        seen = np.unique(classes[train])
        if len(seen) < 2:
            continue
        rows = held_out[np.isin(classes[held_out], seen)]
        known, unknown = folds(train, rows)
        for strength in STRENGTHS:
            check_cancelled(cancel, "Fitting the classifier was stopped.", "Nothing was kept.")
            weights, biases = _fit(known, classes[train], strength)
            logits[strength][rows] = IMPOSSIBLE
            logits[strength][np.ix_(rows, seen)] = unknown @ weights.T + biases
        report((position + 1) / (len(splits) + 1))
    return logits
