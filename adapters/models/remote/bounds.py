"""How long an answer of a server may take and how large it may be: kept while it is read, chunk by chunk."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from engine.core.errors import BrokenAnswerError, ModelError, SlowAnswerError, UsageError
from engine.core.generation import Completion, TextPiece
from engine.metrics import wording as say

SECONDS_VARIABLE = "ADAPTLAB_SECONDS_PER_ANSWER"
ANSWER_S = 120.0
"""How long an answer may take in all, unless the user or the first answer says otherwise."""
FIRST_FACTOR = 2.5
"""The first answer of a model may take this many times as long: nothing is known of its speed yet."""
PREDICTED_FACTOR = 10.0
"""An answer may take this many times what the first one predicts for its longest form."""
LONGEST_ANSWER_S = 3600.0
"""No prediction allows more: a first answer that dripped in must not hold up a run for days."""
QUICK_S = 10.0
"""How long lists of models, versions and probes may take in all."""
MOST_BYTES = 8_000_000
"""Of anything that is read as a whole, and of a line."""
MOST_STREAM_BYTES = 64_000_000
"""Of an answer that comes in pieces."""
LISTING_S = 5.0
"""How long listing models may take."""
ROWS_IN_FLIGHT = 4
"""Rows that are asked for at once in throughput mode, unless told otherwise."""
THINKING_ROOM_TOKENS = 1024
"""Added to the longest answer of models that may think before they answer, since thinking counts as answer."""
LISTED_TOKENS = 20
"""Most alternatives per token that servers list."""
LONGEST_NAME, LONGEST_WORDS = 80, 240
"""Characters that are kept of what a server calls something, and of what it says is wrong."""
_SMALLEST_SETTING_S, _LARGEST_SETTING_S = 0.1, 86_400.0


def seconds_per_answer() -> float:
    """Return how long an answer may take: the user's setting, else 120 s.

    Raises:
        UsageError: the setting is not a number of seconds from 0.1 to 86,400.
    """
    text = os.environ.get(SECONDS_VARIABLE, "").strip()
    if not text:
        return ANSWER_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not _SMALLEST_SETTING_S <= seconds <= _LARGEST_SETTING_S:
        raise UsageError(
            f"{SECONDS_VARIABLE} is '{text[:20]}'.", "Set it to a number of seconds from 0.1 to 86400, or unset it."
        )
    return seconds


class Patience:
    """How long the answers of one model may take. Safe to use from several threads."""

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        """Allow each answer so many seconds, until the first one has shown how fast the model is."""
        self._answer_s = answer_s
        self._first: tuple[float, float] | None = None

    def limit_s(self, max_tokens: int, *, at_once: int = 1) -> float:
        """Return how long an answer of up to `max_tokens` may take while `at_once` answers share the server."""
        if self._first is None:
            return self._answer_s * FIRST_FACTOR
        ttft_s, token_s = self._first
        predicted_s = PREDICTED_FACTOR * (ttft_s + token_s * max_tokens) * at_once
        return max(self._answer_s, min(predicted_s, LONGEST_ANSWER_S))

    def answers(
        self,
        ask: Callable[[float], Iterator[TextPiece | Completion]],
        *,
        max_tokens: int,
        at_once: int = 1,
    ) -> Iterator[TextPiece | Completion]:
        """Yield what an answer consists of; learn from the first whole one how fast the model is.

        Args:
            ask: takes the time on the monotonic clock at which all must have arrived.
            max_tokens: of the longest answer.
            at_once: how many answers share the server.
        """
        started = time.monotonic()
        for item in ask(started + self.limit_s(max_tokens, at_once=at_once)):
            if isinstance(item, Completion) and self._first is None:
                rest_s = max(time.monotonic() - started - item.load_s - item.waited_s - item.ttft_s, 0.0)
                self._first = (item.ttft_s, rest_s / max(item.usage.completion_tokens - 1, 1))
            yield item


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A question to a server that is under way."""

    server: str
    until: float = math.inf
    """On the monotonic clock: when the answer must be whole."""
    most_bytes: float = MOST_BYTES
    left: threading.Event = field(default_factory=threading.Event)
    """Nobody waits for the answer any more."""

    def check_time(self) -> None:
        """Stop reading once nobody waits, or when the time is over.

        Raises:
            SlowAnswerError: so it is.
        """
        if self.left.is_set() or time.monotonic() > self.until:
            raise took_too_long(self.server)


CURRENT: ContextVar[Reading | None] = ContextVar("the question that this thread asks", default=None)


def took_too_long(server: str) -> SlowAnswerError:
    """Return the error of an answer that was not whole in time."""
    return SlowAnswerError(
        f"The server at {server} had not finished its answer when its time was over.",
        f"Check what else it is doing, or allow more with {SECONDS_VARIABLE}; docs/backends.md says how.",
    )


def own_error(error: BaseException | None) -> ModelError | None:
    """Return the error of ours, such as that of a limit, that the client has wrapped into one of its own."""
    while error is not None and not isinstance(error, ModelError):
        error = error.__cause__ or error.__context__
    return error


def bounding(server: str) -> Callable[[Any], None]:
    """Return the hook for responses that has a client of this server read them within these limits.

    Works for any client in the form of httpx: `event_hooks={"response": [bounding(host)]}`.
    """

    def bound(response: Any) -> None:
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in {"", "identity"}:
            response.close()
            raise BrokenAnswerError(
                f"The server at {server} compressed its answer, which was not asked for.",
                "Check for a proxy in front of it.",
            )
        reading = CURRENT.get() or Reading(server=server, until=time.monotonic() + ANSWER_S)
        # The two clients have streams of their own, whose base they insist on.
        base = next(kind for kind in type(response.stream).__mro__ if kind.__name__ == "SyncByteStream")
        response.stream = _bounded_kind(base)(response.stream, reading)

    return bound


_KINDS: dict[type, type] = {}


def _bounded_kind(base: Any) -> Any:
    if base not in _KINDS:
        _KINDS[base] = type("BoundedStream", (_Bounded, base), {})
    return _KINDS[base]


class _Bounded:
    """A stream of bytes that ends with an error once it is too long, too slow, or not wanted any more."""

    def __init__(self, stream: Any, reading: Reading) -> None:
        self._stream, self._reading = stream, reading

    def __iter__(self) -> Iterator[bytes]:
        reading, total, line = self._reading, 0, 0
        for chunk in self._stream:
            reading.check_time()
            total += len(chunk)
            end = chunk.rfind(b"\n")
            line = line + len(chunk) if end < 0 else len(chunk) - end - 1
            if total > reading.most_bytes or line > MOST_BYTES:
                size = say.size(total if total > reading.most_bytes else line)
                kind = "an answer" if total > reading.most_bytes else "a line"
                raise BrokenAnswerError(
                    f"The server at {reading.server} sent {kind} of over {size}.",
                    "Check whether its address belongs to a model server.",
                )
            yield chunk

    def close(self) -> None:
        """Close what is read."""
        self._stream.close()


UNPACKED = {"Accept-Encoding": "identity"}
"""Header: answers come as they are, so that their size is what arrives."""
