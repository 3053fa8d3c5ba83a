"""Figures and untrusted text as they are written on screen. Pure functions.

Text from models, tables and files is shown, never interpreted: control characters, terminal escapes and
bidirectional overrides become visible, and Markdown's signs are escaped where Streamlit would read them.
"""

from __future__ import annotations

import math
import re

from engine.core import safe_text as inert_text
from engine.core.interval import Interval

MISSING = "\N{EN DASH}"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:])")
_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_MINUTE_S = 60.0
_HOUR_S = 3600.0

visible = inert_text.visible


def inert(text: str) -> str:
    """Return a cell for a table on screen, which the browser can save as CSV: no spreadsheet takes it for a formula."""
    shown = visible(text)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def plain(text: str) -> str:
    """Escape text for the places where Streamlit reads Markdown: labels, titles, captions."""
    return _MARKDOWN.sub(r"\\\1", visible(text).replace("\n", " "))


def seconds(value: float | None) -> str:
    """Write a latency with two significant figures."""
    if value is None:
        return MISSING
    if value < 0.0095:
        return f"{value:.3f} s" if value >= 0.0005 else "< 0.001 s"
    return f"{value:.2f} s" if value < 9.95 else f"{value:.0f} s"


def duration(value: float | None) -> str:
    """Write a longer time: `48 s`, `3 min 20 s`, `2 h 5 min`."""
    if value is None:
        return MISSING
    if value < 9.5:
        return f"{value:.1f} s" if 0 < value < 0.95 else f"{value:.0f} s"
    if value < _MINUTE_S:
        return f"{value:.0f} s"
    if value < _HOUR_S:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(value / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def percent(value: float | None) -> str:
    """Write a share of 0 to 1 as a whole percentage."""
    return MISSING if value is None or math.isnan(value) else f"{value * 100:.0f} %"


def plus_minus(interval: Interval | None) -> str:
    """Write half the width of a 95 % interval in points."""
    return "" if interval is None else f"± {(interval.high - interval.low) * 50:.0f}"


def money(usd: float | None) -> str:
    """Write a small sum: cents below a dollar, dollars above."""
    if usd is None:
        return MISSING
    cents = usd * 100
    if cents < 0.095:
        return f"{cents:.2f} ¢"
    return f"{cents:.1f} ¢" if usd < 0.995 else f"${usd:,.2f}"


def short(value: float | None) -> str:
    """Write a number in few signs: `3.1`, `168`, `1.1k`."""
    if value is None:
        return MISSING
    if value >= 999.5:
        return f"{value / 1000:.1f}k" if value < 9950 else f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1f}"


def size(count: float | None) -> str:
    """Write bytes as MB or GB (powers of 1000)."""
    if count is None:
        return MISSING
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def count(value: float) -> str:
    """Write a number of things."""
    return f"{value:,.0f}"


def when(started_at: str) -> str:
    """Write a UTC time stamp (ISO 8601) to the minute."""
    return started_at.replace("T", " ")[:16] + " UTC" if started_at else MISSING
