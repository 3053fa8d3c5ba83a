"""The prior for label names: what a model says of the labels whatever the input. Pure functions.

A model likes some label names more than others before it has read anything: a prompt without an input shows it
(Zhao et al. 2021, arXiv 2102.09690), and so does the mean over inputs without labels (Fei et al. 2023,
arXiv 2305.19148; Zhou et al. 2023, arXiv 2309.17249). What is computed here is

    log p(label | input) - mean over other inputs of log p(label | input),

with the probabilities normalized over labels again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.interval import Floats
from engine.metrics.pairwise import adjusted_wald

LEAST_ROWS = 8
"""Fewer rows say too little about the prior."""
LEAST_PROBABILITY = 1e-12
"""What a label's probability counts as at least, so that no row alone decides its mean."""
LEAST_ERRORS = 1.0
"""How many standard errors correction must gain to be chosen: the one-standard-error rule of Breiman et al., *CART*
(1984). Few rows, and labels whose few rows stand for many, have a large one, which makes "off" the answer in doubt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """What one way of answering is worth over another on labelled rows."""

    right_without: float
    right_with: float
    standard_error: float
    worth_it: bool
    """Whether the gain is more than one standard error."""


def log_prior(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean log-probability of each label over rows, less its mean over labels.

    Args:
        rows: probabilities by label; each row has all labels, and there is at least one row.
    """
    labels = sorted(rows[0])
    means = _logs(rows, labels).mean(axis=0)
    return dict(zip(labels, (means - means.mean()).tolist(), strict=True))


def without_prior(probabilities: Mapping[str, float], prior: Mapping[str, float]) -> dict[str, float]:
    """Take the prior away from one row's probabilities; the result adds up to 1, in the order of `probabilities`."""
    logs = {label: math.log(max(p, LEAST_PROBABILITY)) - prior[label] for label, p in probabilities.items()}
    highest = max(logs.values())
    weights = {label: math.exp(value - highest) for label, value in logs.items()}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def likeliest(probabilities: Mapping[str, float]) -> str:
    """Return the most probable label; ties go to the first in the alphabet."""
    return min(probabilities, key=lambda label: (-probabilities[label], label))


def outcomes(
    rows: Sequence[Mapping[str, float]], targets: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which rows are right without correction, and which with it, judged by the prior of all other rows.

    Args:
        rows: probabilities by label, of at least two rows that the variant was not shown.
        targets: the right labels.
    """
    labels = sorted(rows[0])
    logs = _logs(rows, labels)
    others = (logs.sum(axis=0) - logs) / (len(rows) - 1)
    truth = np.array([labels.index(target) if target in labels else -1 for target in targets])
    return logs.argmax(axis=1) == truth, (logs - others).argmax(axis=1) == truth


def paired_gain(
    without: NDArray[np.bool_], having: NDArray[np.bool_], targets: Sequence[str], frequencies: Mapping[str, float]
) -> Gain:
    """Judge one way of answering against another on the same labelled rows, with a row added in favour of each.

    Args:
        without: which rows the simpler way gets right.
        having: which rows the other way gets right.
        targets: the right labels.
        frequencies: how often each label occurs where the variant will be used; rows are weighted by it, for they were
            drawn evenly over labels.
    """
    weights = row_weights(targets, frequencies)
    differences = weights * (having.astype(float) - without.astype(float))
    centre, error = adjusted_wald(
        float(differences.sum()), float((differences**2).sum()), float(weights.max()), len(targets)
    )
    return Gain(
        right_without=float((weights * without).sum() / weights.sum()),
        right_with=float((weights * having).sum() / weights.sum()),
        standard_error=error,
        worth_it=centre > LEAST_ERRORS * error,
    )


def row_weights(targets: Sequence[str], frequencies: Mapping[str, float]) -> Floats:
    """Weigh each row by how often its label occurs over how often it was drawn; the mean is 1."""
    drawn = Counter(targets)
    weights = np.array([frequencies.get(target, 0.0) / drawn[target] for target in targets])
    total = float(weights.sum())
    return weights * len(weights) / total if total > 0 else np.ones(len(targets))


def _logs(rows: Sequence[Mapping[str, float]], labels: Sequence[str]) -> Floats:
    """Lay log-probabilities out; shape: rows, labels."""
    found = np.array([[row[label] for label in labels] for row in rows])
    logs: Floats = np.log(np.maximum(found, LEAST_PROBABILITY))
    return logs
