"""Figures as the verdict's sentences write them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.interval import Interval


def share(value: float) -> str:
    """Write a share of 0 to 1 in percent."""
    return f"{value * 100:.0f} %"


def share_interval(interval: Interval) -> str:
    """Write a share with its 95 % interval: `89 % (82 to 94)`."""
    return f"{share(interval.value)} ({interval.low * 100:.0f} to {interval.high * 100:.0f})"


def points(value: float) -> str:
    """Write a difference of shares in points, without its sign."""
    number = abs(value) * 100
    written = f"{number:.0f}" if number >= 0.95 or number == 0 else f"{number:.1f}"
    return f"{written} point" + ("" if written == "1" else "s")


def span(low: float, high: float) -> str:
    """Write the ends of an interval of points."""
    ends = (f"{0.0 if abs(end) < 0.005 else end * 100:.0f}" for end in (low, high))
    return " to ".join(ends).replace("-", "\N{MINUS SIGN}")


def seconds(value: float) -> str:
    """Write a latency with two significant figures."""
    if value < 0.0095:
        return f"{value:.3f} s" if value else "0 s"
    return f"{value:.2f} s" if value < 9.95 else f"{value:,.0f} s"


def money(usd: float) -> str:
    """Write a sum: cents below a dollar, dollars above."""
    cents = usd * 100
    if usd == 0:
        return "$0"
    if usd >= 0.995:
        return f"${usd:,.2f}" if usd < 1000 else f"${usd:,.0f}"
    return f"{cents:.2f} ¢" if cents < 0.095 else f"{cents:.1f} ¢"


def count(value: float) -> str:
    """Write a number of things, rounded to two significant figures above 100: it is an estimate."""
    if value < 100:
        return f"{value:,.0f}"
    digits = len(f"{value:.0f}") - 2
    return f"{round(value, -digits):,.0f}"


def probability(value: float) -> str:
    """Write a p-value."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.01 else f"p = {value:.2f}"


def listed(names: Sequence[str]) -> str:
    """Write names one after the other: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def times(low: float, high: float) -> str:
    """Write how many times more: `8 to 70 times`."""
    first, last = (f"{value:.1f}" if value < 9.5 else f"{value:,.0f}" for value in (low, high))
    return f"{first} times" if first == last else f"{first} to {last} times"
