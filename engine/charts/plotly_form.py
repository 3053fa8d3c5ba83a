"""A chart in Plotly's form: plain `data` and `layout`, colours still by name. Pure functions."""

from __future__ import annotations

import math
from typing import Any

from engine.charts.chart import Axis, Chart, Grid, Series, Zone, bounds, ticks, written
from engine.charts.label_places import Spot, places
from engine.charts.style import colour

Figure = dict[str, Any]
_NUMBERS = {"money": "$,.2f", "percent": ".1%", "seconds": ".3f", "number": ",.6~g"}


CARD_PX = (520.0, 230.0)
"""Width and height of the plot inside the axes in a card of the report, for placing names."""


def to_plotly(chart: Chart, *, plot_px: tuple[float, float] = CARD_PX) -> Figure:
    """Return a chart's `data` and `layout`; `plot_px` is the size inside the axes, for placing names."""
    across = [x for series in chart.series for x in series.x]
    up = [y for series in chart.series for y in (*series.y, *series.low, *series.high)]
    if any(series.bars for series in chart.series):
        across = [0.0, *chart.stacked]
    x_bounds, y_bounds = bounds(chart.x, across), bounds(chart.y, up)
    layout: Figure = {
        "margin": {"l": 110 if chart.y.categories else 52, "r": 16, "t": 12, "b": 44},
        "showlegend": chart.legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"color": colour("text")}},
        "font": {"color": colour("text")},
        "hoverlabel": {"font": {"size": 12}},
        "xaxis": _axis(chart.x, x_bounds),
        "yaxis": _axis(chart.y, y_bounds),
        "shapes": [_shape(zone, chart, x_bounds, y_bounds) for zone in chart.zones],
        "annotations": [_note(note.x, note.y, note.text, chart) for note in chart.notes],
    }
    if any(series.bars for series in chart.series):
        layout["barmode"] = "stack"
        layout["legend"]["traceorder"] = "normal"
    if chart.legend:
        layout["margin"]["t"] = 34
    if sum(series.in_table for series in chart.series) > 4 and chart.legend:
        layout["margin"]["t"] = 58
    if chart.empty and not across:
        layout["annotations"].append(_middle(chart.empty))
    sides = _sides(chart, x_bounds, y_bounds, plot_px)
    return {"data": [_trace(series, chart, sides.get(series, "")) for series in chart.series], "layout": layout}


def _sides(
    chart: Chart, across: tuple[float, float], up: tuple[float, float], plot_px: tuple[float, float]
) -> dict[Series, str]:
    """Find, for each name, the side of its marker where it covers least of the rest."""

    def pixels(value: float, axis: Axis, limits: tuple[float, float], length_px: float) -> float:
        place = math.log10(value) if axis.log and value > 0 else value
        return (place - limits[0]) / (limits[1] - limits[0]) * length_px

    named = [series for series in chart.series if series.labelled and series.x]
    spots = [
        Spot(
            x=pixels(series.x[-1], chart.x, across, plot_px[0]),
            y=pixels(series.y[-1], chart.y, up, plot_px[1]),
            low=pixels((series.low or series.y)[-1], chart.y, up, plot_px[1]),
            high=pixels((series.high or series.y)[-1], chart.y, up, plot_px[1]),
            radius=(series.size or (8.0,))[-1] / 2,
            text=series.name,
        )
        for series in named
    ]
    lines = [
        [
            (pixels(x, chart.x, across, plot_px[0]), pixels(y, chart.y, up, plot_px[1]))
            for x, y in zip(series.x, series.y, strict=True)
        ]
        for series in chart.series
        if series.line and not series.labelled and named
    ]
    return dict(zip(named, places(spots, plot_px, lines), strict=True))


