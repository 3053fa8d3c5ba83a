"""A chart as one inline SVG picture, for print and for readers without scripts. Pure functions.

Every text is escaped and every number is written by us, so the picture is inert whatever the names in it say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from engine.charts.chart import Axis, Chart, Series, bounds, ticks, written
from engine.charts.style import FONTS, PALETTES
from engine.core.text.scripts import column_count

WIDTH, HEIGHT = 640, 330
LEFT, RIGHT, TOP, BOTTOM = 66, 22, 16, 46
CATEGORY_LEFT = 120
LEGEND_LINE = 15
LEGEND_SIGN = 26
"""Long enough for two pieces of the longest dash."""
_DASHES = {"dot": "2 4", "dash": "7 5", "dashdot": "7 4 2 4", "longdash": "12 5", "longdashdot": "13 3 2 3"}
Place = Callable[[float], float]


def to_svg(chart: Chart, *, theme: str = "light") -> str:
    """Draw a chart; its `alt` is the picture's title for screen readers."""
    palette = PALETTES[theme]
    left = CATEGORY_LEFT if chart.y.categories else LEFT
    across = [x for series in chart.series for x in series.x]
    stacked = any(series.bars for series in chart.series)
    if stacked:
        across = [0.0, *chart.stacked]
    up = [y for series in chart.series for y in (*series.y, *series.low, *series.high)]
    x_bounds, y_bounds = bounds(chart.x, across), bounds(chart.y, up)
    if chart.y.categories:
        y_bounds = y_bounds[::-1]
    x = _scale(chart.x, x_bounds, left, WIDTH - RIGHT)
    y = _scale(chart.y, y_bounds, HEIGHT - BOTTOM, TOP)
    legend = _legend(chart, palette, left) if chart.legend else []
    above = LEGEND_LINE * max(len(legend) - 1, 0)
    frame = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 {-above} {WIDTH} {HEIGHT + above}"'
    parts = [
        f'<svg {frame} role="img" class="picture">',
        f"<title>{escape(chart.alt)}</title>",
        *_zones(chart, x, y, palette, left),
        *_axes(chart, x_bounds, y_bounds, x, y, palette, left),
    ]
    if stacked:
        parts.extend(_bars(chart, x, y, palette))
    else:
        for series in chart.series:
            parts.extend(_series(series, x, y, palette))
    parts.extend(_notes(chart, x, y, palette))
    parts.extend(sign for line in legend for sign in line)
    parts.append("</svg>")
    return "".join(parts)


def _scale(axis: Axis, limits: tuple[float, float], first: float, last: float) -> Place:
    low, high = limits

    def place(value: float) -> float:
        if axis.log:
            value = math.log10(value) if value > 0 else low
        share = (value - low) / (high - low) if high != low else 0.5
        return first + min(max(share, -0.02), 1.02) * (last - first)

    return place


def _zones(chart: Chart, x: Place, y: Place, palette: dict[str, str], left: float) -> list[str]:
    made = []
    for zone in chart.zones:
        x0 = left if zone.x_low is None else x(zone.x_low)
        if x0 >= WIDTH - RIGHT:
            continue
        x1 = WIDTH - RIGHT
        y0 = HEIGHT - BOTTOM if zone.y_low is None else y(zone.y_low)
        y1 = TOP if zone.y_high is None else y(zone.y_high)
        made.append(
            f'<rect x="{min(x0, x1):.1f}" y="{min(y0, y1):.1f}" width="{abs(x1 - x0):.1f}" '
            f'height="{abs(y1 - y0):.1f}" fill="{palette["shade"]}" fill-opacity="0.14"/>'
        )
    return made


def _axes(
    chart: Chart,
    x_bounds: tuple[float, float],
    y_bounds: tuple[float, float],
    x: Place,
    y: Place,
    palette: dict[str, str],
    left: float,
) -> list[str]:
    made = []
    bottom = HEIGHT - BOTTOM
    for value in ticks(chart.x, *x_bounds):
        at = x(value)
        made.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom}" stroke="{palette["grid"]}"/>')
        made.append(_text(at, bottom + 15, written(value, chart.x), palette["muted"], 11, "middle"))
    if chart.y.categories:
        for place, name in enumerate(chart.y.categories):
            made.append(_text(left - 8, y(place) + 4, name[:20], palette["text"], 12, "end"))
    else:
        for value in ticks(chart.y, *y_bounds):
            at = y(value)
            made.append(
                f'<line x1="{left}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="{palette["grid"]}"/>'
            )
            made.append(_text(left - 7, at + 4, written(value, chart.y), palette["muted"], 11, "end"))
    made.append(_text((left + WIDTH - RIGHT) / 2, HEIGHT - 8, chart.x.title, palette["muted"], 12, "middle"))
    return made


