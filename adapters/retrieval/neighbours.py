"""Nearest neighbours: the training rows most like a text vote for their labels. Only in the worker.

A neighbour's vote is exp(cosine similarity / 0.07): the weighted k-nearest-neighbour classifier of Wu et al. 2018,
"Unsupervised Feature Learning via Non-Parametric Instance Discrimination" (arXiv 1805.01978, section 3.4). One more
vote is shared by all labels, so that a label without a neighbour is unlikely and not impossible (additive smoothing).
The logarithm of a label's share is its logit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from adapters.retrieval.calibration import Classes, Logits, fit_temperature
from adapters.retrieval.embedder import Vectors
from engine.core.steps import check_cancelled

SHARPNESS = 0.07
"""By how much less similar a neighbour is whose vote is smaller by a factor of e."""
BLOCK_ROWS = 500
"""Rows compared with all others at once: bounds the memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NeighbourHead:
    """The training rows: unit vectors of shape (rows, dimensions), and their classes."""

    vectors: Vectors
    classes: Classes
    neighbours: int
    """How many vote; all rows, where there are fewer."""

    def logits(self, vector: Logits) -> Logits:
        """Score one text by its unit vector, shape (dimensions,); return shape (classes,)."""
        similarities = self.vectors.astype(np.float64) @ vector
        (logits,) = _votes(similarities[None, :], self.classes, self.neighbours)
        return np.asarray(logits, dtype=np.float64)


def fit_neighbours(
    vectors: Vectors,
    classes: Classes,
    neighbours: int,
    *,
    report: Callable[[float], None],
    cancel: threading.Event,
) -> tuple[NeighbourHead, float]:
    """Keep the rows; return them with the temperature that suits each row when the others vote on it.

    `report` receives the share that is done, 0 to 1.

    Raises:
        CancelledError: `cancel` was set between two blocks of rows.
    """
    head = NeighbourHead(vectors=vectors, classes=classes, neighbours=neighbours)
    logits = np.full((len(classes), int(classes.max()) + 1), np.nan)
    wide = vectors.astype(np.float64)
    for first in range(0, len(classes), BLOCK_ROWS):
        check_cancelled(cancel, "Fitting the classifier was stopped.", "Nothing was kept.")
        rows = np.arange(first, min(first + BLOCK_ROWS, len(classes)))
        similarities = wide[rows] @ wide.T
        similarities[np.arange(len(rows)), rows] = -np.inf
        logits[rows] = _votes(similarities, classes, min(neighbours, len(classes) - 1))
        report((first + len(rows)) / (len(classes) + 1))
    # No other row can vote for a class that has one row.
    logits[np.bincount(classes)[classes] < 2] = np.nan
    temperature, _loss = fit_temperature(logits, classes)
    report(1.0)
    return head, temperature


def _votes(similarities: Logits, classes: Classes, neighbours: int) -> Logits:
    """Count the votes for each label; similarities have shape (texts, rows), the logits (texts, classes)."""
    count = min(neighbours, len(classes))
    labels = int(classes.max()) + 1
    # A stable sort: of rows that are equally near the earlier ones vote.
    nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :count]
    near = np.take_along_axis(similarities, nearest, axis=1)
    weights = np.exp((near - near[:, :1]) / SHARPNESS)
    weights *= count / weights.sum(axis=1, keepdims=True)
    votes = np.full((len(similarities), labels), 1.0 / labels)
    np.add.at(votes, (np.arange(len(similarities))[:, None], classes[nearest]), weights)
    logits: Logits = np.log(votes / (count + 1))
    return logits
