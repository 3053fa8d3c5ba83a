"""Lines through figures with their intervals, as all charts draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.charts.chart import Series
from engine.core.interval import Interval
from engine.core.techniques import TECHNIQUES, Technique, TechniqueStyle


def interval_line(
    name: str, technique: Technique, points: Sequence[tuple[float, Interval]], *, style: TechniqueStyle | None = None
) -> Series:
    """Draw figures over their places in their technique's colour, with error bars; dash and symbol may be others."""
    style = style or TECHNIQUES[technique].style
    return Series(
        name=name,
        colour=technique.value,
        x=tuple(float(place) for place, _interval in points),
        y=tuple(interval.value for _place, interval in points),
        low=tuple(interval.low for _place, interval in points),
        high=tuple(interval.high for _place, interval in points),
        line=True,
        dash=style.dash,
        symbol=style.symbol,
    )


def quality_floor(lowest: Iterable[float], room: float = 0.05) -> float:
    """Return where an axis of shares begins: a little under the lowest, and never under 0."""
    return max(min(lowest, default=0.0) - room, 0.0)
