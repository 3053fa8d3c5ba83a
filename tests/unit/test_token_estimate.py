"""About how many tokens a text has: by letters where it is ASCII, by bytes elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.text.token_estimate import BYTES_PER_TOKEN, LETTERS_PER_TOKEN, estimated_text_tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("four" * 10, 10), ("\u6211" * 10, 10), ("abcd\u6211", 2)])
def test_letters_and_bytes(text: str, tokens: float) -> None:
    """Four letters are a token, and so is a Chinese character."""
    assert estimated_text_tokens(text) == pytest.approx(tokens)


@given(st.text(), st.text())
def test_parts_add_up_and_lie_between_the_two_rules(one: str, other: str) -> None:
    """Half characters, which a damaged file may hold, are counted too."""
    both = estimated_text_tokens(one + other)
    assert both == pytest.approx(estimated_text_tokens(one) + estimated_text_tokens(other))
    assert len(one + other) / LETTERS_PER_TOKEN <= both + 1e-9
    assert both <= len((one + other).encode("utf-8", "replace")) / BYTES_PER_TOKEN + 1e-9
