"""About how many tokens a text has, where nothing can count them."""

from __future__ import annotations

LETTERS_PER_TOKEN = 4.0
"""Of English text, in the usual vocabularies."""
BYTES_PER_TOKEN = 3.0
"""Of other scripts: about a token per character of Chinese or Japanese."""
TURN_TOKENS = 5
"""Marks around a turn, as the usual chat templates have them."""


def estimated_text_tokens(text: str) -> float:
    """Estimate the tokens of a text from its letters, in UTF-8 where these are not ASCII."""
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    foreign = 0 if plain == len(text) else len(text.encode("utf-8", "replace")) - plain
    return plain / LETTERS_PER_TOKEN + foreign / BYTES_PER_TOKEN
