"""Which limits a variant meets and misses, and how sure that is. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from engine.analysis.figures import RunFigures, VariantFigures
from engine.analysis.tradeoff import quality_beside
from engine.analysis.verdict.claims import Claim, ClaimKind, LimitKind, Sentence, Strength
from engine.analysis.verdict.naming import the
from engine.analysis.verdict.ruling import Elimination, Ruling
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.metrics import wording as say


@dataclass(frozen=True, kw_only=True, slots=True)
class _Checked:
    """A figure beside the limit that is set for it. Lower is better; a quality is turned round for that."""

    limit: LimitKind
    allowed: float
    plain: Interval
    joint: Interval
    turned: bool

    @property
    def missed(self) -> bool:
        value = self.plain.value
        return value < self.allowed if self.turned else value > self.allowed

    @property
    def certainly_missed(self) -> bool:
        return self.joint.high < self.allowed if self.turned else self.joint.low > self.allowed

    @property
    def certainly_met(self) -> bool:
        return self.joint.low >= self.allowed if self.turned else self.joint.high <= self.allowed

    @property
    def may_be_met(self) -> bool:
        return self.plain.high >= self.allowed if self.turned else self.plain.low <= self.allowed

    def claim(self, kind: ClaimKind, item: VariantFigures, *, certain: bool) -> Claim:
        return Claim(
            kind=kind,
            strength=Strength.CERTAIN if certain else Strength.MEASURED,
            who=item.variant.id,
            limit=self.limit,
            value=self.plain.value,
            low=self.plain.low,
            high=self.plain.high,
        )


def _checked(run: RunFigures, item: VariantFigures, limits: Limits) -> Iterator[_Checked]:
    joint = item.joint
    if limits.least_quality is not None:
        plain, sure = item.quality, joint.quality if joint else _ANYTHING
        if plain.value >= limits.least_quality and (less := _easier_by(run, item)):
            plain = Interval(value=plain.value - less, low=max(plain.low - less, 0.0), high=plain.high - less)
            sure = replace(sure, low=sure.low - less)
        yield _Checked(limit=LimitKind.QUALITY, allowed=limits.least_quality, plain=plain, joint=sure, turned=True)
    if limits.highest_p95_s is not None and item.total_p95_s is not None:
        yield _Checked(
            limit=LimitKind.P95,
            allowed=limits.highest_p95_s,
            plain=item.total_p95_s,
            joint=joint.total_p95_s if joint and joint.total_p95_s else _ANYTHING,
            turned=False,
        )
    if limits.highest_cost_usd_per_1k is not None and item.cost.is_known:
        cost = item.cost_usd_per_1k
        yield _Checked(
            limit=LimitKind.COST,
            allowed=limits.highest_cost_usd_per_1k,
            plain=item.cost_interval_usd_per_1k or Interval(value=cost, low=cost, high=cost),
            joint=joint.cost_usd_per_1k if joint else _ANYTHING,
            turned=False,
        )


def _easier_by(run: RunFigures, item: VariantFigures) -> float:
    """Return how much of a variant's score is owed to easier rows: of one that left a race early, else nothing."""
    if item.variant.id not in run.out:
        return 0.0
    return max(item.quality.value - quality_beside(item, run.figures, run.differences), 0.0)


_ANYTHING = Interval(value=0.0, low=float("-inf"), high=float("inf"))


def unmeasured(item: VariantFigures, limits: Limits) -> bool:
    """Tell whether a limit is set on what is not known: p95 where no single answer was timed, or cost."""
    return untimed(item, limits) or uncosted(item, limits)


def untimed(item: VariantFigures, limits: Limits) -> bool:
    """Tell whether a limit on p95 is set although no single answer of the variant was timed."""
    return limits.highest_p95_s is not None and item.total_p95_s is None


def uncosted(item: VariantFigures, limits: Limits) -> bool:
    """Tell whether a limit on cost is set although the price of the variant's answers is not known."""
    return limits.highest_cost_usd_per_1k is not None and not item.cost.is_known


