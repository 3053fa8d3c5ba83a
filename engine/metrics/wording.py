"""How numbers are written: on screens, in the terminal, in memos and in sentences. Pure functions.

A figure may come with its interval, of which the value is written. What was not measured (None or NaN) is written as
`missing`: an en dash unless the caller wants something else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.core.interval import Interval

Figure = Interval | float | None
MISSING = "\N{EN DASH}"
LEAST_ROWS_FOR_P95 = 72
_MINUTE_S, _HOUR_S = 60, 3600
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def share(figure: Figure, *, missing: str = MISSING) -> str:
    """Write a share of 0 to 1 in whole percent: `89 %`."""
    value = _value(figure)
    return missing if value is None else f"{value * 100:.0f} %"


def share_interval(interval: Interval) -> str:
    """Write a share with its 95 % interval: `89 % (82 to 94)`."""
    return f"{share(interval.value)} ({ends(interval)})"


def ends(interval: Interval | None, *, missing: str = MISSING) -> str:
    """Write the ends of a share's interval where percent is said beside it: `82 to 94`."""
    return missing if interval is None else f"{interval.low * 100:.0f} to {interval.high * 100:.0f}"


def share_ends(interval: Interval | None, *, missing: str = MISSING) -> str:
    """Write the ends of a share's interval with their unit: `82 % to 94 %`."""
    return missing if interval is None else f"{share(interval.low)} to {share(interval.high)}"


_NEXT_TO_NONE = "less than 0.1 points"


def points(value: float) -> str:
    """Write a difference of shares in points, without its sign: `1 point`, `0.4 points`, `12 points`."""
    number = abs(value) * 100
    if 0 < number < 0.05:
        return _NEXT_TO_NONE
    written = f"{number:.0f}" if number >= 0.95 or number == 0 else f"{number:.1f}"
    return f"{written} point" + ("" if written == "1" else "s")


def scored(quality: str, *, is_share: bool) -> str:
    """Write what a variant reached: `53 % right`, or `a score of 53 %` where answers are right in part."""
    return f"{quality} right" if is_share else f"a score of {quality}"


def bound(words: str, value: float) -> str:
    """Write a bound in points after its words: `up to 12 points`; a tiny one without them: `less than 0.1 points`."""
    written = points(value)
    return written if written == _NEXT_TO_NONE else f"{words} {written}"


def signed_points(value: float) -> str:
    """Write a difference of shares in points with its sign, to a tenth: `+3.2`."""
    return f"{value * 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def signed_short_points(value: float) -> str:
    """Write a difference of shares in points with its sign where there is little room: `+12`, `+0.4`, `0`."""
    number = abs(value) * 100
    if number < 0.05:
        return "0"
    return signed_points(value) if number < 0.95 else f"{value * 100:+.0f}".replace("-", "\N{MINUS SIGN}")


def span(low: float, high: float) -> str:
    """Write the ends of an interval of points, with a minus sign for what is below zero: `2 to 12`.

    An interval that leaves out 0 does not end at "0" for being rounded: `0.4 to 12`.
    """
    fine = low * high > 0 and min(abs(low), abs(high)) < 0.005
    written = (f"{end * 100:.1f}" if fine else f"{0.0 if abs(end) < 0.005 else end * 100:.0f}" for end in (low, high))
    return " to ".join(written).replace("-", "\N{MINUS SIGN}")


def seconds(figure: Figure, *, missing: str = MISSING) -> str:
    """Write a latency in seconds: `0.004 s`, `0.28 s`, `7.50 s`, `18 s`."""
    value = _value(figure)
    if value is None:
        return missing
    if value == 0:
        return "0 s"
    if value < 0.0005:
        return "< 0.001 s"
    if value < 0.0095:
        return f"{value:.3f} s"
    return f"{value:.2f} s" if value < 9.95 else f"{value:,.0f} s"


def seconds_ends(interval: Interval | None, *, missing: str = MISSING) -> str:
    """Write the ends of a latency's interval: `0.25 s to 0.31 s`."""
    return missing if interval is None else f"{seconds(interval.low)} to {seconds(interval.high)}"


def p95_ends(interval: Interval | None, rows: int, *, missing: str = MISSING) -> str:
    """Write the ends of a p95's interval: `0.25 s to 0.31 s`, or `0.25 s or more` where the rows are too few.

    Under 72 rows nothing bounds it from above: the largest of n values lies under the true p95 with the chance
    0.95 ** n, which is over 2.5 % up to 71.
    """
    if interval is None or rows >= LEAST_ROWS_FOR_P95:
        return seconds_ends(interval, missing=missing)
    return f"{seconds(interval.low)} or more"