def _series(series: Series, x: Place, y: Place, palette: dict[str, str]) -> list[str]:
    tint = palette[series.colour]
    faded = ' opacity="0.4"' if series.faint else ""
    made = [f"<g{faded}>"]
    spots = [(x(a), y(b)) for a, b in zip(series.x, series.y, strict=True)]
    if series.line and spots:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in spots)
        made.append(f'<polyline points="{path}" fill="none" stroke="{tint}" stroke-width="1.8"{_dashed(series)}/>')
    for place, (a, b) in enumerate(spots):
        if series.low:
            low, high = y(series.low[place]), y(series.high[place])
            made.append(
                f'<path d="M{a:.1f} {low:.1f}V{high:.1f}M{a - 4:.1f} {low:.1f}h8M{a - 4:.1f} {high:.1f}h8" '
                f'stroke="{tint}" stroke-width="1.4" fill="none"/>'
            )
        if series.markers:
            made.append(_marker(a, b, (series.size[place] if series.size else 8) / 2, series.symbol, tint))
    if series.labelled and spots:
        a, b = spots[-1]
        radius = (series.size[-1] if series.size else 8) / 2
        # Beside the marker, so that the error bar does not run through the name.
        anchor = "start" if a < WIDTH * 0.75 else "end"
        shift = radius + 5 if anchor == "start" else -radius - 5
        made.append(_text(a + shift, b + 4, series.name, palette["text"], 11.5, anchor))
    made.append("</g>")
    return made


def _marker(a: float, b: float, radius: float, symbol: str, tint: str) -> str:
    if symbol == "square":
        side = radius * 1.7
        place = f'x="{a - side / 2:.1f}" y="{b - side / 2:.1f}"'
        return f'<rect {place} width="{side:.1f}" height="{side:.1f}" fill="{tint}"/>'
    if symbol == "cross":
        arm, half = radius * 1.1, radius * 0.4
        steps = f"h{2 * half:.1f}v{arm - half:.1f}h{arm - half:.1f}v{2 * half:.1f}h{half - arm:.1f}v{arm - half:.1f}"
        back = f"h{-2 * half:.1f}v{half - arm:.1f}h{half - arm:.1f}v{-2 * half:.1f}h{arm - half:.1f}Z"
        return f'<path d="M{a - half:.1f} {b - arm:.1f}{steps}{back}" fill="{tint}"/>'
    corners = {"diamond": (4, 0.0), "triangle-up": (3, -90.0), "hexagon": (6, 0.0), "star": (10, -90.0)}.get(symbol)
    if corners is None:
        return f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius:.1f}" fill="{tint}"/>'
    count, turn = corners
    spots = []
    for corner in range(count):
        reach = radius * (0.5 if symbol == "star" and corner % 2 else 1.15)
        angle = math.radians(turn + 360 * corner / count)
        spots.append(f"{a + reach * math.cos(angle):.1f},{b + reach * math.sin(angle):.1f}")
    return f'<polygon points="{" ".join(spots)}" fill="{tint}"/>'


def _bars(chart: Chart, x: Place, y: Place, palette: dict[str, str]) -> list[str]:
    made = []
    reached: dict[float, float] = {}
    height = min(24.0, (HEIGHT - TOP - BOTTOM) / max(len(chart.y.categories), 1) * 0.62)
    for series in chart.series:
        for value, place in zip(series.x, series.y, strict=True):
            start = reached.get(place, 0.0)
            reached[place] = start + value
            width = x(start + value) - x(start)
            made.append(
                f'<rect x="{x(start):.1f}" y="{y(place) - height / 2:.1f}" width="{max(width, 0):.1f}" '
                f'height="{height:.1f}" fill="{palette[series.colour]}"/>'
            )
    return made


def _notes(chart: Chart, x: Place, y: Place, palette: dict[str, str]) -> list[str]:
    made = []
    for note in chart.notes:
        a, b = x(note.x), y(note.y)
        made.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="none" stroke="{palette["text"]}"/>')
        made.append(_text(a, b - 9, note.text, palette["text"], 11, "middle"))
    return made


def _legend(chart: Chart, palette: dict[str, str], left: float) -> list[list[str]]:
    """Name the series in lines; the last line lies just above the plot, earlier ones higher."""
    lines: list[list[Series]] = [[]]
    at = left
    for series in (item for item in chart.series if item.in_table):
        width = LEGEND_SIGN + 16 + 6.4 * column_count(series.name)
        if at + width > WIDTH and lines[-1]:
            lines.append([])
            at = left
        lines[-1].append(series)
        at += width
    made = []
    for place, line in enumerate(lines):
        y = 2 - LEGEND_LINE * (len(lines) - 1 - place)
        at, signs = left, []
        for series in line:
            signs.append(_sample(series, at, y, palette))
            signs.append(_text(at + LEGEND_SIGN + 4, y + 9, series.name, palette["text"], 11, "start"))
            at += LEGEND_SIGN + 16 + 6.4 * column_count(series.name)
        made.append(signs)
    return made


def _sample(series: Series, at: float, y: float, palette: dict[str, str]) -> str:
    """Draw what stands for a series before its name: a piece of its line, or of its bar."""
    tint = palette[series.colour]
    if not series.line:
        return f'<rect x="{at:.1f}" y="{y}" width="{LEGEND_SIGN}" height="10" fill="{tint}"/>'
    return (
        f'<line x1="{at:.1f}" y1="{y + 5}" x2="{at + LEGEND_SIGN:.1f}" y2="{y + 5}" stroke="{tint}" '
        f'stroke-width="1.8"{_dashed(series)}/>'
    )


def _dashed(series: Series) -> str:
    return f' stroke-dasharray="{_DASHES[series.dash]}"' if series.dash in _DASHES else ""


def _text(x: float, y: float, text: str, tint: str, size: float, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{tint}" font-size="{size}" text-anchor="{anchor}" '
        f'font-family="{FONTS}">{escape(text)}</text>'
    )
