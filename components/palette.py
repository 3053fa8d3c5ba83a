"""The colours that screens draw with; they are the memo's too, and live in `engine.charts.looks`."""

from __future__ import annotations

from engine.charts.looks import LOOKS, PALETTES, Look, colour
from engine.variant import LABELS, Technique

__all__ = ["LOOKS", "PALETTES", "Look", "colour", "label"]


def label(technique: Technique) -> str:
    """Write a technique as screens do."""
    return LABELS[technique]
