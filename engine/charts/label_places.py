"""Where a marker's label goes, so that labels, markers and error bars overlap least. Pure geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.core.text.scripts import column_count

_CHARACTER_PX, _LINE_PX = 6.6, 13.0
_SIDES = (
    "middle right",
    "middle left",
    "top center",
    "bottom center",
    "top right",
    "bottom right",
    "top left",
    "bottom left",
)
_LINE_STEP_PX = 6.0
"""A line takes the places of small boxes along it."""

Point = tuple[float, float]
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


def places(spots: Sequence[Spot], plot: tuple[float, float], lines: Sequence[Sequence[Point]] = ()) -> list[str]:
    """Choose a side for each label in turn, topmost first; Plotly's names for `textposition`.

    Args:
        spots: the markers whose labels are placed.
        plot: width and height in pixels.
        lines: what else is drawn, as points in pixels that are joined in order.
    """
    taken = [box for spot in spots for box in _drawn(spot)]
    taken += [box for line in lines for box in _along(line)]
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


def _along(line: Sequence[Point]) -> list[Box]:
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(line):
        count = max(math.ceil(math.hypot(x1 - x0, y1 - y0) / _LINE_STEP_PX), 1)
        for step in range(count + 1):
            x, y = x0 + (x1 - x0) * step / count, y0 + (y1 - y0) * step / count
            boxes.append((x - _LINE_STEP_PX / 2, y - _LINE_STEP_PX / 2, x + _LINE_STEP_PX / 2, y + _LINE_STEP_PX / 2))
    return boxes


def _box(spot: Spot, side: str) -> Box:
    width, gap = _CHARACTER_PX * column_count(spot.text), spot.radius + 3
    up, across = side.split()
    left = {"right": spot.x + gap, "left": spot.x - gap - width, "center": spot.x - width / 2}[across]
    bottom = {"top": spot.y + gap, "bottom": spot.y - gap - _LINE_PX, "middle": spot.y - _LINE_PX / 2}[up]
    return left, bottom, left + width, bottom + _LINE_PX


def _cost(box: Box, taken: Sequence[Box], plot: tuple[float, float]) -> float:
    left, bottom, right, top = box
    outside = max(0.0, -left) + max(0.0, right - plot[0] - 10) + max(0.0, -bottom) + max(0.0, top - plot[1])
    hidden = sum(
        max(0.0, min(right, other[2]) - max(left, other[0])) * max(0.0, min(top, other[3]) - max(bottom, other[1]))
        for other in taken
    )
    return hidden + 20 * outside
