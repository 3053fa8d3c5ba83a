"""Reading from a server so that a cancel is noticed at once, and trying again when the server is busy."""

from __future__ import annotations

import contextlib
import math
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from adapters.models.remote.bounds import CURRENT, MOST_BYTES, QUICK_S, Reading, took_too_long
from engine.core.errors import CancelledError, ModelError, ServerBusyError, SlowAnswerError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.steps import ANSWER_STOPPED, POLL_S, CancelSignal, check_cancelled, pause
from engine.metrics import wording as say

FIRST_ITEM_S = 300.0
"""How long the first piece may take: a long prompt on a slow processor takes minutes."""
STALL_S = 30.0
"""How long a server may be silent between two pieces."""
MOST_WAITING = 1000
"""Pieces that may wait to be taken, so that a server that sends faster than they are read fills no memory."""
ATTEMPTS = 4
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 20.0

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Done:
    """Marks the end of a stream."""


def cancellable_stream(
    begin: Callable[[], Iterable[Item]],
    *,
    cancel: CancelSignal | None,
    server: str,
    first_s: float = FIRST_ITEM_S,
    stall_s: float = STALL_S,
    until: float = math.inf,
    most_bytes: float = MOST_BYTES,
) -> Iterator[Item]:
    """Yield what a stream brings, read in a thread of its own.

    The thread runs on when the caller leaves or cancels: it closes the stream with the next bytes that arrive, or when
    the connection times out.

    Args:
        begin: opens the stream, within the thread.
        cancel: stops it.
        server: as errors name it.
        first_s: how long the first item may take.
        stall_s: how long the server may be silent after that.
        until: on the monotonic clock, when all must have arrived.
        most_bytes: how many bytes each of its answers may have.

    Raises:
        CancelledError: `cancel` was set.
        SlowAnswerError: the server stopped sending, or sent for too long.
        Exception: whatever `begin` or the stream raised.
    """
    items: queue.Queue[Item | BaseException | type[_Done]] = queue.Queue(maxsize=MOST_WAITING)
    reading = Reading(server=server, until=until, most_bytes=most_bytes)
    arguments = (begin, items, reading)
    threading.Thread(target=_read, args=arguments, name=f"reading from {server}", daemon=True).start()
    heard, patience_s = time.monotonic(), first_s
    try:
        while True:
            check_cancelled(cancel, ANSWER_STOPPED)
            if time.monotonic() > until:
                raise took_too_long(server)
            try:
                item = items.get(timeout=POLL_S)
            except queue.Empty:
                if time.monotonic() - heard > patience_s:
                    raise SlowAnswerError(
                        f"The server at {server} has sent nothing for {say.duration(patience_s)}.",
                        "Check the server, or give it less to do at once.",
                    ) from None
                continue
            if item is _Done:
                return
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]
            heard, patience_s = time.monotonic(), stall_s
    finally:
        reading.left.set()


def _read(
    begin: Callable[[], Iterable[Item]], items: queue.Queue[Item | BaseException | type[_Done]], reading: Reading
) -> None:
    """Put what a stream brings into a queue, and at last its end or what it raised, while anybody waits for it."""

    def put(item: Item | BaseException | type[_Done]) -> None:
        while not reading.left.is_set():
            with contextlib.suppress(queue.Full):
                items.put(item, timeout=POLL_S)
                return

    CURRENT.set(reading)
    stream: Any = None
    try:
        stream = begin()
        for item in stream:
            if reading.left.is_set():
                break
            put(item)
        put(_Done)
    except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
        put(error)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            with contextlib.suppress(Exception):
                close()


def cancellable_call(
    ask: Callable[[], Result], *, cancel: CancelSignal | None, server: str, **patience: float
) -> Result:
    """Return the result of one question; a cancel is noticed meanwhile."""

    def begin() -> Iterable[Result]:
        yield ask()

    (result,) = cancellable_stream(begin, cancel=cancel, server=server, **patience)
    return result


def quick_call(ask: Callable[[], Result], *, server: str) -> Result:
    """Return the result of a question that any server answers at once: what it has, which version it is.

    Raises:
        SlowAnswerError: it took too long, even if bytes kept arriving.
    """
    return cancellable_call(ask, cancel=None, server=server, until=time.monotonic() + QUICK_S)


@dataclass(slots=True)
class Waits:
    """How long the requests of one answer waited, since the server was busy."""

    seconds: float = 0.0


def with_retries(
    attempt: Callable[[], Result],
    *,
    cancel: CancelSignal | None,
    until: float = math.inf,
    jitter: random.Random,
    waits: Waits | None = None,
) -> Result:
    """Make an attempt, and again after a growing pause while the server is busy, as long as there is time.

    A server that names a time (`Retry-After`) gets it, up to a limit. `waits` is given the seconds of the attempts that
    found it busy, and of the pauses.

    Raises:
        ServerBusyError: it stayed busy.
    """
    wait_s = FIRST_WAIT_S
    for _ in range(ATTEMPTS - 1):
        began = time.perf_counter()
        try:
            return attempt()
        except ServerBusyError as error:
            asked_s = error.retry_after_s
            pause_s = min(asked_s if asked_s is not None else wait_s * jitter.uniform(0.75, 1.25), LONGEST_WAIT_S)
            if time.monotonic() + pause_s > until:
                raise
            busy_s = time.perf_counter() - began
            pause(pause_s, cancel, ANSWER_STOPPED)
            if waits is not None:
                waits.seconds += busy_s + pause_s
            wait_s *= 2
    return attempt()


def answer_all(
    answer: Callable[[GenerateRequest], Iterator[TextPiece | Completion]],
    requests: Sequence[GenerateRequest],
    *,
    at_once: int,
) -> list[Completion | Exception]:
    """Answer several requests, at most this many at once, in order; a failed or cancelled one yields its error."""

    def one(request: GenerateRequest) -> Completion | Exception:
        try:
            found = [item for item in answer(request) if isinstance(item, Completion)]
        except (ModelError, CancelledError) as error:
            return error
        return found[-1]

    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="rows in flight") as pool:
        return list(pool.map(one, requests))
