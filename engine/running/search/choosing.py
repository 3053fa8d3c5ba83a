"""Which setting is used after a search. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.core.interval import Floats
from engine.core.run.effort import Standing, Trial
from engine.metrics.label_prior import LEAST_ERRORS
from engine.metrics.pairwise import adjusted_wald


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a search comes to."""

    best: int | None
    """The whole trial that is best on the rows that it shares with the default; None if there is none beside it."""
    chosen: int
    """The trial whose setting is used; 0 keeps the default."""
    standard_error: float | None
    """Of the best one's gain, with a row added in favour of each."""


def choose(trials: Sequence[Trial], weights: Floats) -> Choice:
    """Choose among whole trials the one that surely gains most, and decide whether it is used.

    What it surely gains is its gain over the default on the same rows, less `errors_of_luck` standard errors, with a
    row added in favour of each: a trial of one fold has fewer rows than others. Of equally good ones that with the
    shortest prompts is taken, then the first. It is used if that is more than nothing; doubt keeps the default.

    Args:
        trials: the default's first.
        weights: how much each row counts, in the order of the folds; their mean is 1.
    """
    default = trials[0] if trials else None
    if default is None or default.standing is not Standing.WHOLE:
        return Choice(best=None, chosen=0, standard_error=None)
    errors = errors_of_luck(sum(trial.standing is not Standing.FAILED for trial in trials[1:]))
    found = [
        (_gain(default, trial, weights, errors), number)
        for number, trial in enumerate(trials)
        if number and trial.standing is Standing.WHOLE
    ]
    if not found:
        return Choice(best=None, chosen=0, standard_error=None)
    (sure, error), best = max(found, key=lambda item: (round(item[0][0], 9), -trials[item[1]].prompt_tokens, -item[1]))
    return Choice(best=best, chosen=best if sure > 0 else 0, standard_error=error)


def errors_of_luck(tried: int) -> float:
    """Return how many standard errors the best of so many settings, none better than the default, may gain by luck.

    One at least, the rule of Breiman et al., *CART* (1984), as everywhere here. The expected maximum of n normal
    variables is at most sqrt(2 ln n) standard deviations: S. Boucheron, G. Lugosi, P. Massart, *Concentration
    Inequalities* (2013), section 2.5.
    """
    return max(LEAST_ERRORS, math.sqrt(2 * math.log(max(tried, 1))))


def _gain(default: Trial, trial: Trial, weights: Floats, errors: float) -> tuple[float, float]:
    """Return a trial's gain on the rows that both answered, less so many standard errors; and that error."""
    rows = min(len(default.row_scores), len(trial.row_scores))
    counted = weights[:rows] / weights[:rows].mean()
    differences = counted * (np.array(trial.row_scores[:rows]) - np.array(default.row_scores[:rows]))
    centre, error = adjusted_wald(float(differences.sum()), float((differences**2).sum()), float(counted.max()), rows)
    return centre - errors * error, error


def comparable(default: Trial, trial: Trial) -> Trial:
    """Return a trial whose score compares with the default's, although it answered fewer rows.

    Its score is then the default's, and the mean gain on the rows that both answered.
    """
    rows = len(trial.row_scores)
    if trial.standing is Standing.FAILED or default.score is None or not 0 < rows < len(default.row_scores):
        return trial
    gain = float(np.mean(trial.row_scores)) - float(np.mean(default.row_scores[:rows]))
    return replace(trial, score=default.score + gain)


def best_so_far(trials: Sequence[Trial]) -> list[tuple[float, float]]:
    """Return the effort curve: the best score of a whole trial after so many seconds of search, at each step up."""
    curve: list[tuple[float, float]] = []
    spent = 0.0
    for trial in trials:
        spent += trial.seconds
        if trial.standing is Standing.WHOLE and trial.score is not None and (not curve or trial.score > curve[-1][1]):
            curve.append((spent, trial.score))
    return curve


def expected_best(scores: Sequence[float]) -> list[float]:
    """Return the expected best of n trials for n from 1 to all, if trials were drawn from these with replacement.

    Source: J. Dodge et al., "Show Your Work: Improved Reporting of Experimental Results" (EMNLP 2019), equation 1.
    """
    ordered = np.sort(np.array(scores, dtype=float))
    shares = np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    found = []
    for count in range(1, len(ordered) + 1):
        reached = shares**count
        found.append(float((ordered * np.diff(reached, prepend=0.0)).sum()))
    return found


def weights_in_order(ids: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Lay the rows' weights out in an order of ids."""
    return np.array([weights[row_id] for row_id in ids], dtype=float)
