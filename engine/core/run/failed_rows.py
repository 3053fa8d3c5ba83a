"""What is said of rows that have no answer, and which of them are asked again. Pure functions of failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from engine.core.run.prediction import Failure, FailureKind, Prediction

Outcomes = Mapping[tuple[str, str], Failure | None]
"""Failures by variant and example; None where there is an answer."""


def to_ask_again(kept: Sequence[Prediction]) -> list[Prediction]:
    """Return the rows that a resumed run asks again: a fault that may have passed left them without an answer."""
    return [made for made in kept if made.failure and made.failure.passing]


def never_answered(kept: Sequence[Prediction], *, out: Collection[str], ended: bool) -> list[Prediction]:
    """Return those of them that nobody will ask again, which therefore count nowhere.

    Args:
        kept: what the run has so far.
        out: variants that are out of a race, which get no more rows.
        ended: whether a clear lead has ended the run.
    """
    return [made for made in to_ask_again(kept) if ended or made.variant_id in out]


def none_answered(outcomes: Outcomes) -> tuple[str, str] | None:
    """Return what happened and the fix where no row at all has an answer; None where one has, or nothing was asked.

    An answer that could not be read is an answer.
    """
    failures = [failure for failure in outcomes.values() if failure and failure.kind is not FailureKind.UNPARSED]
    if not failures or len(failures) < len(outcomes):
        return None
    ((reason, _count),) = Counter(failure.message for failure in failures).most_common(1)
    what = f"No row was answered: all {len(failures):,} failed. The most frequent reason: {reason}"
    if all(failure.passing for failure in failures):
        return what, "Resume the run when the server answers: it asks for these rows again."
    return what, "Fix the reason, then start a new run."


def can_go_on(outcomes: Outcomes) -> bool:
    """Tell whether resuming can get further: a row has an answer, or a fault that left one without may have passed."""
    return none_answered(outcomes) is None or any(failure and failure.passing for failure in outcomes.values())


def asked_again_note(passing: int) -> str:
    """Return what is said of rows that a resumed run asks again; empty where there are none."""
    if not passing:
        return ""
    rows = "1 row failed" if passing == 1 else f"{passing:,} rows failed"
    return f"{rows} because the server did not answer properly. Resume the run to ask for them again."