def unchecked(item: VariantFigures, limits: Limits) -> str:
    """Say which limits that are set were not checked of a variant; empty where all were."""
    named = {"p95": untimed(item, limits), "cost": uncosted(item, limits)}
    found = [name for name, is_unknown in named.items() if is_unknown]
    several = len(found) > 1
    ending = "s" if several else ""
    return f"your limit{ending} on {say.listed(found)} {'were' if several else 'was'} not checked" if found else ""


def left_by_limits(ruling: Ruling, *, several: bool = False) -> str:
    """Name what all that may be chosen have in common, as the end of a noun; empty where no limit rules one out.

    Not all of them meet the limits where one of them was not measured.
    """
    if not ruling.eliminated:
        return ""
    if any(unmeasured(item, ruling.limits) for item in ruling.kept):
        return " left by your limits"
    return f" that meet{'' if several else 's'} your limits"


def unknown_costs(items: Sequence[VariantFigures]) -> str:
    """Say why the cost of these variants is not known; empty where there are none."""
    silent = [the(item) for item in items if item.is_silent]
    why = "another machine answered, and its price is not known" if len(silent) < len(items) else ""
    none = f"{say.listed(silent)} answered no row" if silent else ""
    return ", and ".join(part for part in (why, none) if part)


def met(run: RunFigures, item: VariantFigures, limits: Limits) -> tuple[Claim, ...]:
    """Return a claim for each limit that is set and met as measured."""
    return tuple(
        checked.claim(ClaimKind.MEETS, item, certain=checked.certainly_met)
        for checked in _checked(run, item, limits)
        if not checked.missed
    )


def meets_all_certainly(run: RunFigures, item: VariantFigures, limits: Limits) -> bool:
    """Tell whether a variant certainly meets every limit that is set; one that was not measured is never certain."""
    return not unmeasured(item, limits) and all(checked.certainly_met for checked in _checked(run, item, limits))


def eliminate(run: RunFigures, item: VariantFigures, limits: Limits) -> Elimination | None:
    """Return why a variant is out as measured: every limit that it misses, and whether it may meet them after all.

    One that left a race is judged beside a variant with more rows, so that easier rows help it over no limit. Of one
    that answered no row nothing is said of other rows.
    """
    missed = [checked for checked in _checked(run, item, limits) if checked.missed]
    if not missed:
        return None
    certain = any(checked.certainly_missed for checked in missed)
    claims = [checked.claim(ClaimKind.MISSES, item, certain=checked.certainly_missed) for checked in missed]
    text = f"{item.name} {' and '.join(_missed(item, checked) for checked in missed)}"
    if not certain and not item.is_silent and all(checked.may_be_met for checked in missed):
        claims.append(Claim(kind=ClaimKind.MAY_MEET, strength=Strength.POSSIBLE, who=item.variant.id))
        text += f"; more rows might show that it meets {'the limit' if len(missed) == 1 else 'the limits'}"
    return Elimination(
        variant_id=item.variant.id,
        name=item.name,
        reason=Sentence(text=f"{text}.", claims=tuple(claims)),
        certain=certain,
    )


def _missed(item: VariantFigures, checked: _Checked) -> str:
    sure = "certainly " if checked.certainly_missed else ""
    match checked.limit:
        case LimitKind.QUALITY if checked.plain.value < item.quality.value:
            own = f"is at {say.share_interval(item.quality)}, but its {say.counted(item.rows, 'row')} were easier"
            beside = f"beside the variants with more rows that is about {say.share(checked.plain.value)}"
            return f"{own}: {beside}, {sure}below your {say.share(checked.allowed)}"
        case LimitKind.QUALITY:
            return f"is at {say.share_interval(checked.plain)}, {sure}below your {say.share(checked.allowed)}"
        case LimitKind.P95:
            took = f"{say.seconds(checked.plain)} at p95 ({say.p95_ends(checked.plain, item.timed_rows)})"
            return f"takes {took}, {sure}over your {say.seconds(checked.allowed)}"
        case _:
            estimated = "an estimated " if item.cost_estimated else ""
            cost = f"{estimated}{say.money(checked.plain)} per 1,000 answers"
            return f"costs {cost}, {sure}over your {say.money(checked.allowed)}"
