"""The border for servers: whatever one sends becomes a clean value here, or an error that says what is wrong.

Nothing else parses what a server sends. A clean value is JSON of a bounded depth; its numbers are finite and of a size
that can be stored and summed, its texts contain no key and no lone surrogates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.models.remote.keys import Key
from adapters.models.remote.label_odds import Step

DEEPEST = 64
"""Answers of servers are about eight deep."""
MOST_DIGITS = 15
"""Of a whole number: larger ones are not counts, sizes or nanoseconds, and cannot be summed exactly."""
HIGHEST_LOG = 1e-3
"""A log-probability is at most 0, apart from rounding."""
_LONGEST_S = 86_400.0
_HIGH_SURROGATES = ("\ud800", "\udbff")


class UnreadableError(ValueError):
    """What a server sent cannot be read; the text completes "it sent …"."""


def read_value(data: bytes | str, key: Key, *, piece: bool = False) -> Any:
    """Return what a JSON text says, clean.

    Args:
        data: as it arrived, UTF-8.
        key: cut out of all texts.
        piece: it is a piece of an answer, whose texts go through `Pieces`: a key or a letter may be split over several.

    Raises:
        UnreadableError: it is not JSON, or nested too deep.
    """
    try:
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        value = json.loads(text, parse_constant=_nothing, parse_int=_whole_number, parse_float=_finite_number)
    except RecursionError:
        raise UnreadableError("JSON that is nested too deep") from None
    except ValueError:
        raise UnreadableError("something that is not JSON") from None
    return _clean(value, key, DEEPEST, piece=piece)


def _nothing(_name: str) -> None:
    """Read NaN and Infinity, which JSON does not have, as nothing told."""


def _whole_number(text: str) -> int | None:
    return int(text) if len(text.lstrip("-")) <= MOST_DIGITS else None


def _finite_number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _clean(value: Any, key: Key, deepest: int, *, piece: bool) -> Any:
    if isinstance(value, str):
        return value if piece else clean_text(value, key)
    if not isinstance(value, dict | list):
        return value
    if deepest == 0:
        raise UnreadableError("JSON that is nested too deep")
    if isinstance(value, list):
        return [_clean(item, key, deepest - 1, piece=piece) for item in value]
    return {clean_text(name, key): _clean(item, key, deepest - 1, piece=piece) for name, item in value.items()}


def clean_text(text: str, key: Key) -> str:
    """Return a text without the key and without lone surrogates."""
    return key.cut(text if text.isascii() else whole_letters(text))


def whole_letters(text: str) -> str:
    """Join surrogate pairs; put U+FFFD in the place of one that is alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Pieces:
    """Cleans a text that comes in pieces: what may be the beginning of a key, or half a letter, is held back."""

    def __init__(self, key: Key) -> None:
        """Begin with nothing held back."""
        self._key = key
        self._held = ""

    def take(self, piece: str) -> str:
        """Return what can be shown so far and was not shown yet."""
        text = self._key.cut(self._held + piece)
        keep = self._key.begun(text)
        if text and _HIGH_SURROGATES[0] <= text[-1] <= _HIGH_SURROGATES[1]:
            keep = max(keep, 1)
        self._held = text[len(text) - keep :]
        return whole_letters(text[: len(text) - keep])

    def rest(self) -> str:
        """Return what was held back, at the end of the text."""
        text, self._held = self._held, ""
        return whole_letters(text)


def events(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data of server-sent events up to `[DONE]`; a body that is one JSON value instead, as a whole."""
    data: list[bytes] = []
    rest = lines(chunks)
    for line in rest:
        if line.startswith((b"{", b"[")) and not data:
            yield b"\n".join([line, *rest])
            return
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            whole, data = b"\n".join(data), []
            if whole.startswith(b"[DONE]"):
                return
            yield whole
    if data and not data[0].startswith(b"[DONE]"):
        yield b"\n".join(data)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield lines without their ends, `\n` or `\r\n`: the only ones that JSON cannot contain within a text."""
    parts: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        parts.append(first)
        for other in others:
            yield b"".join(parts).removesuffix(b"\r")
            parts = [other]
    if last := b"".join(parts).removesuffix(b"\r"):
        yield last


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return an object of a server's answer.

    Raises:
        UnreadableError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise UnreadableError(f"something other than {what}")
    return value


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list; none where it is not a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """Return a text; empty where there is none.

    Raises:
        UnreadableError: it is something other than a text.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableError("something other than text in the place of text")
    return value


def count_of(value: Any) -> int:
    """Return a count or size; 0 where a server tells none, or what cannot be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def seconds_of(value: Any, *, per_second: float = 1.0) -> float | None:
    """Return seconds; None where a server tells none, or what cannot be any."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = value / per_second
    return seconds if 0.0 <= seconds <= _LONGEST_S else None


def token_ids(value: Any) -> list[int]:
    """Return token ids.

    Raises:
        UnreadableError: it is not a list of them.
    """
    if not isinstance(value, list) or any(isinstance(one, bool) or not isinstance(one, int) for one in value):
        raise UnreadableError("something other than token ids")
    if any(not 0 <= one < 2**31 for one in value):
        raise UnreadableError("token ids that no vocabulary has")
    return value


def steps_of(listed: Any) -> list[Step]:
    """Return the tokens of an answer with what else was likely; none where a listed probability cannot be one."""
    found = []
    for one in objects(listed):
        own = _token(one)
        others = [_token(other) for other in objects(one.get("top_logprobs"))]
        if own is None or None in others:
            return []
        found.append(Step(own[0], own[1], tuple(other for other in others if other is not None)))
    return found


def _token(one: Mapping[str, Any]) -> tuple[str, float] | None:
    token, logprob = one.get("token"), one.get("logprob")
    if logprob is None and "logprob" in one:
        logprob = -math.inf  # JSON has no infinity: minus infinity arrives as nothing
    if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    return (token, min(float(logprob), 0.0)) if logprob <= HIGHEST_LOG else None
