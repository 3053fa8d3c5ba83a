"""A finished run as a race, in plain data: when each lane finished each row, and how good it was by then."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from components.ui.palette import LOOKS, label
from components.ui.text import duration
from engine.analysis.progress import Lane

SPEEDS = (1, 2, 5, 10, 20, 50, 100)
"""How many times faster than recorded a race may be shown."""
SHOWN_S = 14.0
"""About how long a race should take on screen at the speed it begins with."""


def race_view(lanes: Sequence[Lane]) -> dict[str, Any]:
    """Return the race of lanes whose answers have times of their own; throughput runs have none."""
    running: list[dict[str, Any]] = [
        {
            "name": label(lane.variant.technique),
            "light": LOOKS[lane.variant.technique].light,
            "dark": LOOKS[lane.variant.technique].dark,
            "ends": [round(end, 4) for end in accumulate(lane.latencies_s)],
            "quality": [round(value, 4) for value in lane.running_quality],
        }
        for lane in lanes
        if lane.latencies_s and len(lane.latencies_s) == len(lane.running_quality)
    ]
    total = max((float(lane["ends"][-1]) for lane in running), default=0.0)
    speed = next((speed for speed in SPEEDS if total / speed <= SHOWN_S), SPEEDS[-1])
    return {"lanes": running, "total": total, "speeds": list(SPEEDS), "speed": speed, "spoken": _spoken(running)}


def _spoken(running: Sequence[dict[str, Any]]) -> str:
    """Say how the race ended, for those who do not see it."""
    order = sorted(running, key=lambda lane: lane["ends"][-1])
    ends = [f"{lane['name']} after {duration(lane['ends'][-1])} with {lane['quality'][-1]:.0%} right" for lane in order]
    return "Order of finish: " + "; ".join(ends) + "." if ends else "No answer of this run has a time of its own."
