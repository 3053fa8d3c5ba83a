"""How sure a verdict is: its second line, in plain words, and the statistics behind it. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.analysis.figures import VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Sentence, Strength
from engine.analysis.verdict.limits import left_by_limits, meets_all_certainly, met, unchecked
from engine.analysis.verdict.naming import at_worst, lead_over_all, leads_by, may_meet, scored_more, start, the
from engine.analysis.verdict.ruling import Outcome, Ruling
from engine.core.embedder import embedder_name
from engine.metrics import wording as say

_MOST_NAMED = 2
"""Variants named in the second line; of more, the number is told and the names stand behind "Why"."""
_NO_ANSWER = "; it answered no row"


def sureness(ruling: Ruling) -> Sentence:
    """Say how sure the choice is, with the rows that it rests on: the verdict's second line."""
    if not ruling.run.figures:
        return Sentence(text="")
    subject = ruling.subject
    if subject is None:
        return _how_sure_of_none(ruling)
    tail = _TAILS[ruling.outcome](ruling, subject)
    handicapped = _handicapped(ruling)
    text = f"{_result(ruling, subject)}. {handicapped}" if handicapped else f"{_result(ruling, subject)}{tail.text}."
    return Sentence(text=text, claims=tail.claims)


def in_short(ruling: Ruling) -> str:
    """Say how sure the choice is without its result, for where figures stand beside it."""
    if ruling.subject is None:
        return sureness(ruling).text
    if handicapped := _handicapped(ruling):
        return handicapped
    tail = _TAILS[ruling.outcome](ruling, ruling.subject).text.removeprefix("; ")
    return f"{start(tail)}." if tail else ""


def evidence(ruling: Ruling) -> Sentence:
    """Give the statistics behind the second line."""
    subject = ruling.subject
    if subject is None or ruling.outcome not in _EVIDENCE:
        return Sentence(text="")
    return _EVIDENCE[ruling.outcome](ruling, subject)


def _result(ruling: Ruling, subject: VariantFigures) -> str:
    """Say what the subject got right, on how many rows and after how many training rows."""
    who = start(the(subject)) if ruling.pick is None else "It"
    rows, value = subject.rows, subject.quality.value
    if ruling.run.is_share:
        got = f"{who} got {say.number(round(value * rows))} of {say.counted(rows, 'test row')} right"
    else:
        got = f"{who} scored {say.share(value)} over {say.counted(rows, 'test row')}"
    trained = ruling.training.rows
    if not trained:
        return got
    if subject.learns:
        return f"{got} after {say.counted(trained, 'training row')}"
    if subject.weights_served:
        return f"{got} with weights that came with the server"
    others = any(item.labelled(trained) for item in ruling.run.figures)
    had = f" (others had {say.counted(trained, 'row')})" if others else ""
    return f"{got} without training{had}"


def _handicapped(ruling: Ruling) -> str:
    """Say in short who worked with an embedder that was not trained on the language of the rows."""
    embedders = {handicap.embedder for handicap in ruling.run.plan.handicaps}
    found = [
        item for item in ruling.run.figures if item.variant.embeds and embedder_name(item.variant.embedder) in embedders
    ]
    if not found:
        return ""
    names = _named([the(item) for item in found])
    return f"{start(names)} used an embedder not trained on the rows' language."


def _named(names: list[str]) -> str:
    return say.listed(names) if len(names) <= _MOST_NAMED else f"{say.count(len(names))} variants"


