"""Work beside runs that needs the machine: carried out in a thread, told step by step, stopped on request.

What a run measures must not share the cores, so an errand takes the same lock. It either waits for its turn, as a
training does, or says at once that the machine is taken, as a question in the playground does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from engine.core.errors import AdaptLabError, CancelledError, UsageError
from engine.core.ports import CancelSignal

POLL_S = 0.2
GOING_ON = frozenset({"waiting", "working"})

Step = TypeVar("Step")


def machine_taken() -> UsageError:
    """Build the error for an errand that cannot wait."""
    return UsageError(
        "A run or a training is under way, and what it measures must not share the cores.",
        "Wait for its end, or cancel it; then try again.",
    )


class Errand(Generic[Step]):
    """One piece of work. `status` is `waiting`, `working`, `done`, `cancelled` or `failed`."""

    def __init__(
        self,
        name: str,
        *,
        machine: Callable[[], AbstractContextManager[bool]],
        work: Callable[[CancelSignal], Iterator[Step]],
        take: Callable[[Step], None],
        waits: bool,
    ) -> None:
        """Describe the work.

        Args:
            name: of the thread.
            machine: tries to take the machine; yields whether it was free.
            work: does it, once the machine is taken; yields its steps.
            take: gets each step, in the errand's thread.
            waits: whether to wait for the machine, or to fail when it is taken.
        """
        self._name = name
        self._machine, self._work, self._take, self._waits = machine, work, take, waits
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.status = "waiting"
        self.error: AdaptLabError | None = None

    @property
    def goes_on(self) -> bool:
        """Tell whether it has not come to an end."""
        return self.status in GOING_ON

    def start(self) -> None:
        """Begin in the background."""
        self._thread = threading.Thread(target=self._carry_out, name=self._name, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop."""
        self._cancel.set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for its end."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _carry_out(self) -> None:
        try:
            self._in_turn()
        except CancelledError:
            self.status = "cancelled"
        except AdaptLabError as error:
            self.error = error
            self.status = "failed"
        except Exception as error:  # the thread's end: a fault of ours must reach the screen  # noqa: BLE001
            self.error = AdaptLabError(f"{type(error).__name__}: {error}", "Try again.")
            self.status = "failed"

    def _in_turn(self) -> None:
        while True:
            with self._machine() as free:
                if free:
                    self.status = "working"
                    for step in self._work(self._cancel):
                        self._take(step)
                        if self._cancel.is_set():
                            raise CancelledError("Stopped.")
            if free:  # told only now: whoever looks for the end must find the machine free
                self.status = "done"
                return
            if not self._waits:
                raise machine_taken()
            if self._cancel.is_set():
                raise CancelledError("Stopped while waiting.")
            time.sleep(POLL_S)
