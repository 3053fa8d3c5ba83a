"""The colours of the screens. The memo uses the same ones; they are defined in `engine.charts.style`."""

from __future__ import annotations

from engine.charts.style import PALETTES, colour
from engine.core.techniques import label

__all__ = ["PALETTES", "colour", "label"]
