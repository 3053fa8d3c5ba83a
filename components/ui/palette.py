"""The colours that screens draw with; they are the memo's too, and live in `engine.charts.style`."""

from __future__ import annotations

from engine.charts.style import LOOKS, PALETTES, Look, colour
from engine.core.variant import LABELS, Technique

__all__ = ["LOOKS", "PALETTES", "Look", "colour", "label"]


def label(technique: Technique) -> str:
    """Write a technique as screens do."""
    return LABELS[technique]
