"""Figures of a run: pure functions from frozen lanes to plain Plotly `data` and `layout`.

Colours are names from the palette; the browser puts in the shade of its theme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from components.ui.palette import LOOKS, colour, label
from components.ui.text import money, percent, seconds
from components.widgets.label_places import Spot, places
from engine.analysis.progress import Lane
from engine.core.interval import Interval
from engine.metrics.intervals import wilson

Figure = dict[str, Any]

_POINTS = 160
"""Most points of a line, and most dots of a strip: more cannot be told apart at this size."""
PLOT_PX = (245.0, 208.0)
"""Width and height of the plot inside the axes on a laptop's screen, for placing labels."""
_TICKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]


def quality_against_latency(lanes: Sequence[Lane], *, plot_px: tuple[float, float] = PLOT_PX) -> Figure:
    """Draw each variant's quality with its 95 % interval over its median seconds per answer.

    A marker's area grows with the cost per 1,000; the dotted line joins the variants that none beats on both.
    `plot_px` is the size of the plot inside the axes, for placing labels.
    """
    shown = [lane for lane in lanes if lane.quality is not None and lane.total_p50_s]
    data = [_front(shown)]
    costs = [lane.estimated_cost_usd_per_1k or 0.0 for lane in shown]
    x_axis = _log_axis([lane.total_p50_s or 0.0 for lane in shown], "seconds per answer (log)")
    y_axis = _quality_axis([quality.low for lane in shown if (quality := lane.quality)])
    sides = _places(shown, costs, x_axis["range"], y_axis["range"], plot_px)
    for lane, cost, place in zip(shown, costs, sides, strict=True):
        quality = lane.quality
        if quality is None:
            continue
        name = label(lane.variant.technique)
        tint = colour(lane.variant.technique.value)
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [lane.total_p50_s],
                "y": [quality.value],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [quality.high - quality.value],
                    "arrayminus": [quality.value - quality.low],
                    "color": tint,
                    "thickness": 1.4,
                    "width": 4,
                },
                "marker": {
                    "size": [_diameter(cost, max(costs))],
                    "color": tint,
                    "symbol": LOOKS[lane.variant.technique].symbol,
                    "opacity": 0.9,
                    "line": {"width": 1, "color": colour("surface")},
                },
                "text": [name],
                "textposition": place,
                "textfont": {"color": colour("text"), "size": 11},
                "name": name,
                "cliponaxis": False,
                "hovertemplate": (
                    f"{name}<br>{percent(quality.value)} ({percent(quality.low)} to {percent(quality.high)})"
                    f"<br>{seconds(lane.total_p50_s)} per answer<br>{money(cost)} per 1,000<extra></extra>"
                ),
            }
        )
    layout = plain_layout()
    layout["xaxis"] |= x_axis
    layout["yaxis"] |= y_axis
    if not shown and any(lane.rows_done for lane in lanes):
        layout["annotations"] = [_note("Throughput mode answers in batches:<br>no single answer has a latency.")]
    return {"data": data, "layout": layout}


def quality_so_far(lanes: Sequence[Lane], rows_total: int) -> Figure:
    """Draw each variant's mean score after each row, with the leader's 95 % band."""
    shown = [lane for lane in lanes if lane.running_quality]
    data: list[dict[str, Any]] = []
    leader = max(shown, key=lambda lane: lane.running_quality[-1], default=None)
    if leader is not None:
        data.append(_band(leader))
    for lane in shown:
        rows = _thinned(len(lane.running_quality))
        name = label(lane.variant.technique)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [row + 1 for row in rows],
                "y": [round(lane.running_quality[row], 4) for row in rows],
                "line": {
                    "color": colour(lane.variant.technique.value),
                    "dash": LOOKS[lane.variant.technique].dash,
                    "width": 2.4 if lane is leader else 1.8,
                },
                "name": name,
                "hovertemplate": f"{name}: %{{y:.0%}} after %{{x}} rows<extra></extra>",
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
    names = [label(lane.variant.technique) for lane in lanes]
    for lane in lanes:
        name = label(lane.variant.technique)
        tint = lane.variant.technique.value
        dots = [lane.latencies_s[index] for index in _thinned(len(lane.latencies_s))]
        values.extend(dots)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [round(value, 5) for value in dots],
                "y": [name] * len(dots),
                "marker": {"color": colour(tint, 0.35), "size": 5, "symbol": "line-ns-open", "line": {"width": 1}},
                "hovertemplate": f"{name}: %{{x:.3f}} s<extra></extra>",
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
                "hovertemplate": f"{name}, p50 and p95: %{{x:.3f}} s<extra></extra>",
            }
        )
    layout = plain_layout(left=86)
    layout["xaxis"] |= _log_axis(values, "seconds (log)", most_ticks=4)
    layout["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": names[::-1],
        "range": [-0.6, max(len(names), 1) - 0.4],
        "showgrid": False,
    }
    return {"data": data, "layout": layout}


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the (cost, gain) points that no other beats on both, cheapest first."""
    order = sorted(range(len(points)), key=lambda index: (points[index][0], -points[index][1]))
    best, kept = -math.inf, []
    for index in order:
        if points[index][1] > best:
            best = points[index][1]
            kept.append(index)
    return kept


def _front(lanes: Sequence[Lane]) -> dict[str, Any]:
    points = [(lane.total_p50_s or 0.0, lane.quality.value) for lane in lanes if lane.quality]
    best = [points[index] for index in front(points)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in best],
        "y": [y for _, y in best],
        "line": {"color": colour("muted"), "dash": "dot", "width": 1.2},
        "hoverinfo": "skip",
    }


def _band(lane: Lane) -> dict[str, Any]:
    """Wilson's 95 % band of a running mean, as a closed outline."""
    rows = _thinned(len(lane.running_quality))
    bounds = [wilson(round(lane.running_quality[row] * (row + 1)), row + 1) for row in rows]
    positions = [row + 1 for row in rows]
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


