"""About how many tokens a prompt has, where nothing can count them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.generation import Message

LETTERS_PER_TOKEN = 4.0
"""Of English text, in the usual vocabularies."""
BYTES_PER_TOKEN = 3.0
"""Of other scripts: about a token per character of Chinese or Japanese."""
TURN_TOKENS = 5
"""Marks around a turn, as the usual chat templates have them."""


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of a prompt from its letters."""
    text = "".join(message.content for message in messages)
    foreign = sum(len(sign.encode("utf-8", "replace")) for sign in text if not sign.isascii())
    plain = sum(sign.isascii() for sign in text)
    return round(plain / LETTERS_PER_TOKEN + foreign / BYTES_PER_TOKEN) + TURN_TOKENS * len(messages)
