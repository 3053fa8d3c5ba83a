"""Work that is done step by step: its progress, how it is cancelled, and how its steps are passed on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.core.errors import CancelledError

Step = TypeVar("Step")
Told = TypeVar("Told")
Result = TypeVar("Result")
POLL_S = 0.02
"""How often what waits looks whether it should stop."""
ANSWER_STOPPED = "The answer was stopped."


class CancelSignal(Protocol):
    """Checked by long-running work; `threading.Event` fulfils it."""

    def is_set(self) -> bool:
        """Tell whether the work should stop."""
        ...


@dataclass(frozen=True, slots=True)
class FirstOf:
    """A signal that is set as soon as one of two is."""

    one: CancelSignal
    other: CancelSignal | None

    def is_set(self) -> bool:
        """Tell whether the work should stop."""
        return self.one.is_set() or (self.other is not None and self.other.is_set())


@dataclass(frozen=True, slots=True)
class Deadline:
    """A signal that is set from a moment of `time.perf_counter` on; without one it never is."""

    at_s: float | None

    def is_set(self) -> bool:
        """Tell whether the work should stop."""
        return self.at_s is not None and time.perf_counter() >= self.at_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Progress of a preparation. `fraction` is 0 to 1; `left_s` is an estimate, None while unknown."""

    stage: str
    fraction: float
    left_s: float | None = None
    detail: str = ""
    step: int | None = None
    steps: int | None = None
    """How many there are in all; None while unknown."""
    loss: float | None = None
    validation_loss: float | None = None
    """Of the rows held out, after the epoch that has just ended; None within an epoch and where none are."""
    tokens_per_s: float | None = None
    sent_tokens: int = 0
    """Tokens that an embedder on another machine has read so far."""


def seconds_left(elapsed_s: float, done: float, total: float) -> float | None:
    """Estimate the seconds until all is done, at the pace so far; None before anything is."""
    return elapsed_s * (total - done) / done if done > 0 else None


def check_cancelled(cancel: CancelSignal | None, what: str = "The run was stopped.", fix: str = "") -> None:
    """Raise `CancelledError` if the work should stop."""
    if cancel is not None and cancel.is_set():
        raise CancelledError(what, fix)


def pause(seconds: float, cancel: CancelSignal | None, what: str) -> None:
    """Wait; raise `CancelledError` as soon as the work should stop."""
    until = time.monotonic() + seconds
    check_cancelled(cancel, what)
    while (left_s := until - time.monotonic()) > 0:
        time.sleep(min(left_s, POLL_S))
        check_cancelled(cancel, what)


def relay(steps: Generator[Step, None, Result], tell: Callable[[Step], Told]) -> Generator[Told, None, Result]:
    """Pass a generator's steps on in another form; return what it returns."""
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        yield tell(step)


def drain(steps: Generator[Step, None, Result], on_step: Callable[[Step], object] = lambda _step: None) -> Result:
    """Run a generator to its end, handing each step on; return what it returns."""
    told = relay(steps, on_step)
    while True:
        try:
            next(told)
        except StopIteration as stop:
            result: Result = stop.value
            return result
