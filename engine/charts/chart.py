"""A chart as data. Frozen data types; colours are names from `engine.charts.style`, texts are plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["percent", "number", "seconds", "money"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One axis. `low` and `high` bound it; None takes them from the data."""

    title: str
    form: Form = "number"
    log: bool = False
    whole: bool = False
    """Whether what it counts has no parts: only whole numbers are written on it."""
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    """Names in order, first at the top, of a vertical axis; empty for numbers."""
    words: tuple[str, ...] = ()
    """Names of the places 0, 1, 2 … of a horizontal axis; empty for numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points or a line. With `categories` on the vertical axis, `y` holds places among them."""

    name: str
    colour: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    """Lower ends of the 95 % intervals of `y`, if there are any."""
    high: tuple[float, ...] = ()
    line: bool = False
    markers: bool = True
    bars: bool = False
    """Horizontal bars, stacked in the order of the series; `y` holds places among the categories."""
    dash: str = "solid"
    symbol: str = "circle"
    size: tuple[float, ...] = ()
    """Diameters in pixels."""
    labelled: bool = False
    """Whether the name is shown beside the last point."""
    detail: str = ""
    """One more line under the pointer."""
    faint: bool = False
    in_table: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Zone:
    """A shaded part of the plot, from `x_low` to the right edge; None reaches to the edge."""

    x_low: float | None = None
    y_low: float | None = None
    y_high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A text at a point."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Series over two axes."""

    title: str
    caption: str
    alt: str
    """What the chart shows, in sentences, for people who cannot see it."""
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    zones: tuple[Zone, ...] = ()
    notes: tuple[Note, ...] = ()
    legend: bool = False
    empty: str = ""
    """The text in the middle of a chart without points."""

    @property
    def stacked(self) -> list[float]:
        """The whole length of each bar whose parts are the series."""
        totals: dict[float, float] = {}
        for series in self.series:
            for length, bar in zip(series.x, series.y, strict=True):
                totals[bar] = totals.get(bar, 0.0) + length
        return list(totals.values())

    def table(self) -> list[dict[str, Any]]:
        """Return the figures behind the chart, one row per point."""
        rows = []
        for series in self.series:
            if not series.in_table:
                continue
            for place, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                across = self.x.words[round(x)] if self.x.words else x
                row: dict[str, Any] = {"Series": series.name, self.x.title: across}
                row[self.y.title] = self.y.categories[int(y)] if self.y.categories else y
                if series.low:
                    row |= {"95 % low": series.low[place], "95 % high": series.high[place]}
                rows.append(row)
        return rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A matrix of figures with a shade per cell."""

    title: str
    caption: str
    alt: str
    lines: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    strong: tuple[tuple[bool, ...], ...] = ()
    """Whether a cell has its full shade; a faint one should not be relied on."""
    diverging: bool = False
    """Shades for values on both sides of 0; otherwise from 0 up."""
    line_title: str = ""
    column_title: str = ""

    def table(self) -> list[dict[str, Any]]:
        """Return the grid as rows of texts."""
        return [
            {self.line_title or "": name} | dict(zip(self.columns, texts, strict=True))
            for name, texts in zip(self.lines, self.texts, strict=True)
        ]

    def weight(self, line: int, column: int) -> float:
        """Return a cell's shade, -1 to 1; 0 where it has no value."""
        value = self.values[line][column]
        most = max((abs(v) for row in self.values for v in row if v is not None), default=0.0)
        if value is None or most == 0:
            return 0.0
        shade = value / most
        return shade if not self.strong or self.strong[line][column] else shade * 0.25


def bounds(axis: Axis, values: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins and ends, in its own scale (powers of ten on a log axis)."""
    if axis.categories:
        return -0.6, len(axis.categories) - 0.4
    known = [value for value in values if not math.isnan(value) and (value > 0 or not axis.log)]
    low = axis.low if axis.low is not None else min(known, default=0.01 if axis.log else 0.0)
    high = axis.high if axis.high is not None else max(known, default=1.0)
    if axis.log:
        low, high = math.log10(low), math.log10(high)
        room = max((1.0 - (high - low)) / 2, 0.12)
    else:
        room = 0.06 * (high - low) or 0.5
    return (low if axis.low is not None else low - room), (high if axis.high is not None else high + room)


def ticks(axis: Axis, low: float, high: float, most: int = 6) -> list[float]:
    """Return round values between the bounds, in the axis's own unit."""
    if axis.words:
        return [float(place) for place in range(len(axis.words))]
    if axis.log:
        for leads in ((1, 2, 5), (1, 3), (1,)):
            found = [lead * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for lead in leads]
            found = [value for value in found if low <= math.log10(value) <= high]
            if len(found) <= most:
                return found
        return found[:: math.ceil(len(found) / most)]
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next(power * lead for lead in (1, 2, 2.5, 5, 10) if power * lead >= raw * 0.999)
    step = max(step, 1.0) if axis.whole else step
    first = math.ceil(low / step - 1e-9)
    return [round((first + place) * step, 12) for place in range(most + 2) if (first + place) * step <= high + 1e-12]


def written(value: float, axis: Axis) -> str:
    """Write a tick."""
    form = axis.form
    if axis.words:
        return axis.words[round(value)]
    if form == "percent":
        return f"{value * 100:g} %"
    if form == "money":
        return f"${value:,.0f}" if value >= 1 or value == 0 else f"${value:g}"
    if value >= 10_000:
        return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k"
    return f"{value:g}"