def _how_sure_of_none(ruling: Ruling) -> Sentence:
    if all(item.is_silent for item in ruling.run.figures):
        answered = "It answered no row" if len(ruling.run.figures) == 1 else "No variant answered a row"
        return Sentence(text=f"{answered}; each counts as wrong.")
    doubtful = [item for item in ruling.eliminated if may_meet(item.reason)]
    rows, trained = max(item.rows for item in ruling.run.figures), ruling.training.rows
    after = f"after {say.counted(trained, 'training row')}" if trained else ""
    if doubtful:
        told = tuple(
            Claim(kind=ClaimKind.MAY_MEET, strength=Strength.POSSIBLE, who=item.variant_id) for item in doubtful
        )
        names = _named([the(ruling.run.of(item.variant_id)) for item in doubtful])
        tested = f"Tested on {say.counted(rows, 'row')}{f' {after}' if after else ''}"
        return Sentence(text=f"{tested}: {names} might still meet them; more rows would tell.", claims=told)
    who = "it" if len(ruling.eliminated) == 1 else "each"
    if all(item.certain for item in ruling.eliminated):
        where = f"on {say.counted(rows, 'row')}{f', {after},' if after else ''}"
        return Sentence(text=f"This is certain: {where} {who} misses a limit by more than chance allows.")
    where = f"{say.counted(rows, 'row')}{f', {after}' if after else ''}"
    return Sentence(text=f"{start(who)} misses a limit in this test ({where}).")


def _ahead_for_sure(ruling: Ruling, pick: VariantFigures) -> Sentence:
    """Add the proven lead over the nearest rival."""
    lead = _lead(ruling, pick)
    if lead is None or lead.value is None:
        return Sentence(text="")
    nearest = ruling.rivals[0]
    by = say.points(lead.value)
    behind = f"the lead of {by} is proven"
    if len(ruling.rivals) > 1:
        behind = f"{the(nearest)} is next, {by} behind, which is proven"
    return Sentence(text=f"; {behind}", claims=(lead,))


def _lead(ruling: Ruling, pick: VariantFigures) -> Claim | None:
    nearest = ruling.rivals[0]
    gap = ruling.between(pick, nearest)
    return None if gap is None else leads_by(pick, nearest, lead_over_all(gap, pick, len(ruling.rivals)), gap.p_value)


def _what_may_be_lost(ruling: Ruling, subject: VariantFigures) -> Sentence:
    """Add by how much another one could be better."""
    claim = at_worst(ruling, subject, ClaimKind.AT_WORST)
    if claim is None or claim.value is None:
        return Sentence(text="; not all answered the same rows")
    if claim.value <= 0:
        return Sentence(text=f"; no {ruling.other} is likely to be better", claims=(claim,))
    nearest = ruling.run.of(claim.whom[0])
    rival = the(nearest)
    if nearest.is_silent:
        return Sentence(text=f"; {rival} answered no row")
    return Sentence(text=f"; {rival} could be {say.bound('up to', claim.value)} better", claims=(claim,))


def _what_is_possible(_ruling: Ruling, subject: VariantFigures) -> Sentence:
    """Add what the first one may get on other rows, going by its interval; failures tell nothing of that."""
    if subject.is_silent:
        return Sentence(text=_NO_ANSWER)
    return Sentence(text=f"; on other rows up to {say.share(subject.quality.high)} is possible")


def _as_measured(ruling: Ruling, pick: VariantFigures) -> Sentence:
    """Add whether another one scored more."""
    rival = ruling.rivals[0]
    ahead = ruling.lead(pick, rival)
    if ahead < 0:
        return Sentence(
            text=f"; {the(rival)} scored {say.points(ahead)} more", claims=(scored_more(rival, pick, -ahead),)
        )
    others = f"no {ruling.other}{left_by_limits(ruling)}"
    return Sentence(text=f"; {others} scored higher", claims=(scored_more(pick, rival, ahead),))


def _within_limits(ruling: Ruling, pick: VariantFigures) -> Sentence:
    """Add how sure it is that the pick meets the limits, and that it alone does."""
    claims = met(ruling.run, pick, ruling.limits)
    if pick.is_silent:
        return Sentence(text=_NO_ANSWER, claims=claims)
    doubtful = [the(ruling.run.of(item.variant_id)) for item in ruling.eliminated if may_meet(item.reason)]
    missing = unchecked(pick, ruling.limits) if claims else ""
    if doubtful:
        limits = "these limits" if missing else "your limits"
        return Sentence(text=f"; {_named(doubtful)} might meet {limits} too", claims=claims)
    if not claims:
        return Sentence(text="")
    if missing:
        return Sentence(text=f"; {missing}", claims=claims)
    if meets_all_certainly(ruling.run, pick, ruling.limits):
        return Sentence(text="; that it meets your limits is certain", claims=claims)
    return Sentence(text="; on other rows it might miss your limits", claims=claims)


