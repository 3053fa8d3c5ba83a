"""Figures of a run: pure functions from frozen lanes to plain Plotly `data` and `layout`.

Colours are names from the palette; the browser substitutes the shade of its theme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from engine.analysis.marks import FigureName
from engine.analysis.snapshot import Lane
from engine.charts.style import colour
from engine.metrics import wording as say
from engine.metrics.intervals import running_intervals
from engine.metrics.marks import foremost, marked

Figure = dict[str, Any]

_POINTS = 160
"""Maximum number of points of a line and of dots of a strip: the eye cannot separate more at this size."""


def quality_so_far(lanes: Sequence[Lane], rows_total: int) -> Figure:
    """Draw each variant's mean score after each row, with the leader's 95 % band.

    Who left a race leads nobody: its mean is that of the first rows alone, which may have been easier.
    """
    shown = [lane for lane in lanes if lane.running_quality]
    data: list[dict[str, Any]] = []
    going = [lane for lane in shown if not lane.is_out]
    leader = max(going, key=lambda lane: lane.running_quality[-1], default=None)
    if leader is not None:
        data.append(_band(leader))
    for lane in shown:
        rows = _thinned(len(lane.running_quality))
        name = lane.name
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [row + 1 for row in rows],
                "y": [round(lane.running_quality[row], 4) for row in rows],
                "line": {
                    "color": colour(lane.variant.technique.value),
                    "dash": lane.variant.style.dash,
                    "width": 2.4 if lane is leader else 1.8,
                },
                "name": name,
                "text": [say.share(lane.running_quality[row]) for row in rows],
                "hovertemplate": marked(f"{name}: %{{text}} after %{{x}} rows", lane.mark(FigureName.QUALITY))
                + "<extra></extra>",
            }
        )
    layout = plain_layout()
    layout["xaxis"] |= {"title": axis_title("rows"), "range": [0, max(rows_total, 1)], "nticks": 6}
    tails = [min(lane.running_quality[len(lane.running_quality) // 4 :]) for lane in shown]
    layout["yaxis"] |= _quality_axis(tails)
    return {"data": data, "layout": layout}


def latency_spread(lanes: Sequence[Lane]) -> Figure:
    """Draw every answer's seconds per variant, with p50 and p95 as a thick bar."""
    data: list[dict[str, Any]] = []
    values: list[float] = []
    names = [lane.name for lane in lanes]
    for lane in lanes:
        name = lane.name
        tint, mark = lane.variant.technique.value, lane.mark(FigureName.TOTAL)
        dots = [lane.latencies_s[index] for index in _thinned(len(lane.latencies_s))]
        values.extend(dots)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [round(value, 5) for value in dots],
                "y": [name] * len(dots),
                "marker": {"color": colour(tint, 0.35), "size": 5, "symbol": "line-ns-open", "line": {"width": 1}},
                "hovertemplate": marked(f"{name}: %{{x:.3f}} s", mark) + "<extra></extra>",
            }
        )
        ends = [lane.total_p50_s, lane.total_p95_s]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": ends if None not in ends else [],
                "y": [name, name] if None not in ends else [],
                "line": {"color": colour(tint), "width": 3},
                "marker": {"color": colour(tint), "size": [9, 6], "symbol": ["circle", "line-ns-open"]},
                "hovertemplate": marked(f"{name}, p50 and p95: %{{x:.3f}} s", mark) + "<extra></extra>",
            }
        )
    layout = plain_layout(left=86)
    seconds = marked("seconds (log)", foremost(lane.mark(FigureName.TOTAL) for lane in lanes))
    layout["xaxis"] |= _log_axis(values, seconds, most_ticks=4)
    layout["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": names[::-1],
        "range": [-0.6, max(len(names), 1) - 0.4],
        "showgrid": False,
    }
    return {"data": data, "layout": layout}


def _band(lane: Lane) -> dict[str, Any]:
    """The 95 % band of a running mean as a closed outline; after the last row it is the lane's own interval."""
    positions = [row + 1 for row in _thinned(len(lane.running_quality))]
    bounds = running_intervals(lane.running_quality, positions)
    if lane.figures is not None and lane.figures.rows == positions[-1]:
        bounds[-1] = lane.figures.quality
    return {
        "type": "scatter",
        "mode": "lines",
        "x": positions + positions[::-1],
        "y": [round(bound.high, 4) for bound in bounds] + [round(bound.low, 4) for bound in bounds[::-1]],
        "fill": "toself",
        "fillcolor": colour(lane.variant.technique.value, 0.13),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _thinned(count: int) -> list[int]:
    """Indices of at most `_POINTS` items, first and last among them."""
    if count <= _POINTS:
        return list(range(count))
    return sorted({round(step * (count - 1) / (_POINTS - 1)) for step in range(_POINTS)})


def _log_axis(values: Sequence[float], title: str, *, most_ticks: int = 6) -> dict[str, Any]:
    positive = [value for value in values if value > 0]
    low, high = (min(positive), max(positive)) if positive else (0.01, 1.0)
    bounds = [math.log10(low) - 0.25, math.log10(high) + 0.25]
    if bounds[1] - bounds[0] < 1.2:
        middle = sum(bounds) / 2
        bounds = [middle - 0.6, middle + 0.6]
    ticks = _spaced_ticks(bounds, (bounds[1] - bounds[0]) / (most_ticks + 1))
    return {
        "type": "log",
        "range": bounds,
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
        "title": axis_title(title),
    }


def _spaced_ticks(bounds: Sequence[float], least_gap: float) -> list[float]:
    """Return the most round values between two powers of ten that keep this distance, in powers of ten."""
    found: list[float] = []
    for leads in ("125", "13", "1"):
        found = [
            int(lead) * 10.0**power
            for power in range(math.floor(bounds[0]), math.ceil(bounds[1]) + 1)
            for lead in leads
            if bounds[0] <= math.log10(int(lead) * 10.0**power) <= bounds[1]
        ]
        if all(math.log10(after / before) >= least_gap for before, after in pairwise(found)):
            return found
    return found[:: math.ceil(least_gap)]


def _quality_axis(lows: Sequence[float]) -> dict[str, Any]:
    floor = max(0.0, math.floor(min(lows, default=0.0) * 10) / 10)
    step = 1 if floor >= 0.5 else 2
    places = [tenths / 10 for tenths in range(0, 11, step) if tenths / 10 >= floor - 0.04]
    return {"range": [floor - 0.04, 1.06], "tickvals": places, "ticktext": [say.share(place) for place in places]}


def axis_title(text: str) -> dict[str, Any]:
    """Return an axis title in the charts' style."""
    return {"text": text, "standoff": 6, "font": {"size": 11, "color": colour("muted")}}


def plain_layout(*, left: int = 46) -> Figure:
    """Return the layout that all charts start from; `left` is the margin in pixels."""
    axis = {
        "gridcolor": colour("grid"),
        "zeroline": False,
        "linecolor": colour("grid"),
        "tickfont": {"color": colour("muted"), "size": 10.5},
        "fixedrange": True,
        "automargin": False,
        "tickangle": 0,
    }
    return {
        "margin": {"l": left, "r": 14, "t": 10, "b": 42},
        "showlegend": False,
        "font": {"color": colour("text")},
        "hoverlabel": {"font": {"size": 12}},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
    }