def _middle(text: str) -> Figure:
    font = {"size": 12, "color": colour("muted")}
    return {"text": _safe(text), "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "font": font}


def _trace(series: Series, chart: Chart, side: str) -> Figure:
    tint = colour(series.colour, 0.35 if series.faint else None)
    if series.bars:
        return {
            "type": "bar",
            "orientation": "h",
            "x": list(series.x),
            "y": list(series.y),
            "name": series.name,
            "marker": {"color": tint},
            "hovertemplate": f"{_safe(series.name)}<br>{_safe(chart.x.title)}: %{{x:.3f}}<extra></extra>",
        }
    modes = ["lines"] * series.line + ["markers"] * series.markers + ["text"] * series.labelled
    trace: Figure = {
        "type": "scatter",
        "mode": "+".join(modes),
        "x": list(series.x),
        "y": list(series.y),
        "name": series.name,
        "line": {"color": tint, "dash": series.dash, "width": 2},
        "marker": {
            "color": tint,
            "symbol": series.symbol,
            "size": list(series.size) or 8,
            "line": {"width": 1, "color": colour("surface")},
        },
        "cliponaxis": False,
        "hovertemplate": _hover(series, chart),
    }
    if series.labelled:
        trace |= {
            "text": ["" for _ in series.x[:-1]] + [_safe(series.name)],
            "textposition": side,
            "textfont": {"color": colour("text"), "size": 11},
        }
    if series.low:
        trace["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - y for high, y in zip(series.high, series.y, strict=True)],
            "arrayminus": [y - low for low, y in zip(series.low, series.y, strict=True)],
            "color": tint,
            "thickness": 1.4,
            "width": 4,
        }
        trace["customdata"] = [list(pair) for pair in zip(series.low, series.high, strict=True)]
    return trace


def _hover(series: Series, chart: Chart) -> str:
    up, across = _NUMBERS[chart.y.form], _NUMBERS[chart.x.form]
    ends = f" (%{{customdata[0]:{up}}} to %{{customdata[1]:{up}}})" if series.low else ""
    detail = f"<br>{_safe(series.detail)}" if series.detail else ""
    return (
        f"{_safe(series.name)}<br>{_safe(chart.y.title)}: %{{y:{up}}}{ends}"
        f"<br>{_safe(chart.x.title)}: %{{x:{across}}}{detail}<extra></extra>"
    )


def _axis(axis: Axis, limits: tuple[float, float]) -> Figure:
    made: Figure = {
        "gridcolor": colour("grid"),
        "zeroline": False,
        "linecolor": colour("grid"),
        "tickfont": {"color": colour("muted"), "size": 10.5},
        "fixedrange": True,
        "automargin": False,
        "tickangle": 0,
        "range": list(limits),
        "title": {"text": _safe(axis.title), "standoff": 6, "font": {"size": 11, "color": colour("muted")}},
    }
    if axis.categories:
        count = len(axis.categories)
        names = [_safe(name) for name in axis.categories]
        return made | {
            "tickvals": list(range(count)),
            "ticktext": names,
            "range": list(limits)[::-1],
            "showgrid": False,
            "title": {"text": ""},
        }
    places = ticks(axis, *limits)
    made |= {"tickvals": places, "ticktext": [_safe(written(place, axis)) for place in places]}
    return made | ({"type": "log"} if axis.log else {})


def _shape(zone: Zone, chart: Chart, across: tuple[float, float], up: tuple[float, float]) -> Figure:
    ends = [10**value if chart.x.log else value for value in across]
    return {
        "type": "rect",
        "layer": "below",
        "line": {"width": 0},
        "fillcolor": colour("shade", 0.14),
        "x0": ends[0] if zone.x_low is None else zone.x_low,
        "x1": ends[1],
        "y0": _up(up[0], chart.y) if zone.y_low is None else zone.y_low,
        "y1": _up(up[1], chart.y) if zone.y_high is None else zone.y_high,
    }


def _up(value: float, axis: Axis) -> float:
    return float(10**value) if axis.log else value


def _note(x: float, y: float, text: str, chart: Chart) -> Figure:
    return {
        "x": math.log10(x) if chart.x.log else x,
        "y": math.log10(y) if chart.y.log else y,
        "text": _safe(text),
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 1,
        "arrowcolor": colour("muted"),
        "ax": 0,
        "ay": -26,
        "font": {"size": 10.5, "color": colour("text")},
        "bgcolor": colour("surface", 0.8),
    }


def grid_to_plotly(grid: Grid) -> Figure:
    """Return a grid as a heat map, its names upright; how texts and names fit is seen where it is drawn."""
    weights = [[grid.weight(line, column) for column in range(len(grid.columns))] for line in range(len(grid.lines))]
    scale = [[0.0, colour("worse")], [0.5, colour("surface")], [1.0, colour("better")]]
    shown = max(len(grid.lines), len(grid.columns)) <= 20
    notes = [
        {
            "x": column,
            "y": line,
            "text": _safe(text),
            "showarrow": False,
            "font": {"size": 11, "color": colour("text")},
        }
        for line, texts in enumerate(grid.texts)
        for column, text in enumerate(texts)
        if shown and text
    ]
    axis = {
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
        "tickfont": {"color": colour("muted"), "size": 10.5},
    }
    title = {"font": {"size": 11, "color": colour("muted")}, "standoff": 8}
    return {
        "data": [
            {
                "type": "heatmap",
                "z": weights,
                "customdata": [list(texts) for texts in grid.texts],
                "zmin": -1 if grid.diverging else 0,
                "zmax": 1,
                "colorscale": scale if grid.diverging else [[0.0, colour("surface")], [1.0, colour("better")]],
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
                "hovertemplate": "%{customdata}<extra></extra>"
                if shown
                else "%{y}, %{x}: %{customdata}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 120, "r": 10, "t": 10, "b": 60},
            "font": {"color": colour("text")},
            "annotations": notes,
            "xaxis": axis
            | {
                "tickvals": list(range(len(grid.columns))),
                "ticktext": [_short(name) for name in grid.columns],
                "tickangle": 0,
                "title": {"text": _safe(grid.column_title)} | title,
            },
            "yaxis": axis
            | {
                "tickvals": list(range(len(grid.lines))),
                "ticktext": [_short(name) for name in grid.lines],
                "range": [len(grid.lines) - 0.5, -0.5],
                "title": {"text": _safe(grid.line_title)} | title,
            },
        },
    }


def _short(name: str, most: int = 18) -> str:
    return _safe(name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}")


def _safe(text: str) -> str:
    """Neutralize the few tags and entities that Plotly interprets in texts, and its placeholders."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")
