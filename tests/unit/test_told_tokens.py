"""The tokens of an answer as servers tell them, and the times they name: whatever is told, nothing is billed as 0."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.openai_compatible.asking import is_strict
from adapters.models.openai_compatible.retry_after import retry_after_s, seconds_of
from adapters.models.openai_compatible.usage import MOST_UNSEEN_TOKENS, Exchange, usage_of
from engine.core.prices import TokenPrices

PRICES = TokenPrices(source="maker/model", input_usd=1.0, cached_input_usd=0.1, output_usd=10.0)
PAID = Exchange(
    sent_bytes=900, prompt_tokens=120, longest_answer_tokens=1088, arrived_characters=40, pieces=7, paid=True
)

told_values = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**15), 10**15), st.floats(), st.text(max_size=4), st.lists(st.integers())
)
details = st.one_of(told_values, st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens"]), told_values))
told_usages = st.one_of(
    told_values,
    st.fixed_dictionaries(
        {},
        optional={
            "prompt_tokens": told_values,
            "completion_tokens": told_values,
            "total_tokens": told_values,
            "prompt_cache_hit_tokens": told_values,
            "prompt_tokens_details": details,
            "completion_tokens_details": details,
        },
    ),
)


@given(told_usages)
def test_whatever_is_told_has_a_price_within_bounds(told: object) -> None:
    """Tokens are whole, not negative, cached ones part of the prompt's, and what they cost is neither 0 nor absurd."""
    usage = usage_of(told, PAID)
    assert 0 <= usage.cached_prompt_tokens <= usage.prompt_tokens <= 900 + MOST_UNSEEN_TOKENS
    assert 0 <= usage.thinking_tokens <= usage.completion_tokens <= 1088 + MOST_UNSEEN_TOKENS
    assert usage.completion_tokens >= PAID.fewest_answer_tokens
    cost = PRICES.cost_usd(
        float(usage.prompt_tokens), float(usage.cached_prompt_tokens), float(usage.completion_tokens)
    )
    assert 0 < cost < 10
    assert math.isfinite(cost)


@given(st.integers(1, 900), st.integers(2, 1088), st.data())
def test_what_can_be_is_taken_as_it_is_told(prompt: int, answer: int, data: st.DataObject) -> None:
    """Plausible tokens are kept to the last one and are not called estimates."""
    cached, thinking = data.draw(st.integers(0, prompt)), data.draw(st.integers(0, answer))
    told = {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thinking},
    }
    usage = usage_of(told, PAID)
    assert not usage.estimated
    assert (usage.prompt_tokens, usage.cached_prompt_tokens) == (prompt, cached)
    assert (usage.completion_tokens, usage.thinking_tokens) == (answer, thinking)


def test_thinking_beside_the_answer_is_billed_with_it() -> None:
    """Thinking that is only in the total, or told beside the answer's tokens, counts as part of the answer."""
    in_total = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 432}
    beside = {"prompt_tokens": 20, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 405}}
    assert usage_of(in_total, PAID).completion_tokens == 412
    assert usage_of(beside, PAID).completion_tokens == 412
    assert usage_of({**beside, "total_tokens": 432}, PAID).completion_tokens == 412


def test_other_names_of_the_cache_are_known() -> None:
    """DeepSeek's name for cached tokens counts as OpenAI's does."""
    told = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}
    assert usage_of(told, PAID).cached_prompt_tokens == 64


def test_a_server_of_ones_own_is_estimated_plainly() -> None:
    """Where nothing is paid for, a count made here is taken as it is, and an estimate is not raised."""
    own = Exchange(sent_bytes=900, prompt_tokens=120, longest_answer_tokens=64, arrived_characters=40, pieces=7)
    guessed = usage_of(None, own)
    assert (guessed.prompt_tokens, guessed.completion_tokens, guessed.estimated) == (120, 7, True)
    counted = usage_of(None, Exchange(sent_bytes=900, prompt_tokens=120, longest_answer_tokens=64, arrived_characters=40,
                                      pieces=7, counted=True))  # fmt: skip
    assert counted.estimated is False


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1.0), ("6m0s", 360.0), ("20ms", 0.02), ("17.25s.", 17.25), ("1h2m3s", 3723.0), ("", None), ("soon", None),
     ("5", None), ("-3s", None), ("3s!", None)],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: float | None) -> None:
    """Durations as OpenAI and Google write them; anything else is none."""
    assert seconds_of(text) == (None if seconds is None else pytest.approx(seconds))


@given(
    st.dictionaries(st.sampled_from(["Retry-After", "retry-after-ms", "x-ratelimit-reset-tokens"]), st.text()),
    st.text(),
)
def test_no_header_breaks_the_wait(headers: dict[str, str], words: str) -> None:
    """Whatever a server writes there, a wait is a finite number of seconds that is not negative, or none."""
    wait_s = retry_after_s({**headers, "x-ratelimit-remaining-tokens": "0"}, {"details": [words]}, words)
    assert wait_s is None or (wait_s >= 0 and math.isfinite(wait_s))


def test_a_schema_is_strict_where_nothing_is_open() -> None:
    """Every object, at any depth, must require all of its fields and allow no others."""
    inner = {
        "type": "object",
        "properties": {"b": {"type": "string"}},
        "required": ["b"],
        "additionalProperties": False,
    }
    outer = {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False}
    assert is_strict(outer)
    assert is_strict({**outer, "properties": {"a": {"type": "array", "items": inner}}})
    assert not is_strict({**outer, "properties": {"a": {**inner, "required": []}}})
    assert not is_strict({**outer, "properties": {"a": {"anyOf": [inner, {"type": "object"}]}}})
    assert not is_strict({name: value for name, value in outer.items() if name != "additionalProperties"})
