"""The servers of the lab of the tests, which are there at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

from engine.core.errors import UsageError
from engine.core.model_servers import NearbyServer, ServerState
from engine.core.steps import CancelSignal, Progress


class MemoryServers:
    """Servers that are there at once, and a pull of a few steps."""

    def __init__(self) -> None:
        """Begin without any."""
        self.found: list[ServerState] = []
        self.pulled: list[str] = []
        self.are_slow = False
        """A pull does not end by itself."""
        self.loaded: list[tuple[str, str, str]] = []
        self.made: list[str] = []
        self.near: list[NearbyServer] = []

    def states(self) -> list[ServerState]:
        """List them."""
        return self.found

    def nearby(self) -> list[NearbyServer]:
        """Return those that are not added yet."""
        return [one for one in self.near if one.url not in {known.url for known in self.found}]

    def add(self, name: str, url: str) -> None:
        """Add one, unless its address is none."""
        if "://" not in url:
            raise UsageError(f"'{url}' is not the address of a server.", "Write it like http://127.0.0.1:8080/v1.")
        self.found = [*self.found, server(name, url, kind="llama-server", entered=True)]

    def remove(self, name: str) -> None:
        """Take one away."""
        self.found = [one for one in self.found if one.name != name]

    def made_with(self, key: str) -> list[str]:
        """Return those that are said to be made with these weights."""
        return [name for name in self.made if name.endswith(f":{key}")]

    def remove_made_with(self, key: str) -> list[str]:
        """Take them away."""
        removed = self.made_with(key)
        self.made = [name for name in self.made if name not in removed]
        return removed

    def load_lora(self, model: str, name: str, folder: str) -> None:
        """Take note of the order."""
        self.loaded.append((model, name, folder))

    def pull(self, name: str, *, cancel: CancelSignal) -> Iterator[Progress]:
        """Yield a few steps."""
        for step in range(4):
            if cancel.is_set():
                return
            yield Progress(stage="Getting the model", fraction=step / 3)
            while self.are_slow and not cancel.is_set():
                time.sleep(0.005)
        self.pulled.append(name)


def server(name: str, url: str, *, kind: str, entered: bool = False, problem: str = "") -> ServerState:
    """Build the state of a server without a key."""
    return ServerState(
        name=name, url=url, kind=kind, models=0 if problem else 1, problem=problem,
        key_variable=f"{name.upper()}_API_KEY", has_key=False, entered=entered,
    )  # fmt: skip
