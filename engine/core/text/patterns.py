"""Regular expressions that come with a task: searched under a limit, since some would otherwise never end.

The module `regex` looks at the clock while it searches, which `re` cannot do. It reads what `re` reads, and follows
Unicode in counting vowel signs, as Hindi and Thai write them, among the letters of a word.
"""

from __future__ import annotations

import functools
import re

import regex

SEARCH_S = 0.5
"""Seconds of one search in one text. Ordinary ones take microseconds."""
MAX_CHARACTERS = 10_000
MAX_REPETITIONS = 100_000
"""The counts of an expression, multiplied: `(a{100}){100}` is unrolled to 10,000 parts before anything is searched."""

_COUNT = re.compile(r"\{(\d{1,20})")


def pattern_fault(pattern: str) -> str | None:
    """Say why a regular expression cannot be used; `None` if it can."""
    if len(pattern) > MAX_CHARACTERS:
        return f"the expression has more than {MAX_CHARACTERS:,} characters"
    product = 1
    for count in _COUNT.findall(pattern):
        product *= max(1, int(count))
        if product > MAX_REPETITIONS:
            return f"the counts of the expression multiply to more than {MAX_REPETITIONS:,}"
    try:
        regex.compile(pattern)
    except RecursionError:
        return "the expression is nested too deep"
    except (regex.error, ValueError, OverflowError) as error:
        return str(error)
    return None


def found_end(pattern: str, text: str) -> int | None:
    """Return where the first match of a pattern in a text ends, in characters; `None` if there is none.

    Raises:
        TimeoutError: the search took longer than `SEARCH_S`.
        ValueError: the pattern cannot be used.
    """
    found = _found(pattern, text)
    if isinstance(found, Exception):
        raise type(found)(*found.args)  # one that is kept and raised again would hold all its callers
    return found


@functools.lru_cache(maxsize=4096)
def _found(pattern: str, text: str) -> int | TimeoutError | ValueError | None:
    """Search, or say why not; kept, so that a slow expression is slow once, and the same answer gets the same score."""
    fault = pattern_fault(pattern)
    if fault is not None:
        return ValueError(fault)
    try:
        match = regex.search(pattern, text, timeout=SEARCH_S)
    except TimeoutError as error:
        return error
    return None if match is None else int(match.end())
