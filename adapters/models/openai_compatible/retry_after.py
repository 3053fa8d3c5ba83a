"""When a busy server wants to be asked again: in its headers or in its words. Pure functions, apart from the clock.

The forms are those of public references: `Retry-After` in seconds or as a date (RFC 9110), `retry-after-ms` and
`x-ratelimit-reset-requests` or `-tokens` as `6m0s` (OpenAI, *Rate limits*), `RetryInfo` with a `retryDelay` as `17s`
(Google, `google.rpc.RetryInfo`), which its words repeat.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import math
import re
from collections.abc import Mapping
from typing import Any

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IN_WORDS = re.compile(r"(?:retry|try again) in (\S+)", re.IGNORECASE)
_LIMITED = ("requests", "tokens")


def retry_after_s(headers: Mapping[str, str], body: Any, words: str) -> float | None:
    """Return the seconds until a server wants to be asked again; None where it names no time.

    Args:
        headers: of its answer; names in any case.
        body: its error, read from JSON.
        words: its message.
    """
    told = {name.lower(): value for name, value in headers.items()}
    for found in (
        _number(told.get("retry-after-ms"), scale=0.001),
        _number(told.get("retry-after")),
        _until(told.get("retry-after")),
        _delay_in(body),
        _reset(told),
        *(seconds_of(match) for match in _IN_WORDS.findall(words)),
    ):
        if found is not None:
            return max(found, 0.0)
    return None


def seconds_of(text: str) -> float | None:
    """Read a duration such as `1s`, `6m0s`, `20ms` or `17.3s`; None for anything else."""
    text = text.strip().rstrip(".,")
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def _number(text: str | None, *, scale: float = 1.0) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value * scale if math.isfinite(value) else None


def _until(text: str | None) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (moment - dt.datetime.now(dt.UTC)).total_seconds()


def _delay_in(body: Any) -> float | None:
    details = body.get("details") if isinstance(body, Mapping) else None
    for one in details if isinstance(details, list) else ():
        delay = one.get("retryDelay") if isinstance(one, Mapping) else None
        if isinstance(delay, str) and (found := seconds_of(delay)) is not None:
            return found
    return None


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return when what is used up is there again."""
    waits = [
        seconds_of(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in _LIMITED
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)
