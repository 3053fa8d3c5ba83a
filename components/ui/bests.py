"""Which variant is best on quality, on latency and on cost, said no stronger than the intervals allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from components.ui.palette import label
from components.ui.text import MISSING, money, percent, seconds
from engine.analysis.progress import Lane

COUNTS = ("Best quality", "Fastest", "Cheapest")


@dataclass(frozen=True, kw_only=True, slots=True)
class Best:
    """The best on one count: who, by what figure, and what that does not settle."""

    count: str
    lane: Lane
    figure: str
    detail: str

    @property
    def name(self) -> str:
        """The variant as screens write it."""
        return label(self.lane.variant.technique)


def bests(lanes: Sequence[Lane]) -> list[Best]:
    """Return the best on quality, latency and cost; a count that nothing was measured for is left out."""
    found: list[Best] = []
    judged = [lane for lane in lanes if lane.quality is not None]
    if judged:
        best = max(judged, key=lambda lane: lane.quality.value if lane.quality else 0.0)
        found.append(Best(count=COUNTS[0], lane=best, figure=_quality(best), detail=_rivals(best, judged)))
    timed = [lane for lane in lanes if lane.total_p50_s is not None]
    if timed:
        best = min(timed, key=lambda lane: lane.total_p50_s or 0.0)
        detail = f"median seconds per answer; 95 of 100 answers within {seconds(best.total_p95_s)}"
        found.append(Best(count=COUNTS[1], lane=best, figure=seconds(best.total_p50_s), detail=detail))
    costed = [lane for lane in lanes if lane.estimated_cost_usd_per_1k is not None]
    if costed:
        best = min(costed, key=lambda lane: lane.estimated_cost_usd_per_1k or 0.0)
        figure = money(best.estimated_cost_usd_per_1k)
        detail = "for 1,000 answers, estimated from this machine's time and electricity"
        found.append(Best(count=COUNTS[2], lane=best, figure=figure, detail=detail))
    return found


def _quality(lane: Lane) -> str:
    return percent(lane.quality.value) if lane.quality else ""


def _rivals(best: Lane, judged: Sequence[Lane]) -> str:
    """Name the variants whose interval reaches into the best one's: they may be as good."""
    if best.quality is None:
        return ""
    between = f"95 % interval {percent(best.quality.low)} to {percent(best.quality.high)}"
    near = [
        label(lane.variant.technique)
        for lane in judged
        if lane is not best and lane.quality is not None and lane.quality.high >= best.quality.low
    ]
    if not near:
        return f"{between}; no other interval reaches it"
    verb = "reaches" if len(near) == 1 else "reach"
    return f"{between}; that of {_listed(near)} {verb} into it"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def bests_line(lanes: Sequence[Lane]) -> None:
    """Show the three counts in one line whose height stays the same from the first moment of a run."""
    found = {best.count: best for best in bests(lanes)}
    for cell, name in zip(st.columns(len(COUNTS), gap="small"), COUNTS, strict=True):
        best = found.get(name)
        told = f"**{best.name}** · {best.figure}" if best else MISSING
        detail = best.detail[:1].upper() + best.detail[1:] if best else "Not known yet."
        cell.markdown(f":gray[{name}] {told}", help=f"{detail}.")


def show_bests(lanes: Sequence[Lane]) -> None:
    """Show the three counts as cards side by side."""
    found = bests(lanes)
    if not found:
        return
    for cell, best in zip(st.columns(len(found), gap="small"), found, strict=True):
        with cell, st.container(border=True, gap="xsmall", height="stretch"):
            st.caption(best.count)
            st.markdown(f"**{best.name}** · {best.figure}")
            st.caption(best.detail)
