"""The figures behind a verdict: the chosen one's, its rivals', and why each other one is out. Pure functions."""

from __future__ import annotations

from engine.analysis.figures import VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, LimitKind, Sentence, Strength
from engine.analysis.verdict.limits import met
from engine.analysis.verdict.naming import lead_over_all, leads_by, start, the
from engine.analysis.verdict.ruling import Outcome, Ruling
from engine.core.interval import Interval
from engine.metrics import wording as say


def reasons(ruling: Ruling) -> tuple[Sentence, ...]:
    """Give the figures behind the choice: the subject's own, every rival's, and why each other one is out."""
    subject = ruling.subject
    found = []
    if subject is not None:
        found.append(_score(ruling, subject))
        found += [_against(ruling, subject, item) for item in ruling.rivals]
    return (*found, *(item.reason for item in ruling.eliminated))


def _score(ruling: Ruling, item: VariantFigures) -> Sentence:
    quality = item.quality
    claim = Claim(
        kind=ClaimKind.SCORES,
        strength=Strength.MEASURED,
        who=item.variant.id,
        value=quality.value,
        low=quality.low,
        high=quality.high,
    )
    text = f"{start(the(item))} {_said_quality(ruling, item)}"
    told = () if ruling.outcome is Outcome.ALONE else met(ruling.run, item, ruling.limits)
    unsure = [limit.limit for limit in told if limit.strength is not Strength.CERTAIN]
    if LimitKind.QUALITY in unsure and ruling.limits.least_quality is not None:
        text += f", so on other rows it may or may not meet your {say.share(ruling.limits.least_quality)}"
    named = [_NAMED[limit] for limit in unsure if limit in _NAMED]
    if named:
        are = "is" if item.rows == 1 else "are"
        text += f"; {say.counted(item.rows, 'row')} {are} too few to be certain of its {say.listed(named)}"
    return Sentence(text=f"{text}.", claims=(claim, *told))


_NAMED = {LimitKind.P95: "p95", LimitKind.COST: "cost"}


def _against(ruling: Ruling, subject: VariantFigures, item: VariantFigures) -> Sentence:
    gap = ruling.between(subject, item)
    told = f"{start(the(item))} is at {say.share(item.quality.value)}"
    if gap is None or not gap.rows:
        return Sentence(text=f"{told}, on other rows.")
    effect = gap.seen_from(subject.variant.id)
    if gap.significant or (ruling.outcome is Outcome.WINNER and gap.distinct):
        ahead, behind = (subject, item) if effect.value > 0 else (item, subject)
        p_value = gap.p_value if ruling.outcome is Outcome.WINNER else gap.p_holm
        lead = lead_over_all(gap, subject, len(ruling.rivals))
        low, high = sorted((abs(lead.low), abs(lead.high)))
        word = "worse" if effect.value > 0 else "better"
        text = f"{told}: {word} by {say.points(effect.value)} ({say.span(low, high)}, {say.probability(p_value)})."
        better = Claim(
            kind=ClaimKind.BETTER,
            strength=Strength.PROVEN,
            who=ahead.variant.id,
            whom=(behind.variant.id,),
            p_value=p_value,
        )
        by = lead if effect.value > 0 else Interval(value=-lead.value, low=-lead.high, high=-lead.low)
        return Sentence(text=text, claims=(better, leads_by(ahead, behind, by, p_value)))
    low, high = gap.range_from(subject.variant.id, len(ruling.rivals))
    claim = Claim(
        kind=ClaimKind.CANNOT_BE_TOLD,
        strength=Strength.PROVEN,
        who=subject.variant.id,
        whom=(item.variant.id,),
        value=effect.value,
        low=min(low, 0.0),
        high=max(high, 0.0),
        p_value=gap.p_holm,
    )
    between = say.span(min(-high, 0.0), max(-low, 0.0))
    text = (
        f"{told}. With {say.counted(gap.rows, 'row')} that is not a proven difference ({between} points, adjusted "
        f"{say.probability(gap.p_holm)})."
    )
    return Sentence(text=text, claims=(claim,))


def _said_quality(ruling: Ruling, item: VariantFigures) -> str:
    """Say what a variant scores, with its interval and rows."""
    if ruling.run.is_share:
        return f"gets {say.share_interval(item.quality)} of {say.counted(item.rows, 'row')} right"
    return f"scores {say.share_interval(item.quality)} over {say.counted(item.rows, 'row')}"
