"""Which variant is best on quality, on latency and on cost, stated no more strongly than the intervals allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from components.ui.text import plain
from engine.analysis.marks import FigureName
from engine.analysis.snapshot import Lane
from engine.metrics import wording as say
from engine.metrics.marks import marked

COUNTS = ("Best quality", "Fastest", "Cheapest")


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The best variants on one measure: the first one's lane, its figure, and what the figure leaves open."""

    count: str
    lanes: tuple[Lane, ...]
    """All that share the best figure, in the order of the run."""
    figure: str
    detail: str

    @property
    def lane(self) -> Lane:
        """The lane of the first one."""
        return self.lanes[0]

    @property
    def name(self) -> str:
        """The variants as screens write them."""
        return say.listed([lane.name for lane in self.lanes])


def bests(lanes: Sequence[Lane]) -> list[Best]:
    """Return the best on quality, latency and cost, without those that have no measurement or are out of a race."""
    found: list[Best] = []
    aside = "; variants that left the race do not count" if any(lane.is_out for lane in lanes) else ""
    lanes = [lane for lane in lanes if not lane.is_out]
    judged = [lane for lane in lanes if lane.quality is not None]
    if any(lane.quality.value > 0 for lane in judged if lane.quality):  # none is best where none is right
        level = _level(judged, lambda lane: -lane.quality.value if lane.quality else 0.0)
        found.append(
            Best(
                count=COUNTS[0],
                lanes=level,
                figure=_marked(level[0], say.share(level[0].quality), FigureName.QUALITY),
                detail=_rivals(level, judged) + aside,
            )
        )
    timed = [lane for lane in lanes if lane.total_p50_s is not None]
    if timed:
        level = _level(timed, lambda lane: lane.total_p50_s or 0.0)
        best = level[0]
        detail = f"median seconds per answer; 95 of 100 answers within {say.seconds(best.total_p95_s)}{aside}"
        found.append(
            Best(
                count=COUNTS[1],
                lanes=level,
                figure=_marked(best, say.seconds(best.total_p50_s), FigureName.TOTAL),
                detail=detail,
            )
        )
    costed = [lane for lane in lanes if lane.cost_usd_per_1k is not None and not math.isnan(lane.cost_usd_per_1k)]
    if costed:
        level = _level(costed, lambda lane: lane.cost_usd_per_1k or 0.0)
        best = level[0]
        figure = _marked(best, say.money(best.cost_usd_per_1k), FigureName.COST)
        paid = best.origin.paid_by_token and best.variant.generates
        source = "from the price of its tokens" if paid else "from the machine's time and electricity"
        detail = f"for 1,000 answers, {source}{aside}"
        found.append(Best(count=COUNTS[2], lanes=level, figure=figure, detail=detail))
    return found


def _level(lanes: Sequence[Lane], measure: Callable[[Lane], float]) -> tuple[Lane, ...]:
    """Return all lanes with the smallest value."""
    least = min(measure(lane) for lane in lanes)
    return tuple(lane for lane in lanes if measure(lane) == least)


def _marked(lane: Lane, text: str, figure: FigureName) -> str:
    return marked(text, lane.mark(figure))


def _rivals(level: Sequence[Lane], judged: Sequence[Lane]) -> str:
    """Name the variants whose interval overlaps with the best one's: they may be as good."""
    best = level[0]
    if best.quality is None:
        return ""
    between = f"95 % interval {say.share_ends(best.quality)}"
    near = [
        lane.name
        for lane in judged
        if lane not in level and lane.quality is not None and lane.quality.high >= best.quality.low
    ]
    if not near:
        return f"{between}; no other interval overlaps with it"
    verb = "overlaps" if len(near) == 1 else "overlap"
    return f"{between}; {say.listed(near)} {verb} with it"


def bests_line(lanes: Sequence[Lane]) -> None:
    """Show the three measures in one line whose height stays the same from the first moment of a run.

    Variants that share a figure are counted, and named in the help: their names would take a second line.
    """
    found = {best.count: best for best in bests(lanes)}
    for cell, name in zip(st.columns(len(COUNTS), gap="small"), COUNTS, strict=True):
        told, detail = _in_one_line(found.get(name))
        cell.markdown(f":gray[{name}] {told}", help=f"{detail}.")


def _in_one_line(best: Best | None) -> tuple[str, str]:
    """Return what the line says of a measure and what its help adds."""
    if best is None:
        return say.MISSING, "Not known yet"
    if len(best.lanes) == 1:
        return f"**{plain(best.name)}** · {best.figure}", plain(best.detail[:1].upper() + best.detail[1:])
    return f"**{len(best.lanes)} variants** · {best.figure}", plain(f"{best.name}. {best.lane.name}: {best.detail}")


def show_bests(lanes: Sequence[Lane]) -> None:
    """Show the three measures as cards side by side."""
    found = bests(lanes)
    if not found:
        return
    for cell, best in zip(st.columns(len(found), gap="small"), found, strict=True):
        with cell, st.container(border=True, gap="xsmall", height="stretch"):
            st.caption(best.count)
            st.markdown(f"**{plain(best.name)}** · {best.figure}")
            st.caption(plain(best.detail))
