"""The replay of a finished run as plain data: when each lane finished each row, and its quality by then."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from engine.analysis.snapshot import Lane
from engine.metrics import wording as say

SPEEDS = (1, 2, 5, 10, 20, 50, 100)
"""Replay speeds, as multiples of the recorded speed."""
SHOWN_S = 14.0
"""About how many seconds the replay should take on screen at its initial speed."""


def race_view(lanes: Sequence[Lane]) -> dict[str, Any]:
    """Return the replay of all lanes with a time for each answer; throughput runs have none."""
    planned = max((lane.rows_done for lane in lanes), default=0)
    running: list[dict[str, Any]] = [
        {
            "name": lane.name,
            "light": lane.variant.style.light,
            "dark": lane.variant.style.dark,
            "rows": len(lane.latencies_s) if not lane.is_out else planned,
            "out": f"out after {say.number(lane.rows_done)} rows" if lane.is_out else "",
            "ends": [round(end, 4) for end in accumulate(lane.latencies_s)],
            "shares": [say.share(value) for value in lane.running_quality],
            "time": say.duration(sum(lane.latencies_s)),
        }
        for lane in lanes
        if lane.latencies_s and len(lane.latencies_s) == len(lane.running_quality)
    ]
    total = max((float(lane["ends"][-1]) for lane in running), default=0.0)
    speed = next((speed for speed in SPEEDS if total / speed <= SHOWN_S), SPEEDS[-1])
    share = all(lane.is_share for lane in lanes)
    spoken = " ".join(filter(None, [_spoken(running, is_share=share), left_out(lanes)]))
    return {"lanes": running, "total": total, "speeds": list(SPEEDS), "speed": speed, "spoken": spoken}


def left_out(lanes: Sequence[Lane]) -> str:
    """Name the variants that have no lane since some of their answers have no time; empty if there are none."""
    names = [lane.name for lane in lanes if len(lane.latencies_s) < len(lane.running_quality)]
    if not names or not any(lane.latencies_s for lane in lanes):
        return ""
    verb = "is" if len(names) == 1 else "are"
    return f"{say.listed(names)} {verb} left out: failed rows have no time."


def _spoken(running: Sequence[dict[str, Any]], *, is_share: bool) -> str:
    """Describe the result of the replay for screen readers."""
    order = sorted((lane for lane in running if not lane["out"]), key=lambda lane: lane["ends"][-1])
    left = "".join(f" {lane['name']}: {lane['out']}." for lane in running if lane["out"])
    ends = [
        f"{lane['name']} after {lane['time']} with {say.scored(lane['shares'][-1], is_share=is_share)}"
        for lane in order
    ]
    return "Order of finish: " + "; ".join(ends) + "." + left if ends else "This run has no times for single answers."
