"""Servers that hold models: what is known of each, and what a user may ask of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from engine.errors import AdaptLabError, CancelledError
from engine.ports import CancelSignal, Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerState:
    """A server at a glance. The key's value is nowhere, only whether there is one and where it is looked for."""

    name: str
    url: str
    kind: str
    """What answers there, in words; empty if nothing does."""
    models: int
    problem: str
    """Why its models cannot be used now, with the mend; empty if they can."""
    key_variable: str
    has_key: bool
    entered: bool
    """The user entered it, and may remove it."""


class ModelServers(Protocol):
    """The servers of this user; adapters fulfil it."""

    def states(self) -> list[ServerState]:
        """Look at all servers."""
        ...

    def add(self, name: str, url: str) -> None:
        """Keep a server's name and address."""
        ...

    def remove(self, name: str) -> None:
        """Forget a server."""
        ...

    def pull(self, name: str, *, cancel: CancelSignal) -> Iterator[Progress]:
        """Have the Ollama server get a model; yields how far it is."""
        ...


class Pull:
    """A model that is being got in the background; looked at by a screen."""

    def __init__(self, servers: ModelServers, name: str) -> None:
        """Begin."""
        self.name = name
        self._servers = servers
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._progress = Progress(stage="Asking the server", fraction=0.0)
        self._error: AdaptLabError | None = None
        self._thread = threading.Thread(target=self._run, name=f"pull {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for progress in self._servers.pull(self.name, cancel=self._cancel):
                with self._lock:
                    self._progress = progress
        except CancelledError:
            pass
        except AdaptLabError as error:
            with self._lock:
                self._error = error

    @property
    def progress(self) -> Progress:
        """How far it is."""
        with self._lock:
            return self._progress

    @property
    def error(self) -> AdaptLabError | None:
        """Why it failed; None if it did not."""
        with self._lock:
            return self._error

    @property
    def is_running(self) -> bool:
        """Tell whether it goes on."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Stop it; what has come is kept by the server."""
        self._cancel.set()
