"""About how many tokens a prompt has, where nothing can count them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.generation import Message
from engine.core.text.token_estimate import TURN_TOKENS, estimated_text_tokens


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of a prompt from its letters."""
    return round(estimated_text_tokens("".join(message.content for message in messages))) + TURN_TOKENS * len(messages)
