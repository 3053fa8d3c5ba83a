"""Servers that hold models: what is known of each, and what a user may ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from engine.core.steps import CancelSignal, Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerState:
    """A server at a glance. It never holds the key's value, only whether there is a key and where it is looked up."""

    name: str
    url: str
    kind: str
    """What answers there, in words; empty if nothing does."""
    models: int
    problem: str
    """Why its models cannot be used now, with the fix; empty if they can."""
    key_variable: str
    has_key: bool
    entered: bool
    """The user entered it, and may remove it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearbyServer:
    """A server that answers on this machine and that nobody has entered."""

    name: str
    """A free name, by which it could be entered."""
    url: str
    kind: str
    models: int


class ModelServers(Protocol):
    """The servers of this user; adapters fulfil it."""

    def states(self) -> list[ServerState]:
        """Check all servers."""
        ...

    def nearby(self) -> list[NearbyServer]:
        """Look for servers on the usual ports of this machine that are not entered yet."""
        ...

    def add(self, name: str, url: str) -> None:
        """Keep a server's name and address."""
        ...

    def remove(self, name: str) -> None:
        """Forget a server."""
        ...

    def load_lora(self, model: str, name: str, folder: str) -> None:
        """Have a server load LoRA weights from a folder on its own machine."""
        ...

    def made_with(self, key: str) -> list[str]:
        """Return the names of the models at an Ollama server of this machine that were made with these LoRA weights."""
        ...

    def remove_made_with(self, key: str) -> list[str]:
        """Remove them from the server; return their names."""
        ...

    def pull(self, name: str, *, cancel: CancelSignal) -> Iterator[Progress]:
        """Have the Ollama server download a model; yields its progress."""
        ...
