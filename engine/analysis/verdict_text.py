"""The verdict in plain sentences, each with its figures, none stronger than the statistics. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.stats import norm

from engine.analysis.break_even import break_even, labelled_rows, rows_worth_labelling
from engine.analysis.figures import VariantFigures
from engine.analysis.verdict_types import Outcome, Ruling, Sentence, most_lost
from engine.core.techniques import Technique
from engine.metrics import wording as say
from engine.metrics.pairwise import LEVEL, Difference

MOST_REASONS = 4


def headline(ruling: Ruling) -> str:
    """Say what to choose."""
    pick = ruling.pick
    if pick is None:
        return _none_kept(ruling)
    others = [item for item in ruling.tied if item is not pick]
    match ruling.outcome:
        case Outcome.ALONE if len(ruling.run.figures) == 1:
            return f"{pick.name} keeps your limits. It was compared with nothing."
        case Outcome.ALONE:
            return f"Choose {_the(pick)}: it alone keeps your limits."
        case Outcome.WINNER:
            return f"Choose {_the(pick)}. It is better than {_beaten(ruling, pick)}."
        case Outcome.TIED:
            return f"Choose {_the(pick)}. {_names(others)} not told apart from it on quality{_slower(pick, others)}."
        case _:
            return (
                f"Take {_the(pick)} for now, the simplest of {len(ruling.tied)}. {_names(others)} not told apart "
                f"from it by {pick.rows:,} rows{_slower(pick, others)}."
            )


def _none_kept(ruling: Ruling) -> str:
    if not ruling.run.figures:
        return "No answers."
    if len(ruling.run.figures) == 1:
        return f"{_start(_the(ruling.run.figures[0]))} does not keep your limits."
    return f"None of the {len(ruling.run.figures)} variants keeps your limits."


def _beaten(ruling: Ruling, pick: VariantFigures) -> str:
    rivals = [item for item in ruling.kept if item is not pick]
    if len(rivals) == 1:
        return f"{_the(rivals[0])}, the only other that keeps your limits"
    return f"all {len(rivals)} others that keep your limits"


def sureness(ruling: Ruling) -> Sentence:
    """Say how sure the choice is."""
    pick = ruling.pick
    if pick is None:
        doubtful = [item.name for item in ruling.eliminated if not item.certain]
        if not doubtful:
            return Sentence(text="That is sure: the whole 95 % interval lies beyond a limit.")
        return Sentence(text=f"That is not sure of {say.listed(doubtful)}: with more rows it may keep them after all.")
    if ruling.outcome is Outcome.ALONE:
        return _sure_of_limit(ruling, pick)
    if ruling.outcome is Outcome.WINNER:
        gaps = [found for item in ruling.kept if item is not pick and (found := ruling.between(pick, item))]
        nearest = min(gaps, key=lambda found: found.seen_from(pick.variant.id).value)
        effect = nearest.seen_from(pick.variant.id)
        return Sentence(
            text=f"Sure at the 5 % level over all {len(ruling.run.differences)} pairs: the nearest is "
            f"{_other(ruling, nearest, pick).name}, behind by {say.points(effect.value)} "
            f"({say.span(effect.low, effect.high)}, {say.probability(nearest.p_holm)}).",
            figures={"effect": effect.value, "low": effect.low, "high": effect.high, "p": nearest.p_holm},
        )
    return _what_may_be_lost(ruling, pick)


def _what_may_be_lost(ruling: Ruling, pick: VariantFigures) -> Sentence:
    """Say how far the pick may be behind those it is tied with."""
    lost = most_lost(
        ruling.run.differences, pick.variant.id, [item.variant.id for item in ruling.tied if item is not pick]
    )
    if lost is None:
        return Sentence(text="Some of them were not compared on the same rows.")
    behind, name = lost
    item = next(item for item in ruling.tied if item.variant.id == name)
    if behind <= 0:
        text = f"Nothing to lose: it is not behind {item.name} with its whole 95 % interval."
        return Sentence(text=text, figures={"may_be_lost": behind})
    word = "Little to lose: at most" if ruling.outcome is Outcome.TIED else "Not settled: it may lose up to"
    text = f"{word} {say.points(behind)} against {item.name}"
    gap = ruling.between(pick, item)
    figures = {"may_be_lost": behind}
    if gap is not None and gap.rows_to_settle is not None:
        text += f"; about {say.about(gap.rows_to_settle)} more rows would tell the two apart, were the gap seen true"
        figures["rows_to_settle"] = float(gap.rows_to_settle)
    return Sentence(text=text + ".", figures=figures)


def _sure_of_limit(ruling: Ruling, pick: VariantFigures) -> Sentence:
    least = ruling.limits.least_quality
    doubtful = [item.name for item in ruling.eliminated if not item.certain]
    parts = []
    if least is not None:
        surely = "surely" if pick.quality.low >= least else "as measured, but not surely"
        parts.append(f"It reaches your {say.share(least)} {surely}: it {_quality(ruling, pick)}.")
    if doubtful:
        parts.append(f"{say.listed(doubtful)} may keep the limits too; more rows would tell.")
    return Sentence(
        text=" ".join(parts) or "No limit on quality is set.",
        figures={"quality": pick.quality.value, "low": pick.quality.low, "high": pick.quality.high},
    )


def reasons(ruling: Ruling) -> tuple[Sentence, ...]:
    """Give the figures behind the choice: the pick's own, its rivals', and why others are out."""
    pick = ruling.pick
    found = []
    if pick is not None:
        figures = {"quality": pick.quality.value, "low": pick.quality.low, "high": pick.quality.high}
        text = f"{_start(_the(pick))} {_quality(ruling, pick)}."
        least = ruling.limits.least_quality
        if least is not None and pick.quality.low < least and ruling.outcome is not Outcome.ALONE:
            text = f"{text[:-1]}; that it reaches your {say.share(least)} is not sure."
        found.append(Sentence(text=text, figures=figures))
        rivals = sorted((item for item in ruling.kept if item is not pick), key=lambda item: -item.quality.value)
        found.extend(_against(pick, item, gap) for item in rivals if (gap := ruling.between(pick, item)))
    found = found[: MOST_REASONS - 1 if ruling.eliminated else MOST_REASONS]
    return (*found, *(item.reason for item in ruling.eliminated))


def _against(pick: VariantFigures, item: VariantFigures, gap: Difference) -> Sentence:
    effect = gap.seen_from(pick.variant.id)
    figures = {"effect": effect.value, "low": effect.low, "high": effect.high, "p": gap.p_holm}
    if gap.significant:
        word = "worse" if effect.value > 0 else "better"
        low, high = sorted((abs(effect.low), abs(effect.high)))
        text = f"{item.name} is {word} by {say.points(effect.value)} ({say.span(low, high)}, "
        return Sentence(text=f"{text}{say.probability(gap.p_holm)}).", figures=figures)
    text = f"{item.name}'s {say.share(item.quality.value)} cannot be told apart from it ({say.probability(gap.p_holm)}"
    if gap.rows_to_settle is not None:
        text += f"; about {say.about(gap.rows_to_settle)} more rows would settle {say.points(effect.value)}"
        figures["rows_to_settle"] = gap.rows_to_settle
    return Sentence(text=f"{text}).", figures=figures)


def what_would_change(ruling: Ruling) -> tuple[Sentence, ...]:
    """Say what would lead to another choice: volume, a better prompt, labels."""
    if ruling.pick is None:
        return _what_is_missing(ruling)
    return tuple(sentence for change in CHANGES for sentence in change(ruling, ruling.pick))


def _volumes(ruling: Ruling, pick: VariantFigures) -> list[Sentence]:
    found = []
    months = ruling.limits.months
    for item in ruling.kept:
        point = None if item is pick else break_even(pick.cost, item.cost, months)
        if point is None:
            continue
        text = (
            f"{_start_name(ruling, point.dearer_at_first)} costs less in total than {point.cheaper_at_first} from "
            f"about {say.about(point.calls_per_month)} calls a month over {months} months; you named "
            f"{ruling.limits.calls_per_month:,}."
        )
        found.append(Sentence(text=text, figures={"calls_per_month": point.calls_per_month, "usd": point.total_usd}))
    busy = pick.cost.most_calls_per_month
    if busy is not None and ruling.limits.calls_per_month > busy:
        text = (
            f"This machine answers at most {say.about(busy)} calls a month with {_the(pick)}; you named "
            f"{ruling.limits.calls_per_month:,}."
        )
        found.append(Sentence(text=text, figures={"most_calls_per_month": busy}))
    return found


def _better_prompt(ruling: Ruling, pick: VariantFigures) -> list[Sentence]:
    """The quality at which zero-shot could no longer be told from the pick on as many rows."""
    prompt = next((item for item in ruling.run.figures if item.variant.technique is Technique.ZERO_SHOT), None)
    if prompt is None or prompt is pick:
        return []
    gap = ruling.between(pick, prompt)
    if gap is None or not gap.significant or gap.seen_from(pick.variant.id).value <= 0:
        return []
    spread = (gap.only_first + gap.only_second) / max(gap.rows, 1)
    level = LEVEL / max(len(ruling.run.differences), 1)
    # At the edge the two would disagree on fewer rows than now; a tenth of them is taken as the least.
    within = float(norm.ppf(1 - level / 2)) * math.sqrt(min(spread, 0.1) / gap.rows)
    needed = max(pick.quality.value - within, prompt.quality.value)
    text = (
        f"A prompt alone would have to reach about {say.share(needed)} to come within reach; {prompt.name} is at "
        f"{say.share(prompt.quality.value)}."
    )
    return [Sentence(text=text, figures={"needed": needed, "now": prompt.quality.value})]


def _labels(ruling: Ruling, pick: VariantFigures) -> list[Sentence]:
    """What its labels cost, and how many the saving against the next choice would pay for."""
    if pick.cost.labelling_usd <= 0:
        return []
    each = ruling.limits.labelling_usd_per_row
    rows = round(pick.cost.labelling_usd / each)
    text = f"Its {rows:,} labelled rows cost {say.money(pick.cost.labelling_usd)} at {say.money(each)} each"
    figures = {"labelled_rows": float(rows), "labelling_usd": pick.cost.labelling_usd}
    dearer = [item for item in ruling.kept if item.cost.per_call_usd > pick.cost.per_call_usd]
    if dearer:
        rival = min(dearer, key=lambda item: item.cost.per_call_usd)
        worth = rows_worth_labelling(pick.cost, rival.cost, ruling.limits)
        if worth:
            text += (
                f"; running it instead of {rival.name} saves as much as {say.about(worth)} labels over the time named"
            )
            figures["rows_worth_labelling"] = float(worth)
    return [Sentence(text=text + ".", figures=figures)]


def _what_is_missing(ruling: Ruling) -> tuple[Sentence, ...]:
    """Name the variant that is nearest to the limits, and which limit it breaks."""
    if len(ruling.run.figures) < 2:
        return ()
    nearest = max(ruling.run.figures, key=lambda item: item.quality.value)
    limit = next(item for item in ruling.eliminated if item.variant_id == nearest.variant.id)
    rows = labelled_rows(nearest.variant, 1)
    text = f"The nearest in quality: {limit.reason.text}"
    text += " More labelled rows may lift it; the learning curve tells." if rows else ""
    return (Sentence(text=text, figures=limit.reason.figures),)


def _other(ruling: Ruling, gap: Difference, pick: VariantFigures) -> VariantFigures:
    wanted = gap.second if gap.first == pick.variant.id else gap.first
    return next(item for item in ruling.run.figures if item.variant.id == wanted)


def _quality(ruling: Ruling, item: VariantFigures) -> str:
    if ruling.run.is_share:
        return f"is right on {say.share_interval(item.quality)} of {item.rows:,} rows"
    return f"scores {say.share_interval(item.quality)} over {item.rows:,} rows"


def _names(items: list[VariantFigures]) -> str:
    return f"{say.listed([item.name for item in items])} {'is' if len(items) == 1 else 'are'}"


def _slower(pick: VariantFigures, others: list[VariantFigures]) -> str:
    """Say how much more time the others take per answer, where all take more."""
    if pick.busy_s_per_call <= 0:
        return ""
    ratios = sorted(item.busy_s_per_call / pick.busy_s_per_call for item in others)
    if not ratios or ratios[0] < 1.2:
        return ""
    verb = "takes" if len(others) == 1 else "take"
    return f", and {verb} {say.times(ratios[0], ratios[-1])} its time per answer"


def _the(item: VariantFigures) -> str:
    return "the classifier" if item.name == "Classifier" else item.name


def _start(text: str) -> str:
    return text[:1].upper() + text[1:]


def _start_name(ruling: Ruling, name: str) -> str:
    return _start(next((_the(item) for item in ruling.run.figures if item.name == name), name))


Change = Callable[[Ruling, VariantFigures], list[Sentence]]
"""Takes the ruling and the variant that it picks."""

CHANGES: tuple[Change, ...] = (_volumes, _better_prompt, _labels)
"""What would lead to another choice, in the order in which it is said. A new sentence is one more function here."""
