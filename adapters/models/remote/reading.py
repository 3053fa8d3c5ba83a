"""Reading from a server so that a cancel is noticed at once, and trying again when the server is busy."""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from engine.core.errors import BrokenAnswerError, CancelledError, ModelError, ServerBusyError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.steps import CancelSignal

POLL_S = 0.02
FIRST_ITEM_S = 300.0
"""How long the first piece may take: a long prompt on a slow processor takes minutes."""
STALL_S = 30.0
"""How long a server may be silent between two pieces."""
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
) -> Iterator[Item]:
    """Yield what a stream brings, read in a thread of its own.

    The thread runs on when the caller leaves or cancels: it closes the stream with the next piece, or when
    the connection times out.

    Raises:
        CancelledError: `cancel` was set.
        BrokenAnswerError: the server stopped sending.
        Exception: whatever `begin` or the stream raised.
    """
    items: queue.Queue[Item | BaseException | type[_Done]] = queue.Queue()
    left = threading.Event()

    def read() -> None:
        stream: Any = None
        try:
            stream = begin()
            for item in stream:
                if left.is_set():
                    break
                items.put(item)
            items.put(_Done)
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            items.put(error)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                with contextlib.suppress(Exception):
                    close()

    threading.Thread(target=read, name=f"reading from {server}", daemon=True).start()
    heard, patience_s = time.monotonic(), first_s
    try:
        while True:
            if cancel is not None and cancel.is_set():
                raise CancelledError("The answer was stopped.")
            try:
                item = items.get(timeout=POLL_S)
            except queue.Empty:
                if time.monotonic() - heard > patience_s:
                    raise BrokenAnswerError(
                        f"The server at {server} has sent nothing for {patience_s:.0f} s.",
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
        left.set()


def cancellable_call(
    ask: Callable[[], Result], *, cancel: CancelSignal | None, server: str, **patience: float
) -> Result:
    """Return the result of one question; a cancel is noticed meanwhile."""

    def begin() -> Iterable[Result]:
        yield ask()

    (result,) = cancellable_stream(begin, cancel=cancel, server=server, **patience)
    return result


def with_retries(
    attempt: Callable[[], Result], *, cancel: CancelSignal | None, attempts: int = ATTEMPTS, jitter: random.Random
) -> Result:
    """Make an attempt, and again after a growing pause while the server is busy.

    A server that names a time (`Retry-After`) gets it, up to a limit.

    Raises:
        ServerBusyError: it stayed busy.
    """
    wait_s = FIRST_WAIT_S
    for number in range(1, attempts + 1):
        try:
            return attempt()
        except ServerBusyError as error:
            if number == attempts:
                raise
            asked_s = error.retry_after_s
            pause_s = min(asked_s if asked_s is not None else wait_s * jitter.uniform(0.75, 1.25), LONGEST_WAIT_S)
            pause(pause_s, cancel)
            wait_s *= 2
    raise ServerBusyError("The server was busy each time.", "Try again later.")


def pause(seconds: float, cancel: CancelSignal | None) -> None:
    """Wait, unless cancelled meanwhile."""
    until = time.monotonic() + seconds
    while (left_s := until - time.monotonic()) > 0:
        if cancel is not None and cancel.is_set():
            raise CancelledError("The answer was stopped.")
        time.sleep(min(left_s, POLL_S))


def answer_all(
    answer: Callable[[GenerateRequest], Iterator[TextPiece | Completion]],
    requests: Sequence[GenerateRequest],
    *,
    at_once: int,
) -> list[Completion | Exception]:
    """Answer several requests, at most this many at once, in order; a failed one yields its error.

    Raises:
        CancelledError: cancelled; the others have stopped, too.
    """

    def one(request: GenerateRequest) -> Completion | Exception:
        try:
            found = [item for item in answer(request) if isinstance(item, Completion)]
        except ModelError as error:
            return error
        return found[-1]

    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="rows in flight") as pool:
        return list(pool.map(one, requests))
