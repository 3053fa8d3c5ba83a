"""What a model pays for the language of a table's rows: tokens, against rows of the tasks that ship in English.

Tokenizers cut languages that they saw little of into more and shorter tokens, and each token costs time, context and
money (A. Petrov et al., "Language model tokenizers introduce unfairness between languages", 2023, arXiv 2305.15425).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.generation import Message
from engine.ingest.intake import Intake
from engine.metrics import wording as say

MOST_ROWS = 100
"""So many rows of each side are counted, drawn by a fixed seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPrice:
    """Mean tokens and characters of an input here, and of one of the English tasks."""

    model: str
    tokens: float
    characters: float
    english_tokens: float
    english_characters: float

    @property
    def times_per_row(self) -> float:
        """Tokens of a row over those of an English one."""
        return self.tokens / self.english_tokens

    @property
    def times_per_character(self) -> float:
        """Tokens of a character over those of an English one: the part that is not due to longer rows."""
        return (self.tokens / self.characters) / (self.english_tokens / self.english_characters)

    def sentence(self) -> str:
        """Say it in one sentence."""
        row, character = (say.times(times, times) for times in (self.times_per_row, self.times_per_character))
        return (
            f"{say.short(self.tokens)} tokens per row, {row} as many as the English tasks that ship "
            f"({say.short(self.english_tokens)}); per character {character}."
        )


def token_price(intake: Intake, model_id: str, texts: Sequence[str], english: Sequence[str]) -> TokenPrice | None:
    """Count the tokens of some rows and of some English ones; None if either side has no text."""
    here, there = _drawn(texts), _drawn(english)
    if not here or not there:
        return None
    prompts = [(Message(role="user", content=text),) for text in ("", *here, *there)]
    empty, *counts = intake.count_tokens(model_id, prompts)
    tokens = [count - empty for count in counts]
    return TokenPrice(
        model=model_id,
        tokens=sum(tokens[: len(here)]) / len(here),
        characters=sum(map(len, here)) / len(here),
        english_tokens=max(sum(tokens[len(here) :]), 1) / len(there),
        english_characters=sum(map(len, there)) / len(there),
    )


def _drawn(texts: Sequence[str]) -> list[str]:
    filled = [text.strip() for text in texts if text.strip()]
    return random.Random(0).sample(filled, min(len(filled), MOST_ROWS))
