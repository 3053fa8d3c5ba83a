"""The tokens of an answer: as a server tells them where that can be, else estimated. Pure functions.

Servers tell tokens in one shape and mean several things by it; what is read here is what their references say:
OpenAI's *Chat Completions* (`cached_tokens` and `reasoning_tokens` are parts of the two totals), Google's *OpenAI
compatibility* and xAI's (thinking is in `total_tokens` alone), DeepSeek's (`prompt_cache_hit_tokens`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.models.remote.label_odds import LONGEST_TOKEN_CHARACTERS
from engine.core.run.prediction import Usage

MOST_UNSEEN_TOKENS = 131_072
"""So many more than what was sent, or than the longest answer that was asked for, a server may have used: its own
instructions, thinking that it does not limit. More is told wrongly: closed models write up to about this much."""
CAUTION = 2.0
"""A prompt that is paid for and was not counted takes this many times the tokens that its letters suggest."""
_WRONG = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """What is known here of a request and its answer, whatever the server tells."""

    sent_bytes: int
    """Of the request's body: a prompt hardly has more tokens than bytes."""
    prompt_tokens: int
    """As counted or estimated before."""
    longest_answer_tokens: int
    """That the request allowed, thinking included."""
    arrived_characters: int
    """Characters of the answer and of the thinking that arrived."""
    arrived_tokens: int = 0
    """Tokens that arrived one by one, with their log-probabilities."""
    pieces: int = 0
    counted: bool = False
    """`prompt_tokens` were counted, not estimated."""
    paid: bool = False
    """Tokens are paid for, so that an estimate is the most that they can be."""
    whole: bool = True
    """The answer has ended, so that what was told last is the final count."""

    @property
    def fewest_answer_tokens(self) -> int:
        """Tokens that must have been written for what arrived."""
        return fewest_tokens(self.arrived_characters, self.arrived_tokens)


def fewest_tokens(characters: int, listed: int) -> int:
    """Return the tokens that must have been written for so many characters, and so many that were listed."""
    # The token that ends an answer is listed by some servers, and not counted.
    return max(listed - 1, math.ceil(characters / LONGEST_TOKEN_CHARACTERS))


def usage_of(told: Any, exchange: Exchange) -> Usage:
    """Return the tokens of an answer: those that a server tells, or in place of what cannot be an estimate.

    Args:
        told: the `usage` of a chat completion, in any form, or None.
        exchange: what is known without it.
    """
    prompt, answer = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    cached = _count(told, "prompt_tokens_details", "cached_tokens")
    cached = _count(told, "prompt_cache_hit_tokens") if cached is None else cached
    thinking = max(_count(told, "completion_tokens_details", "reasoning_tokens") or 0, 0)
    if prompt is not None and answer is not None and min(prompt, answer) >= 0:
        # Some tell the thinking only within the total, or beside the answer's tokens instead of within them.
        answer += thinking if thinking > answer else 0
        answer = max(answer, (_count(told, "total_tokens") or 0) - prompt)
    most_prompt = exchange.sent_bytes + MOST_UNSEEN_TOKENS
    prompt_right = prompt is not None and 0 < prompt <= most_prompt
    cached_right = cached is None or (prompt_right and 0 <= cached <= (prompt or 0))
    most_answer = exchange.longest_answer_tokens + MOST_UNSEEN_TOKENS
    answer_right = exchange.whole and answer is not None and exchange.fewest_answer_tokens <= answer <= most_answer
    final_prompt = prompt if prompt_right and prompt is not None else _estimated_prompt(exchange)
    final_answer = answer if answer_right and answer is not None else _estimated_answer(exchange)
    counted_here = told is None and exchange.counted and exchange.whole and not exchange.paid
    return Usage(
        prompt_tokens=final_prompt,
        cached_prompt_tokens=(cached or 0) if cached_right else 0,
        completion_tokens=final_answer,
        thinking_tokens=min(thinking, final_answer),
        estimated=not (counted_here or (prompt_right and cached_right and answer_right)),
    )


def _estimated_prompt(exchange: Exchange) -> int:
    if exchange.counted or not exchange.paid:
        return exchange.prompt_tokens
    return math.ceil(exchange.prompt_tokens * CAUTION)


def _estimated_answer(exchange: Exchange) -> int:
    arrived = max(exchange.fewest_answer_tokens, exchange.arrived_tokens or exchange.pieces)
    return max(arrived, exchange.longest_answer_tokens) if exchange.paid else arrived


def _count(told: Any, *path: str) -> int | None:
    """Return a count of the usage; None where nothing is told, a negative number for what is not a count."""
    value = told
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return _WRONG
    return int(value) if value == int(value) else _WRONG