_TAILS: Mapping[Outcome, Callable[[Ruling, VariantFigures], Sentence]] = {
    Outcome.ALONE: _within_limits,
    Outcome.WINNER: _ahead_for_sure,
    Outcome.BEST_MEASURED: _what_may_be_lost,
    Outcome.SIMPLEST: _as_measured,
    Outcome.NONE_RIGHT: _what_is_possible,
    Outcome.UNDECIDED: _what_may_be_lost,
}


def _lead_in_figures(ruling: Ruling, pick: VariantFigures) -> Sentence:
    lead = _lead(ruling, pick)
    if lead is None or lead.low is None or lead.high is None or lead.p_value is None:
        return Sentence(text="")
    text = (
        f"Proven at the 5 % level: the nearest is {the(ruling.rivals[0])}, behind by {say.points(lead.value or 0.0)} "
        f"({say.span(lead.low, lead.high)}, {say.probability(lead.p_value)})."
    )
    return Sentence(text=text, claims=(lead,))


def _bound(ruling: Ruling, subject: VariantFigures) -> Sentence:
    claim = at_worst(ruling, subject, ClaimKind.AT_WORST)
    if claim is None or claim.value is None:
        return Sentence(text="Some variants were not compared on the same rows.")
    word = "As measured, not proven" if ruling.outcome is Outcome.BEST_MEASURED else "Not decided"
    if claim.value <= 0:
        return Sentence(text=f"{word}, but no {ruling.other} is likely to be better.", claims=(claim,))
    nearest = ruling.run.of(claim.whom[0])
    rival = the(nearest)
    if nearest.is_silent:
        return Sentence(text=f"{word}: {rival} answered no row, so what it would score is not known.")
    text = (
        f"{word}: {rival} could be {say.bound('up to', claim.value)} better than {the(subject)}. That bound holds in "
        "95 of 100 such runs."
    )
    return Sentence(text=text, claims=(claim,))


def _bound_of_the_simplest(ruling: Ruling, pick: VariantFigures) -> Sentence:
    claim = at_worst(ruling, pick, ClaimKind.NO_RISK)
    if claim is None or claim.value is None:
        return Sentence(text="")
    most = (
        f"{say.bound('at most', claim.value)} behind all {ruling.other}s at once"
        if claim.value > 0
        else f"not behind any {ruling.other}"
    )
    return Sentence(text=f"In 95 of 100 such runs, {the(pick)} is {most}.", claims=(claim,))


def _limits_in_full(ruling: Ruling, pick: VariantFigures) -> Sentence:
    claims = met(ruling.run, pick, ruling.limits)
    doubtful = [item.name for item in ruling.eliminated if may_meet(item.reason)]
    parts = []
    if claims:
        certain = all(claim.strength is Strength.CERTAIN for claim in claims)
        sure = "with certainty" if certain else "in this test, but not with certainty"
        named = f" on {say.listed([str(claim.limit) for claim in claims])}" if unchecked(pick, ruling.limits) else ""
        parts.append(f"{start(the(pick))} meets {'your limit' if len(claims) == 1 else 'your limits'}{named} {sure}.")
    if doubtful:
        parts.append(f"{say.listed(doubtful)} may meet the limits too; more rows would tell.")
    return Sentence(text=" ".join(parts), claims=claims)


_EVIDENCE: Mapping[Outcome, Callable[[Ruling, VariantFigures], Sentence]] = {
    Outcome.ALONE: _limits_in_full,
    Outcome.WINNER: _lead_in_figures,
    Outcome.BEST_MEASURED: _bound,
    Outcome.SIMPLEST: _bound_of_the_simplest,
    Outcome.UNDECIDED: _bound,
}
