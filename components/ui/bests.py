"""Which variant is best on quality, on latency and on cost, stated no more strongly than the intervals allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from engine.analysis.marks import FigureName
from engine.analysis.snapshot import Lane
from engine.metrics import wording as say
from engine.metrics.marks import marked

COUNTS = ("Best quality", "Fastest", "Cheapest")


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The best variant on one measure: its lane, its figure, and what the figure leaves open."""

    count: str
    lane: Lane
    figure: str
    detail: str

    @property
    def name(self) -> str:
        """The variant as screens write it."""
        return self.lane.variant.name


def bests(lanes: Sequence[Lane]) -> list[Best]:
    """Return the best on quality, latency and cost, without those that have no measurement or are out of a race."""
    found: list[Best] = []
    lanes = [lane for lane in lanes if not lane.is_out]
    judged = [lane for lane in lanes if lane.quality is not None]
    if any(lane.quality.value > 0 for lane in judged if lane.quality):  # none is best where none is right
        best = max(judged, key=lambda lane: lane.quality.value if lane.quality else 0.0)
        found.append(
            Best(
                count=COUNTS[0],
                lane=best,
                figure=_marked(best, say.share(best.quality), FigureName.QUALITY),
                detail=_rivals(best, judged),
            )
        )
    timed = [lane for lane in lanes if lane.total_p50_s is not None]
    if timed:
        best = min(timed, key=lambda lane: lane.total_p50_s or 0.0)
        detail = f"median seconds per answer; 95 of 100 answers within {say.seconds(best.total_p95_s)}"
        found.append(
            Best(
                count=COUNTS[1],
                lane=best,
                figure=_marked(best, say.seconds(best.total_p50_s), FigureName.TOTAL),
                detail=detail,
            )
        )
    costed = [lane for lane in lanes if lane.cost_usd_per_1k is not None and not math.isnan(lane.cost_usd_per_1k)]
    if costed:
        best = min(costed, key=lambda lane: lane.cost_usd_per_1k or 0.0)
        figure = _marked(best, say.money(best.cost_usd_per_1k), FigureName.COST)
        paid = best.origin.paid_by_token and best.variant.generates
        source = "from the price of its tokens" if paid else "from the machine's time and electricity"
        detail = f"for 1,000 answers, {source}"
        found.append(Best(count=COUNTS[2], lane=best, figure=figure, detail=detail))
    return found


def _marked(lane: Lane, text: str, figure: FigureName) -> str:
    return marked(text, lane.mark(figure))


def _rivals(best: Lane, judged: Sequence[Lane]) -> str:
    """Name the variants whose interval overlaps with the best one's: they may be as good."""
    if best.quality is None:
        return ""
    between = f"95 % interval {say.share_ends(best.quality)}"
    near = [
        lane.variant.name
        for lane in judged
        if lane is not best and lane.quality is not None and lane.quality.high >= best.quality.low
    ]
    if not near:
        return f"{between}; no other interval overlaps with it"
    verb = "overlaps" if len(near) == 1 else "overlap"
    return f"{between}; {say.listed(near)} {verb} with it"


def bests_line(lanes: Sequence[Lane]) -> None:
    """Show the three measures in one line whose height stays the same from the first moment of a run."""
    found = {best.count: best for best in bests(lanes)}
    for cell, name in zip(st.columns(len(COUNTS), gap="small"), COUNTS, strict=True):
        best = found.get(name)
        told = f"**{best.name}** · {best.figure}" if best else say.MISSING
        detail = best.detail[:1].upper() + best.detail[1:] if best else "Not known yet."
        cell.markdown(f":gray[{name}] {told}", help=f"{detail}.")


def show_bests(lanes: Sequence[Lane]) -> None:
    """Show the three measures as cards side by side."""
    found = bests(lanes)
    if not found:
        return
    for cell, best in zip(st.columns(len(found), gap="small"), found, strict=True):
        with cell, st.container(border=True, gap="xsmall", height="stretch"):
            st.caption(best.count)
            st.markdown(f"**{best.name}** · {best.figure}")
            st.caption(best.detail)