def _places(
    lanes: Sequence[Lane], costs: Sequence[float], across: list[float], up: list[float], plot_px: tuple[float, float]
) -> list[str]:
    """Find a side for each label, on a plot of this size, where it hides least of the rest."""
    spots = []
    for lane, cost in zip(lanes, costs, strict=True):
        quality = lane.quality or Interval(value=0.0, low=0.0, high=0.0)
        x = (math.log10(lane.total_p50_s or 1.0) - across[0]) / (across[1] - across[0]) * plot_px[0]
        ys = [(end - up[0]) / (up[1] - up[0]) * plot_px[1] for end in (quality.low, quality.value, quality.high)]
        radius = _diameter(cost, max(costs)) / 2
        spots.append(Spot(x=x, y=ys[1], low=ys[0], high=ys[2], radius=radius, text=label(lane.variant.technique)))
    return places(spots, plot_px)


def _thinned(count: int) -> list[int]:
    """Indices of at most `_POINTS` items, first and last among them."""
    if count <= _POINTS:
        return list(range(count))
    return sorted({round(step * (count - 1) / (_POINTS - 1)) for step in range(_POINTS)})


def _diameter(cost: float, most: float) -> float:
    """Make the marker's area grow with the cost; the dearest is 24 pixels wide."""
    return 9.0 + 15.0 * math.sqrt(cost / most) if most > 0 else 12.0


def _log_axis(values: Sequence[float], title: str, *, most_ticks: int = 6) -> dict[str, Any]:
    positive = [value for value in values if value > 0]
    low, high = (min(positive), max(positive)) if positive else (0.01, 1.0)
    bounds = [math.log10(low) - 0.25, math.log10(high) + 0.25]
    if bounds[1] - bounds[0] < 1.2:
        middle = sum(bounds) / 2
        bounds = [middle - 0.6, middle + 0.6]
    ticks = [tick for tick in _TICKS if bounds[0] <= math.log10(tick) <= bounds[1]]
    if len(ticks) > most_ticks:
        ticks = [tick for tick in ticks if f"{tick:e}"[0] in "15"]
    if len(ticks) > most_ticks:
        ticks = [tick for tick in ticks if f"{tick:e}"[0] == "1"]
    return {
        "type": "log",
        "range": bounds,
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
        "title": axis_title(title),
    }


def _quality_axis(lows: Sequence[float]) -> dict[str, Any]:
    floor = math.floor(min(lows, default=0.0) * 10) / 10
    return {"range": [max(0.0, floor) - 0.03, 1.06], "tickformat": ".0%", "dtick": 0.1 if floor >= 0.5 else 0.2}


def _note(text: str) -> dict[str, Any]:
    font = {"size": 12, "color": colour("muted")}
    return {"text": text, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "font": font}


def axis_title(text: str) -> dict[str, Any]:
    """Return an axis title in the charts' style."""
    return {"text": text, "standoff": 6, "font": {"size": 11, "color": colour("muted")}}


def plain_layout(*, left: int = 46) -> Figure:
    """Return the layout that all charts begin with; `left` is the margin in pixels."""
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
