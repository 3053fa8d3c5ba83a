"""What the pieces of an answer at an OpenAI-compatible server add up to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.models.openai_compatible.answers import StreamAccumulator, completion_of
from adapters.models.remote.border import UnreadableError
from adapters.models.remote.keys import Key
from engine.core.generation import Completion, Decoding, GenerateRequest, Message
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode

REQUEST = GenerateRequest(
    messages=(Message(role="user", content="Which?"),),
    decoding=Decoding(mode=DecodingMode.CHOICE, labels=("billing", "delivery")),
)


def gathered_of(*chunks: Mapping[str, Any], whole: bool = False) -> StreamAccumulator:
    """Return what these pieces of an answer add up to, which then ends."""
    gathered = StreamAccumulator(Key(""), longest_tokens=100)
    for chunk in chunks:
        gathered.take({"choices": [{"index": 0, "message" if whole else "delta": chunk}]})
    gathered.take({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return gathered


def completed(gathered: StreamAccumulator) -> Completion:
    """Return the answer to a choice of labels."""
    return completion_of(REQUEST, gathered, gathered.text, time.perf_counter(), Usage())


def thinking(text: str) -> dict[str, Any]:
    """Return a part of thinking as Mistral sends it."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


@pytest.mark.parametrize("whole", [False, True])
def test_an_answer_in_parts_is_told_from_the_thinking(whole: bool) -> None:
    """As Mistral's models that think send it, in a stream and as a whole; text alone goes on as text."""
    parts = [thinking("It is "), thinking("money."), {"type": "text", "text": "bill"}]
    chunks = [{"content": parts}] if whole else [{"content": [part]} for part in parts]
    gathered = gathered_of(*chunks, {"content": "ing"}, whole=whole)
    assert (gathered.thinking, gathered.text) == ("It is money.", "billing")
    assert completed(gathered).thinking_s is not None


def test_parts_without_text_add_nothing_and_those_of_another_kind_are_refused() -> None:
    """A reference has no text; a number in the place of text is no answer."""
    gathered = gathered_of({"content": [{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "a"}]})
    assert (gathered.thinking, gathered.text) == ("", "a")
    for wrong in ({"type": "text", "text": 7}, "a", None):
        with pytest.raises(UnreadableError):
            gathered_of({"content": [wrong]})


def test_the_tokens_of_thinking_give_no_label_a_probability() -> None:
    """A server lists them with those of the answer; what is listed beside them is no label."""
    gathered = StreamAccumulator(Key(""), longest_tokens=100)
    for field, token, other in (("reasoning_content", "delivery?", "billing"), ("content", "billing", "delivery")):
        listed = {"token": token, "logprob": -0.1, "top_logprobs": [{"token": other, "logprob": -3.0}]}
        gathered.take({"choices": [{"delta": {field: token}, "logprobs": {"content": [listed]}}]})
    gathered.take({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    assert completed(gathered).probabilities == {}
