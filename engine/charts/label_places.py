"""Where a marker's label goes, so that labels, markers and error bars overlap least. Pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.text.scripts import column_count

_CHARACTER_PX, _LINE_PX = 6.6, 13.0
_SIDES = ("middle right", "middle left", "top center", "bottom center")

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """A marker with an error bar, in pixels from the plot's lower left corner."""

    x: float
    y: float
    low: float
    high: float
    radius: float
    text: str


def places(spots: Sequence[Spot], plot: tuple[float, float]) -> list[str]:
    """Choose a side for each label in turn, topmost first; Plotly's names for `textposition`."""
    taken = [box for spot in spots for box in _drawn(spot)]
    chosen: dict[int, str] = {}
    for index in sorted(range(len(spots)), key=lambda index: -spots[index].y):
        boxes = {side: _box(spots[index], side) for side in _SIDES}
        side = min(_SIDES, key=lambda side: _cost(boxes[side], taken, plot))
        chosen[index] = side
        taken.append(boxes[side])
    return [chosen[index] for index in range(len(spots))]


def _drawn(spot: Spot) -> list[Box]:
    radius = spot.radius
    marker = (spot.x - radius, spot.y - radius, spot.x + radius, spot.y + radius)
    return [marker, (spot.x - 4, spot.low, spot.x + 4, spot.high)]


def _box(spot: Spot, side: str) -> Box:
    width, gap = _CHARACTER_PX * column_count(spot.text), spot.radius + 3
    left, bottom = spot.x - width / 2, spot.y - _LINE_PX / 2
    if side == "middle right":
        left = spot.x + gap
    elif side == "middle left":
        left = spot.x - gap - width
    elif side == "top center":
        bottom = spot.y + gap
    else:
        bottom = spot.y - gap - _LINE_PX
    return left, bottom, left + width, bottom + _LINE_PX


def _cost(box: Box, taken: Sequence[Box], plot: tuple[float, float]) -> float:
    left, bottom, right, top = box
    outside = max(0.0, -left) + max(0.0, right - plot[0] - 10) + max(0.0, -bottom) + max(0.0, top - plot[1])
    hidden = sum(
        max(0.0, min(right, other[2]) - max(left, other[0])) * max(0.0, min(top, other[3]) - max(bottom, other[1]))
        for other in taken
    )
    return hidden + 20 * outside
