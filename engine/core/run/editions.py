"""What is kept of runs while they are looked at: one value for each, of its newest edition."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, NamedTuple, TypeVar

State = TypeVar("State")
Value = TypeVar("Value")


class Edition(NamedTuple):
    """What changes whenever a run's answers do: what was computed from them holds until then."""

    status: str
    rows_done: int
    rows_total: int
    asked_again: int
    imported_at: str
    """All as in `RunInfo`."""


class Same:
    """An object as part of a state: the same as long as it is that object. A task is one until its files change."""

    def __init__(self, item: object) -> None:
        """Hold it."""
        self._item = item

    def __eq__(self, other: object) -> bool:
        """Tell whether another one holds this object."""
        return isinstance(other, Same) and other._item is self._item

    def __hash__(self) -> int:
        """Return what is the same for the same object."""
        return id(self._item)


_ALL: weakref.WeakSet[Newest[Any, Any]] = weakref.WeakSet()
_ALL_LOCK = threading.Lock()


def let_go_of_runs() -> bool:
    """Let go of every value of every run, as there is nobody who looks; each is made again when it is asked for.

    Returns:
        Whether there were any.
    """
    with _ALL_LOCK:
        kept = list(_ALL)
    gone = [one.let_go() for one in kept]
    return any(gone)


class Newest(Generic[State, Value]):
    """One value for each run; the runs looked at longest ago are let go of.

    Safe to call from several threads: those that ask for a run's value while it is made wait for it, and those that ask
    for another run do not.
    """

    def __init__(self, most: int) -> None:
        """Keep the values of so many runs."""
        self._most = most
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._kept: OrderedDict[str, tuple[State, Value]] = OrderedDict()
        with _ALL_LOCK:
            _ALL.add(self)

    def of(
        self,
        run_id: str,
        state: State,
        make: Callable[[], Value],
        shown: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Value:
        """Return the value of a run in a state, made if need be; `shown` is open while that is waited for."""
        kept = self._find(run_id, state)
        if kept is not None:
            return kept[1]
        with shown():
            with self._lock:
                making = self._making.setdefault(run_id, threading.Lock())
            with making:
                kept = self._find(run_id, state)
                if kept is None:
                    kept = (state, make())
                    self._keep(run_id, kept)
        return kept[1]

    def let_go(self) -> bool:
        """Let go of all values; tell whether there were any."""
        with self._lock:
            gone = list(self._kept)
            self._kept.clear()
            for run_id in gone:
                self._making.pop(run_id, None)
        return bool(gone)

    def _find(self, run_id: str, state: State) -> tuple[State, Value] | None:
        with self._lock:
            kept = self._kept.get(run_id)
            if kept is None or kept[0] != state:
                return None
            self._kept.move_to_end(run_id)
        return kept

    def _keep(self, run_id: str, kept: tuple[State, Value]) -> None:
        with self._lock:
            self._kept[run_id] = kept
            self._kept.move_to_end(run_id)
            while len(self._kept) > self._most:
                gone, _ = self._kept.popitem(last=False)
                self._making.pop(gone, None)
