"""Which examples few-shot showed, and by which figures that was decided."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.variant import ShotChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class ShotRecord:
    """How one variant's examples were chosen. The shares are of training rows that it was not shown, 0 to 1."""

    choice: ShotChoice
    """`covering` or `nearest`."""
    right_covering: float | None = None
    """With the same examples in every prompt; None where the two were not compared."""
    right_nearest: float | None = None
    """With the nearest ones for each row."""
    rows: int = 0
    """Training rows on which both were compared."""
    measure_s: float = 0.0
