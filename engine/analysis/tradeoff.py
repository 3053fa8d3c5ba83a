"""Quality, latency and cost of a run's variants in one chart, and those that no other beats. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.analysis.figures import VariantFigures
from engine.analysis.marks import FigureName, Origin, column_marks, mark_of_item
from engine.charts.chart import Axis, Chart, Series, Zone
from engine.core.limits import Limits
from engine.metrics import wording as say
from engine.metrics.marks import foremost, heading_of_numbers, marked
from engine.metrics.pairwise import Difference

LARGEST_PX, SMALLEST_PX, PLAIN_PX = 24.0, 9.0, 12.0
ROOM = 0.07
"""Share of the axis beyond 0 % and 100 %, so that a whole marker fits in where a variant is never or always right."""
NO_LIMITS = Limits()
DOTTED = "dotted = nothing is better on all three"
"""What the line means, in captions."""


def pareto(candidates: Sequence[VariantFigures], differences: Sequence[Difference] = ()) -> tuple[str, ...]:
    """Return the variants that no other beats: at least as good in all of quality, p95 and cost, and better in one.

    Args:
        candidates: in figures.
        differences: of their pairs, by which one that left a race early is no better for having had easier rows.
    """
    measures = {item.variant.id: _measures(item, candidates, differences) for item in candidates}
    return tuple(
        name
        for name, mine in measures.items()
        if not any(
            other != mine and all(theirs <= own for theirs, own in zip(other, mine, strict=True))
            for other in measures.values()
        )
    )


def best_on_all(item: VariantFigures, others: Sequence[VariantFigures], differences: Sequence[Difference] = ()) -> bool:
    """Tell whether no other is better on quality, p95 or cost, as measured; the differences are those of `pareto`."""
    mine = _measures(item, others, differences)
    measures = [_measures(other, others, differences) for other in others]
    return all(own <= theirs for one in measures for own, theirs in zip(mine, one, strict=True))


def _measures(
    item: VariantFigures, beside: Sequence[VariantFigures], differences: Sequence[Difference]
) -> tuple[float, float, float]:
    """Quality turned round, p95 (seconds of work where rows were answered in batches) and cost: lower is better."""
    return -quality_beside(item, beside, differences), _p95_s(item) or item.busy_s_per_call, dearness(item)


def quality_beside(item: VariantFigures, beside: Sequence[VariantFigures], differences: Sequence[Difference]) -> float:
    """Return the quality to rank by.

    Of one that answered fewer rows than another: the other's, and what lies between them on the rows that both have.
    """
    longer = [other for other in beside if other.rows > item.rows]
    most = max(longer, key=lambda other: (other.rows, other.quality.value), default=item)
    pair = {item.variant.id, most.variant.id}
    gap = next((one for one in differences if {one.first, one.second} == pair and one.rows), None)
    return item.quality.value if gap is None else most.quality.value + gap.seen_from(item.variant.id).value


def dearness(item: VariantFigures) -> float:
    """Return the cost of 1,000 answers in USD to rank by; what is not known counts as dearest."""
    return item.cost_usd_per_1k if item.cost.is_known else math.inf


def tradeoff_chart(
    items: Sequence[VariantFigures],
    origin: Origin,
    *,
    metric: str = "Quality",
    limits: Limits = NO_LIMITS,
    differences: Sequence[Difference] = (),
) -> Chart:
    """Draw quality with its 95 % interval over p95 seconds per answer; the live page, the report and the memo share it.

    A marker's area grows with the cost per 1,000, what lies beyond the limits is shaded, and a dotted line joins the
    variants that no other beats. Variants without a latency (answered in batches) are left out. The origin of the
    figures decides their marks.
    """
    shown = [item for item in items if _p95_s(item)]
    floor = math.floor(min((item.quality.low for item in shown), default=0.0) * 10) / 10
    told = [f"{i.name} {say.share_interval(i.quality)} at {say.seconds(_p95_s(i))}" for i in shown]
    return Chart(
        title="Quality against latency",
        caption=_caption(limits, cost_in_words(items, origin)),
        alt=f"{metric} against p95 seconds per answer: {'; '.join(told) or 'nothing to show'}.",
        x=Axis(title=_title("p95 seconds per answer (log)", FigureName.TOTAL, shown, origin), form="seconds", log=True),
        y=Axis(
            title=_title(metric, FigureName.QUALITY, shown, origin),
            form="percent",
            low=max(0.0, floor) - ROOM,
            high=1.0 + ROOM,
        ),
        series=(*_front(shown, differences), *_markers(shown, origin)),
        zones=_zones(shown, limits),
        empty="Throughput mode answers in batches: no single answer has a latency." if items else "",
    )


def cost_in_words(items: Sequence[VariantFigures], origin: Origin) -> str:
    """Write the word cost with the marks of these variants' costs: `cost (est.)`."""
    return heading_of_numbers("cost", column_marks(FigureName.COST, items, origin))


def _title(title: str, figure: FigureName, shown: Sequence[VariantFigures], origin: Origin) -> str:
    return marked(title, foremost(column_marks(figure, shown, origin)))


def _front(shown: Sequence[VariantFigures], differences: Sequence[Difference]) -> list[Series]:
    ids = pareto(shown, differences)
    best = sorted((item for item in shown if item.variant.id in ids), key=_p95_s)
    if len(best) < 2:
        return []
    return [
        Series(
            name="Pareto set",
            colour="muted",
            x=tuple(_p95_s(item) for item in best),
            y=tuple(item.quality.value for item in best),
            line=True,
            markers=False,
            dash="dot",
            in_table=False,
        )
    ]


def _markers(shown: Sequence[VariantFigures], origin: Origin) -> list[Series]:
    most = max((item.cost_usd_per_1k for item in shown if item.cost.is_known), default=0.0)
    return [
        Series(
            name=item.name,
            colour=item.variant.technique.value,
            x=(_p95_s(item),),
            y=(item.quality.value,),
            low=(item.quality.low,),
            high=(item.quality.high,),
            symbol=item.variant.style.symbol,
            size=(_diameter_px(item.cost_usd_per_1k, most),),
            labelled=True,
            detail=marked(f"{say.money(item.cost_usd_per_1k)} per 1,000", mark_of_item(FigureName.COST, item, origin)),
        )
        for item in shown
    ]


def _diameter_px(cost_usd: float, most_usd: float) -> float:
    """Make the marker's area grow with the cost."""
    if most_usd <= 0 or math.isnan(cost_usd):
        return PLAIN_PX
    return SMALLEST_PX + (LARGEST_PX - SMALLEST_PX) * math.sqrt(cost_usd / most_usd)


def _zones(shown: Sequence[VariantFigures], limits: Limits) -> tuple[Zone, ...]:
    zones = []
    if limits.least_quality is not None:
        zones.append(Zone(y_high=limits.least_quality))
    slowest = limits.highest_p95_s
    if slowest is not None and shown and slowest < 10 * max(_p95_s(item) for item in shown):
        zones.append(Zone(x_low=slowest, y_low=limits.least_quality))
    return tuple(zones)


def _caption(limits: Limits, cost: str) -> str:
    parts = []
    if limits.least_quality is not None:
        parts.append(f"under {say.share(limits.least_quality)}")
    if limits.highest_p95_s is not None:
        parts.append(f"slower than {say.seconds(limits.highest_p95_s)} at p95")
    shaded = f"shaded: {', or '.join(parts)}; " if parts else ""
    return f"{shaded}size = {cost}; {DOTTED}"


def _p95_s(item: VariantFigures) -> float:
    return item.total_p95_s.value if item.total_p95_s else 0.0
