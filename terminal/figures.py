"""Figures as they are written in the terminal."""

from __future__ import annotations

MINUTE_S = 60


def seconds(value: float | None) -> str:
    """Write a latency."""
    return "" if value is None else f"{value:.3f} s"


def money(usd: float | None) -> str:
    """Write US dollars as cents."""
    return "" if usd is None else f"{usd * 100:.2f} ¢"


def duration(seconds: float) -> str:
    """Write seconds for people: `48 s`, `3 min 20 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < MINUTE_S else f"{whole // MINUTE_S} min {whole % MINUTE_S} s"
