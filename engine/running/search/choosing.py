"""Which setting is used after a search. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.core.interval import Floats
from engine.core.run.effort import Trial, TrialOutcome
from engine.metrics.pairwise import adjusted_wald

LEAST_GAIN = 1e-9
"""An expected gain below this is none: what is left of a sum of zeros."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a search comes to."""

    best: int | None
    """The whole trial that is best on the rows that it shares with the default; None if there is none beside it."""
    chosen: int
    """The trial whose setting is used; 0 keeps the default."""
    standard_error: float | None
    """Of the best one's gain, with a row added in favour of each."""


def choose(trials: Sequence[Trial], weights: Floats, sizes: Sequence[float] | None = None) -> Choice:
    """Choose among whole trials the one that is expected to gain most, and decide whether it is used.

    A trial's gain over the default, on the rows that both answered and with a row added in favour of each, is shrunk as
    `shrunken` does, for the best of many is best by luck as well. The best is used if something is left. Of equally
    good ones that with the shortest prompts is taken, then the one that takes least to make, then the first.

    Args:
        trials: the default's first.
        weights: how much each row counts, in the order of the folds; their mean is 1.
        sizes: what each trial takes beside others, such as the epochs of a training; alike where it is left out.
    """
    default = trials[0] if trials else None
    tried = [(number, one) for number, one in enumerate(trials) if number and one.standing is not TrialOutcome.FAILED]
    if default is None or default.standing is not TrialOutcome.WHOLE:
        tried = []
    if default is None or not any(one.standing is TrialOutcome.WHOLE for _number, one in tried):
        return Choice(best=None, chosen=0, standard_error=None)
    gains, errors = np.array([_gain(default, one, weights) for _number, one in tried]).T
    expected = shrunken(gains, errors)
    place = max(
        (place for place, (_number, one) in enumerate(tried) if one.standing is TrialOutcome.WHOLE),
        key=lambda place: (
            round(float(expected[place]), 9),
            round(float(gains[place] - errors[place]), 9),
            -tried[place][1].prompt_tokens,
            -sizes[tried[place][0]] if sizes is not None else 0.0,
            -place,
        ),
    )
    best = tried[place][0]
    chosen = best if float(expected[place]) > LEAST_GAIN else 0
    return Choice(best=best, chosen=chosen, standard_error=float(errors[place]))


def shrunken(gains: Floats, errors: Floats) -> Floats:
    """Return what is left of each setting's measured gain once luck is taken off: the empirical Bayes estimate.

    True gains are taken as normal around a centre, the mean of all settings tried or 0 if that is less, with a spread
    that the measured gains show beyond their errors. Where they show none, nothing is left of them. One setting alone
    is left with something if it gains more than one standard error. Settings are compared with the same default on the
    same rows, so that their errors are alike, and the spread is rather too small: what is left serves to decide, and is
    less than what a good setting gains.

    Sources: B. Efron, C. Morris, "Data analysis using Stein's estimator and its generalizations", J. Am. Stat. Assoc.
    70 (1975); the spread by moments as in R. DerSimonian, N. Laird, "Meta-analysis in clinical trials" (1986).

    Args:
        gains: of each setting, shape (settings,).
        errors: standard error of each, above 0.
    """
    weights = 1 / errors**2
    centre = min(float((weights * gains).sum() / weights.sum()), 0.0)
    beyond = float((weights * (gains - centre) ** 2).sum()) - len(gains)
    variance = max(beyond / float(weights.sum()), 0.0)
    found: Floats = centre + variance / (variance + errors**2) * (gains - centre)
    return found


def _gain(default: Trial, trial: Trial, weights: Floats) -> tuple[float, float]:
    """Return a trial's gain on the rows that both answered, and its standard error."""
    places = _common(default, trial)
    differences = _differences(default, trial, weights)
    most = float(_counted(weights, places).max()) if places else 1.0
    return adjusted_wald(float(differences.sum()), float((differences**2).sum()), most, len(places))


def _differences(default: Trial, trial: Trial, weights: Floats) -> Floats:
    """Return a trial's gain on each of the rows that both answered, as much as the row counts."""
    places = _common(default, trial)
    own, its = ([float(one.row_scores[place] or 0.0) for place in places] for one in (trial, default))
    gains: Floats = np.array(own) - np.array(its)
    return _counted(weights, places) * gains


def _common(default: Trial, trial: Trial) -> list[int]:
    """Return the places of the rows that both answered."""
    both = enumerate(zip(default.row_scores, trial.row_scores, strict=False))
    return [place for place, scores in both if None not in scores]


def _counted(weights: Floats, places: Sequence[int]) -> Floats:
    """Return the weights of some rows, so that their mean is 1; where all are 0, each row counts alike."""
    some: Floats = weights[list(places)]
    if not some.any():
        return np.ones(len(some))
    found: Floats = some / some.mean()
    return found


def comparable(default: Trial, trial: Trial, weights: Floats) -> Trial:
    """Return a trial whose score compares with the default's, although it answered fewer rows, or others.

    Its score is then the default's, and the mean gain on the rows that both answered. It can lie beyond 0 or 1 where
    the rows that one of them leaves out are harder or easier; `shown_score` is what is told of it.

    Args:
        default: the trial of the default setting.
        trial: of another.
        weights: how much each row counts, in the order of the folds; their mean is 1.
    """
    places = _common(default, trial)
    if trial.standing is TrialOutcome.FAILED or default.score is None or not places:
        return trial
    if len(places) == default.rows == trial.rows:
        return trial
    return replace(trial, score=default.score + float(_differences(default, trial, weights).mean()))


def shown_score(trial: Trial) -> float | None:
    """Return a trial's score within 0 to 1; None where it failed."""
    return None if trial.score is None else min(max(trial.score, 0.0), 1.0)


def rows_in_common(default: Trial, trial: Trial) -> int:
    """Return on how many rows two trials are compared: those that both answered."""
    return len(_common(default, trial))


def best_so_far(trials: Sequence[Trial]) -> list[tuple[float, float]]:
    """Return the effort curve: the best score of a whole trial after so many seconds of search, at each step up."""
    curve: list[tuple[float, float]] = []
    spent = 0.0
    for trial in trials:
        spent += trial.seconds
        if (
            trial.standing is TrialOutcome.WHOLE
            and trial.score is not None
            and (not curve or trial.score > curve[-1][1])
        ):
            curve.append((spent, shown_score(trial) or 0.0))
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
