"""The small classifier: a logistic head on the embeddings, with calibrated probabilities. Only in the worker.

**Strength.** The regularization C is the one whose held-out, calibrated log-loss is the lowest in stratified
cross-validation on the training rows.

**Calibration.** One number, the temperature, divides the logits (Guo et al. 2017, "On Calibration of Modern
Neural Networks"). It is fitted on the held-out logits of the cross-validation. One number, because a user of
this app has some dozens of rows: isotonic or Platt scaling per class fits a curve through a handful of points,
and a separate calibration split would take rows that the head needs. The targets are smoothed by one row in
n + 2 (Platt 1999), else n rows that are all right would ask for a temperature of 0, which is certainty.
"""

from __future__ import annotations

import io
import threading
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from scipy.special import log_softmax, softmax  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

from adapters.retrieval.embedder import Vectors
from adapters.storage.files import write_whole
from engine.core.errors import CancelledError, RetrievalError

STRENGTHS = (1.0, 10.0, 100.0)
UNTUNED_STRENGTH = 10.0
"""C when no class has two rows and nothing can be held out."""
FOLDS = 5
_IMPOSSIBLE = -1e4
"""Logit of a class that a fold's head has never seen."""

Logits = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """Weights of shape (classes, dimensions), biases of shape (classes,), and the temperature."""

    labels: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    biases: npt.NDArray[np.float64]
    strength: float
    temperature: float
    build_s: float = 0.0
    """Seconds that embedding the rows and fitting took."""

    def probabilities(self, vector: Vectors) -> dict[str, float]:
        """Give each label its calibrated probability; they sum to 1."""
        logits = (self.weights @ vector.astype(np.float64) + self.biases) / self.temperature
        return dict(zip(self.labels, (float(share) for share in softmax(logits)), strict=True))


def fit_head(
    vectors: Vectors,
    targets: Sequence[str],
    *,
    seed: int,
    report: Callable[[float], None],
    cancel: threading.Event,
) -> Head:
    """Fit a head; the same rows and seed give the same head.

    Raises:
        RetrievalError: there are no rows, or only one label.
        CancelledError: `cancel` was set between two fits.
    """
    labels = tuple(sorted(set(targets)))
    if len(labels) < 2:
        known = f"All {len(targets)} training rows have the label '{labels[0]}'." if labels else "No training rows."
        raise RetrievalError(f"{known} A classifier cannot be fitted.", "Add training rows of at least two labels.")
    classes = np.array([labels.index(target) for target in targets])
    strength, temperature = UNTUNED_STRENGTH, 1.0
    folds = min(FOLDS, max(Counter(classes.tolist()).values()))
    if folds >= 2:
        best = np.inf
        for position, candidate in enumerate(STRENGTHS):
            logits = _held_out_logits(vectors, classes, strength=candidate, folds=folds, seed=seed, cancel=cancel)
            fitted, loss = _fit_temperature(logits, classes)
            if loss < best:
                best, strength, temperature = loss, candidate, fitted
            report((position + 1) / (len(STRENGTHS) + 1))
    weights, biases = _fit(vectors, classes, strength)
    report(1.0)
    return Head(labels=labels, weights=weights, biases=biases, strength=strength, temperature=temperature)


def save_head(head: Head, path: Path) -> None:
    """Write a head as plain arrays; nothing is pickled, so reading one runs no code."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        labels=np.array(head.labels, dtype=np.str_),
        weights=head.weights,
        biases=head.biases,
        scalars=np.array([head.strength, head.temperature, head.build_s]),
    )
    write_whole(path, buffer.getvalue())


def load_head(path: Path) -> Head:
    """Read a head.

    Raises:
        RetrievalError: it is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            strength, temperature, build_s = (float(value) for value in arrays["scalars"])
            return Head(
                labels=tuple(str(label) for label in arrays["labels"]),
                weights=arrays["weights"],
                biases=arrays["biases"],
                strength=strength,
                temperature=temperature,
                build_s=build_s,
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RetrievalError(f"The classifier {path.stem} is missing or damaged.", "Fit it again.") from error


def _fit(vectors: Vectors, classes: npt.NDArray[np.int64], strength: float) -> tuple[Logits, Logits]:
    model = LogisticRegression(C=strength, max_iter=1000).fit(vectors.astype(np.float64), classes)
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    # With two classes scikit-learn keeps the second one's logit alone; the first one's is 0.
    return np.vstack([np.zeros_like(model.coef_), model.coef_]), np.concatenate([[0.0], model.intercept_])


def _held_out_logits(
    vectors: Vectors,
    classes: npt.NDArray[np.int64],
    *,
    strength: float,
    folds: int,
    seed: int,
    cancel: threading.Event,
) -> Logits:
    """Score every row by a head that has not seen it; NaN where the row's class was not in the other folds."""
    logits = np.full((len(classes), int(classes.max()) + 1), np.nan)
    with warnings.catch_warnings():
        # scikit-learn warns of classes with fewer rows than folds, which is the usual case here.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(vectors, classes))
    for train, held_out in splits:
        if cancel.is_set():
            raise CancelledError("Fitting the classifier was stopped.")
        seen = np.unique(classes[train])
        if len(seen) < 2:
            continue
        weights, biases = _fit(vectors[train], classes[train], strength)
        rows = held_out[np.isin(classes[held_out], seen)]
        logits[rows] = _IMPOSSIBLE
        logits[np.ix_(rows, seen)] = vectors[rows].astype(np.float64) @ weights.T + biases
    return logits


def _fit_temperature(logits: Logits, classes: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Find the temperature of the lowest smoothed log-loss; return it with that loss."""
    known = ~np.isnan(logits).any(axis=1)
    if not known.any():
        return 1.0, np.inf
    logits, classes = logits[known], classes[known]
    smoothing = 1.0 / (len(classes) + 2)
    possible = logits > _IMPOSSIBLE
    targets = np.where(possible, smoothing / np.maximum(possible.sum(axis=1, keepdims=True) - 1, 1), 0.0)
    targets[np.arange(len(classes)), classes] = 1.0 - smoothing

    def loss(log_temperature: float) -> float:
        shares = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-(targets * np.where(possible, shares, 0.0)).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.02), np.log(50.0)), method="bounded")
    return float(np.exp(found.x)), float(found.fun)
