"""What would lead to another choice: volume, a better prompt, labels. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import ndtri

from engine.analysis.costs.break_even import break_even, rows_worth_labelling
from engine.analysis.figures import VariantFigures
from engine.analysis.verdict.claims import Claim, ClaimKind, Sentence, Strength
from engine.analysis.verdict.naming import start, the
from engine.analysis.verdict.ruling import Ruling
from engine.core.techniques import Technique
from engine.metrics import wording as say
from engine.metrics.pairwise import LEVEL


def what_would_change(ruling: Ruling) -> tuple[Sentence, ...]:
    """Say what would lead to another choice; nothing where none can be made."""
    if ruling.subject is None:
        return ()
    return tuple(sentence for change in CHANGES for sentence in change(ruling, ruling.subject))


def _volumes(ruling: Ruling, pick: VariantFigures) -> list[Sentence]:
    found = []
    months, planned = ruling.limits.months, ruling.limits.calls_per_month
    for item in ruling.kept:
        point = None if item is pick else break_even(pick.cost, item.cost, months)
        if point is None:
            continue
        cheaper = next(one for one in (pick, item) if one.cost.name == point.dearer_at_first)
        dearer = item if cheaper is pick else pick
        than = f"is cheaper than {the(dearer)} over {say.counted(months, 'month')}"
        if point.at_any_volume:
            text = f"{start(the(cheaper))} {than} at any volume."
        else:
            text = f"Above about {point.calls_in_words} a month {the(cheaper)} {than}; {_volume(ruling)}."
        claim = Claim(
            kind=ClaimKind.CHEAPER_ABOVE,
            strength=Strength.ESTIMATED,
            who=cheaper.variant.id,
            whom=(dearer.variant.id,),
            value=point.calls_per_month,
        )
        found.append(Sentence(text=text, claims=(claim,)))
    busy = pick.cost.most_calls_per_month
    if busy is not None and planned > busy:
        most = say.counted(say.roughly(busy), "call")
        text = f"With {the(pick)} this machine answers about {most} a month; {_volume(ruling)}."
        claim = Claim(kind=ClaimKind.CAPACITY, strength=Strength.ESTIMATED, who=pick.variant.id, value=busy)
        found.append(Sentence(text=text, claims=(claim,)))
    return found


def _volume(ruling: Ruling) -> str:
    """Tell the monthly volume, as planned by the user or as assumed."""
    limits = ruling.limits
    return f"you plan {limits.calls_per_month:,}" if limits.volume_set else f"{limits.calls_per_month:,} are assumed"


def _better_prompt(ruling: Ruling, pick: VariantFigures) -> list[Sentence]:
    """The quality at which as many rows could no longer show that the pick is better than the bare prompt."""
    prompt = next((item for item in ruling.run.figures if item.variant.technique is Technique.ZERO_SHOT), None)
    if prompt is None or prompt is pick:
        return []
    gap = ruling.between(pick, prompt)
    if gap is None or not gap.significant or gap.seen_from(pick.variant.id).value <= 0:
        return []
    spread = (gap.only_first + gap.only_second) / max(gap.rows, 1)
    level = LEVEL / max(len(ruling.run.differences), 1)
    # At the edge the two would disagree on fewer rows than now; a tenth of them is taken as the least.
    within = float(ndtri(1 - level / 2)) * math.sqrt(min(spread, 0.1) / gap.rows)
    needed = max(pick.quality.value - within, prompt.quality.value)
    claim = Claim(
        kind=ClaimKind.PROMPT_NEEDS,
        strength=Strength.ESTIMATED,
        who=prompt.variant.id,
        whom=(pick.variant.id,),
        value=needed,
    )
    text = (
        f"A better prompt alone would need about {say.share(needed)} to compete; it is at "
        f"{say.share(prompt.quality.value)} now."
    )
    return [Sentence(text=text, claims=(claim,))]


def _labels(ruling: Ruling, pick: VariantFigures) -> list[Sentence]:
    """What its labels cost, and how many the saving against the next choice would pay for."""
    if pick.cost.labelling_usd <= 0:
        return []
    each = ruling.limits.labelling_usd_per_row
    rows = round(pick.cost.labelling_usd / each)
    cost = f"{'costs' if rows == 1 else 'cost'} {say.money(pick.cost.labelling_usd)}"
    text = f"The {say.counted(rows, 'labelled row')} of {the(pick)} {cost}"
    text += f" at {say.money(each)} each" if rows > 1 else ""
    dearer = [item for item in ruling.kept if item.cost.per_call_usd > pick.cost.per_call_usd]
    if dearer:
        rival = min(dearer, key=lambda item: item.cost.per_call_usd)
        worth = rows_worth_labelling(pick.cost, rival.cost, ruling.limits)
        if worth:
            text += (
                f"; over {say.counted(ruling.limits.months, 'month')} it saves the price of "
                f"{say.counted(say.roughly(worth), 'label')} compared with {the(rival)}"
            )
    claim = Claim(kind=ClaimKind.LABELS_COST, strength=Strength.ESTIMATED, who=pick.variant.id, value=float(rows))
    return [Sentence(text=text + ".", claims=(claim,))]


Change = Callable[[Ruling, VariantFigures], list[Sentence]]
"""Takes the ruling and the variant that it speaks of."""

CHANGES: tuple[Change, ...] = (_volumes, _better_prompt, _labels)
"""What would lead to another choice, in the order in which it is said. A new sentence is one more function here."""
