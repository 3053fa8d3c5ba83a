"""The verdict's first sentence: what to choose. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.analysis.figures import VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Sentence, Strength
from engine.analysis.verdict.limits import left_by_limits, meets_all_certainly, met, unchecked
from engine.analysis.verdict.naming import at_worst, scored_more, start, the
from engine.analysis.verdict.ruling import Outcome, Ruling
from engine.metrics import wording as say


def headline(ruling: Ruling) -> Sentence:
    """Say what to choose."""
    if ruling.subject is None:
        return _none_meets(ruling)
    return _HEADLINES[ruling.outcome](ruling, ruling.subject)


def _none_meets(ruling: Ruling) -> Sentence:
    items = ruling.run.figures
    if not items:
        return Sentence(text="No answers yet.")
    certain = all(item.certain for item in ruling.eliminated)
    claim = Claim(
        kind=ClaimKind.NONE_MEETS,
        strength=Strength.CERTAIN if certain else Strength.MEASURED,
        whom=tuple(item.variant.id for item in items),
    )
    if len(items) == 1:
        return Sentence(text=f"{start(the(items[0]))} does not meet your limits.", claims=(claim,))
    none = "Neither" if len(items) == 2 else "None"
    return Sentence(text=f"{none} of the {say.count(len(items))} variants meets your limits.", claims=(claim,))


def _only_one_left(ruling: Ruling, pick: VariantFigures) -> Sentence:
    if len(ruling.run.figures) == 1:
        if len(ruling.run.plan.variants) > 1:
            return Sentence(text=f"Only {the(pick)} has answers so far: there is nothing to compare it with.")
        return Sentence(
            text=f"{start(the(pick))} {_ran_alone(ruling, pick)}. There was nothing to compare it with.",
            claims=met(ruling.run, pick, ruling.limits),
        )
    alone = "only it" if ruling.other == "other" else f"no {ruling.other}"
    limits = _limits_met(ruling, pick)
    if not limits:
        return Sentence(text=f"Choose {the(pick)}: {alone} is left, and {unchecked(pick, ruling.limits)}.")
    certain = all(item.certain for item in ruling.eliminated) and meets_all_certainly(ruling.run, pick, ruling.limits)
    claim = Claim(
        kind=ClaimKind.ONLY_MEETS,
        strength=Strength.CERTAIN if certain else Strength.MEASURED,
        who=pick.variant.id,
        whom=tuple(item.variant_id for item in ruling.eliminated),
    )
    where = "" if certain else "in this test "
    return Sentence(text=f"Choose {the(pick)}: {where}{alone} meets {limits}.", claims=(claim,))


def _ran_alone(ruling: Ruling, pick: VariantFigures) -> str:
    """Say what is known of a run's only variant."""
    if not ruling.limits.any_set:
        return "ran alone"
    limits = _limits_met(ruling, pick)
    return f"meets {limits}" if limits else f"ran alone; {unchecked(pick, ruling.limits)}"


def _limits_met(ruling: Ruling, pick: VariantFigures) -> str:
    """Name the limits that the pick meets: all that are set, or those that could be checked; empty where none could."""
    if not unchecked(pick, ruling.limits):
        return "your limits"
    number = len(met(ruling.run, pick, ruling.limits))
    return f"the limit{'s' * (number > 1)} that could be checked" if number else ""


def _winner(ruling: Ruling, pick: VariantFigures) -> Sentence:
    ids = tuple(item.variant.id for item in ruling.rivals)
    worst = max((gap.p_value for item in ruling.rivals if (gap := ruling.between(pick, item))), default=None)
    claim = Claim(kind=ClaimKind.BETTER, strength=Strength.PROVEN, who=pick.variant.id, whom=ids, p_value=worst)
    return Sentence(text=f"Choose {the(pick)}: it is better than {_beaten(ruling)}.", claims=(claim,))


def _best_measured(ruling: Ruling, pick: VariantFigures) -> Sentence:
    ids = tuple(item.variant.id for item in ruling.rivals)
    claim = Claim(kind=ClaimKind.BEST_MEASURED, strength=Strength.MEASURED, who=pick.variant.id, whom=ids)
    nothing = "nothing" if ruling.other == "other" else f"no {ruling.other}"
    known = all(item.cost.is_known for item in ruling.kept)
    better = "better, faster or cheaper" if known else "better or faster"
    text = f"Choose {the(pick)}: in this test {nothing}{left_by_limits(ruling)} was {better}."
    return Sentence(text=text, claims=(claim,))


def _simplest(ruling: Ruling, pick: VariantFigures) -> Sentence:
    claim = at_worst(ruling, pick, ClaimKind.NO_RISK)
    behind = claim.value if claim is not None and claim.value is not None else 0.0
    others = f"{ruling.other}{left_by_limits(ruling)}"
    loss = f"{say.bound('at most', behind)} behind any {others}" if behind > 0 else f"not behind any {others}"
    text = f"Choose {the(pick)}: it is the simplest variant that is {loss}."
    return Sentence(text=text, claims=() if claim is None else (claim,))


def _none_right(ruling: Ruling, _leader: VariantFigures) -> Sentence:
    right = "got a test row right" if ruling.run.is_share else "scored more than 0"
    return Sentence(text=f"Nothing to choose yet: no variant{left_by_limits(ruling)} {right}.")


def _too_few_rows(ruling: Ruling, leader: VariantFigures) -> Sentence:
    rivals = ruling.rivals
    gap = ruling.between(leader, rivals[0])
    if len(rivals) == 1 and (gap is None or not gap.rows):
        none = f"{the(leader)} and {the(rivals[0])} have no row in common"
        return Sentence(text=f"Too few rows to decide: {none}.")
    ahead = ruling.lead(leader, rivals[0])
    claims = [scored_more(leader, rivals[0], ahead)] if ahead >= 0 else []
    if ahead > 0:
        text = f"Too few rows to decide: {the(leader)} leads {the(rivals[0])} by {say.points(ahead)}"
    elif ahead == 0:
        text = f"Too few rows to decide: {the(leader)} and {the(rivals[0])} are level"
    else:
        text = "Too few rows to decide: no variant leads all others on the rows they share"
    return Sentence(text=f"{text}.", claims=tuple(claims))


def _beaten(ruling: Ruling) -> str:
    rivals = ruling.rivals
    if len(rivals) == 1:
        left = left_by_limits(ruling)
        return f"{the(rivals[0])}, the only other one{left}" if left else the(rivals[0])
    number = "both" if len(rivals) == 2 else f"all {say.count(len(rivals))}"
    if ruling.other != "other" and len({item.variant.technique for item in rivals}) < len(rivals):
        number = "all"  # some of them twice
    return f"{number} {ruling.other}s{left_by_limits(ruling, several=True)}"


_HEADLINES: Mapping[Outcome, Callable[[Ruling, VariantFigures], Sentence]] = {
    Outcome.ALONE: _only_one_left,
    Outcome.WINNER: _winner,
    Outcome.BEST_MEASURED: _best_measured,
    Outcome.SIMPLEST: _simplest,
    Outcome.NONE_RIGHT: _none_right,
    Outcome.UNDECIDED: _too_few_rows,
}
