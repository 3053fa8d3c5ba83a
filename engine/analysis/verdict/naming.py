"""How a verdict names variants, and the claims that several of its sentences make. Pure functions."""

from __future__ import annotations

from engine.analysis.figures import VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Sentence, Strength
from engine.analysis.verdict.ruling import Ruling
from engine.core.interval import Interval
from engine.core.techniques import the_variant
from engine.metrics.pairwise import Difference, without_zero


def the(item: VariantFigures) -> str:
    """Name a variant within a sentence."""
    return the_variant(item.name)


def start(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]


def at_worst(ruling: Ruling, item: VariantFigures, kind: ClaimKind) -> Claim | None:
    """Claim the most by which a variant may trail the best of its rivals; None where that is not known."""
    loss = ruling.worst_loss(item)
    if loss is None:
        return None
    behind, rival = loss
    others = [other.variant.id for other in ruling.kept if other not in (item, rival)]
    return Claim(
        kind=kind,
        strength=Strength.PROVEN,
        who=item.variant.id,
        whom=(rival.variant.id, *others),
        value=behind,
    )


def scored_more(ahead: VariantFigures, behind: VariantFigures, by: float) -> Claim:
    """Claim that one scored so much more on these rows."""
    return Claim(
        kind=ClaimKind.AHEAD,
        strength=Strength.MEASURED,
        who=ahead.variant.id,
        whom=(behind.variant.id,),
        value=by,
    )


def leads_by(ahead: VariantFigures, behind: VariantFigures, by: Interval, p_value: float) -> Claim:
    """Claim a proven lead with its interval."""
    return Claim(
        kind=ClaimKind.LEAD,
        strength=Strength.PROVEN,
        who=ahead.variant.id,
        whom=(behind.variant.id,),
        value=by.value,
        low=by.low,
        high=by.high,
        p_value=p_value,
    )


def lead_over_all(gap: Difference, subject: VariantFigures, rivals: int) -> Interval:
    """Return how far a variant leads another; the ends hold for all its rivals at once, the nearest included.

    Where the difference is significant the interval leaves out 0. The ends spend a quarter of the error; the claim
    that there is a lead at all has its own.
    """
    effect = gap.seen_from(subject.variant.id)
    low, high = gap.range_from(subject.variant.id, rivals, share=0.25)
    return without_zero(Interval(value=effect.value, low=low, high=high), gap.rows)


def may_meet(sentence: Sentence) -> bool:
    """Tell whether a sentence says that a variant may meet the limits after all."""
    return any(claim.kind is ClaimKind.MAY_MEET for claim in sentence.claims)
