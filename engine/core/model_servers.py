"""Servers that hold models: what is known of each, and what a user may ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from engine.core.ports import CancelSignal, Progress


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