def duration(figure: Figure, *, missing: str = MISSING) -> str:
    """Write a time that is waited for, given in seconds: `0.6 s`, `48 s`, `3 min 20 s`, `2 h 5 min`."""
    value = _value(figure)
    if value is None:
        return missing
    if value < 0.95:
        return f"{value:.1f} s" if value >= 0.05 else "0 s"
    whole = round(value)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(value / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def about_duration(seconds: float) -> str:
    """Write an estimated time in round figures: `40 s`, `2 min`."""
    step = _MINUTE_S if seconds >= 1.5 * _MINUTE_S else 10
    return duration(max(round(seconds / step), 1) * step)


def time_left(seconds: float, *, rough: bool) -> str:
    """Write how long something will still take: `1 min 20 s left`; a rough figure is `about 2 min left`."""
    return f"about {about_duration(seconds)} left" if rough else f"{duration(max(seconds, 1.0))} left"


def when(started_at: str, *, missing: str = MISSING) -> str:
    """Write a UTC time stamp (ISO 8601) to the minute: `2026-11-24 20:05 UTC`."""
    return started_at.replace("T", " ")[:16] + " UTC" if started_at else missing


def money(figure: Figure, *, missing: str = MISSING) -> str:
    """Write a sum, given in USD, as cents below a dollar: `0.05 ¢`, `3.1 ¢`, `$1.20`, `$12,400`."""
    usd = _value(figure)
    if usd is None:
        return missing
    if usd == 0:
        return "$0"
    if usd >= 0.995:
        return f"${usd:,.2f}" if usd < 1000 else f"${usd:,.0f}"
    cents = usd * 100
    if cents < 0.005:
        return "< 0.01 ¢"
    return f"{cents:.2f} ¢" if cents < 0.095 else f"{cents:.1f} ¢"


def money_ends(interval: Interval | None, *, missing: str = MISSING) -> str:
    """Write the ends of a sum's interval: `0.5 ¢ to 0.6 ¢`."""
    return missing if interval is None else f"{money(interval.low)} to {money(interval.high)}"


def energy(wh: float | None, *, missing: str = MISSING) -> str:
    """Write watt-hours: `0.42 Wh`, `12 Wh`."""
    if wh is None:
        return missing
    return f"{wh:.2f} Wh" if wh < 9.95 else f"{wh:,.0f} Wh"


def size(figure: Figure, *, missing: str = MISSING) -> str:
    """Write bytes in powers of 1000: `640 bytes`, `12 kB`, `3.7 MB`, `410 MB`, `1.2 GB`."""
    count_of_bytes = _value(figure)
    if count_of_bytes is None:
        return missing
    if count_of_bytes >= 999.5e6:
        return f"{count_of_bytes / 1e9:,.1f} GB"
    if count_of_bytes >= 9.95e6 or count_of_bytes == 0:
        return f"{count_of_bytes / 1e6:.0f} MB"
    if count_of_bytes >= 999.5e3:
        return f"{count_of_bytes / 1e6:.1f} MB"
    return f"{count_of_bytes / 1e3:.0f} kB" if count_of_bytes >= 999.5 else f"{count_of_bytes:.0f} bytes"


def number(figure: Figure, *, missing: str = MISSING) -> str:
    """Write how many there are, exactly: `12,345`."""
    value = _value(figure)
    return missing if value is None else f"{value:,.0f}"


def counted(number: int, thing: str) -> str:
    """Write a number of things: `1 row`, `2,300 rows`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def count(value: int) -> str:
    """Write a small number within a sentence as a word, a larger one in figures: `five`, `12`."""
    return _NUMBERS[value] if 0 <= value < len(_NUMBERS) else f"{value:,}"


def about(value: float) -> str:
    """Write how many there would be, rounded to two significant figures above 100 since it is an estimate: `12,000`."""
    return f"{roughly(value):,}"


def roughly(value: float) -> int:
    """Round an estimate as `about` writes it."""
    return int(round(value, -max(len(f"{value:.0f}") - 2, 0)))


def short(figure: Figure, *, missing: str = MISSING) -> str:
    """Write a number in few characters where there is little room: `3.1`, `168`, `1.1k`."""
    value = _value(figure)
    if value is None:
        return missing
    if value >= 999.5:
        return f"{value / 1000:.1f}k" if value < 9950 else f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1f}"


def tokens(prompt: float, answer: float) -> str:
    """Write the mean tokens of a prompt and of an answer: `134 / 4.5`."""
    return f"{prompt:.0f} / {answer:.1f}"


def loss(value: float | None, *, missing: str = MISSING) -> str:
    """Write a training's loss: `0.412`."""
    return missing if value is None else f"{value:.3f}"


def probability(value: float) -> str:
    """Write a p-value: `p = 0.03`."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.01 else f"p = {value:.2f}"


def times(low: float, high: float) -> str:
    """Write how many times more: `8 to 70 times`."""
    first, last = (f"{value:.1f}" if value < 9.5 else f"{value:,.0f}" for value in (low, high))
    return f"{first} times" if first == last else f"{first} to {last} times"


def listed(names: Sequence[str]) -> str:
    """Write names one after the other: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def _value(figure: Figure) -> float | None:
    value = figure.value if isinstance(figure, Interval) else figure
    return None if value is None or math.isnan(value) else value
