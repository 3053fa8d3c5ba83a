"""A request's messages as servers take them, and as they are kept."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.generation import Message


def as_dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Return messages as servers take them."""
    return [{"role": message.role, "content": message.content} for message in messages]


def as_text(messages: Sequence[Message]) -> str:
    """Return messages as they are kept where a server does not show its templated prompt."""
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)
