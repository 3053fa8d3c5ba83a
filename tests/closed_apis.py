"""What four closed APIs are sent and send, written here in the shape of their public references.

Only the shapes are theirs; every text and number was made up for these tests. The references, read on 26 November 2026:

OpenAI: *Chat Completions*, *Streaming events*, *Structured model outputs*, *Rate limits*, *Error codes*
    (platform.openai.com/docs/api-reference/chat, /docs/guides/structured-outputs, /rate-limits, /error-codes).
Anthropic: *OpenAI SDK compatibility*, *List Models*, *Errors* (platform.claude.com/docs/en/api/openai-sdk, /models-list,
    /errors).
Google: *OpenAI compatibility*, *Rate limits*; `FinishReason` and `google.rpc.RetryInfo` of its own API, which shine
    through (ai.google.dev/gemini-api/docs/openai, /rate-limits, /api/generate-content).
OpenRouter: *Streaming*, *Errors and Debugging*, *Usage Accounting*, *Reasoning tokens*
    (openrouter.ai/docs/api/reference/streaming, /errors-and-debugging, /docs/use-cases/usage-accounting).

Where a reference is silent, public threads on GitHub were followed: log-probabilities forbidden with status 403
(confident-ai/deepeval), thinking only within Google's total (Clarifai/clarifai-python), its own ends of an answer
(HKUDS/Vibe-Trading), its quota per minute (google-gemini/gemini-cli), the header of Anthropic's list (QwenLM/qwen-code).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from adapters.models.openai_compatible import listing, prices
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from adapters.models.remote.keys import variable_for
from engine.core.run.prediction import Usage
from engine.metrics.budget import usage_usd
from engine.metrics.costing import token_prices
from tests.faulty_server import FaultyServer, Played

PLANTED = "sk-planted-0a1b2c3d4e5f"
DONE = "data: [DONE]\n\n"
KEEP_ALIVE = ": OPENROUTER PROCESSING\n\n"
LABEL = '{"label": "billing"}'


At = Callable[..., OpenAICompatibleModel]
"""Makes the model of an API that answers with these replies, one after the other: the fixture `at` of the contract."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosedApi:
    """One provider: its address, a model as it lists it, and as the price table names it."""

    name: str
    host: str
    path: str
    model: str
    price_ref: str
    listing: Mapping[str, Any]

    @property
    def url(self) -> str:
        """Its address, without encryption, so that a proxy on this machine can answer in its place."""
        return f"http://{self.host}{self.path}"


OPENAI = ClosedApi(
    name="openai",
    host="api.openai.com",
    path="/v1",
    model="gpt-5-mini",
    price_ref="openai/gpt-5-mini",
    listing={
        "object": "list",
        "data": [
            {"id": "gpt-5-mini", "object": "model", "created": 1754000000, "owned_by": "system"},
            {"id": "whisper-1", "object": "model", "created": 1677000000, "owned_by": "openai-internal"},
            {"id": "gpt-not-priced-yet", "object": "model", "created": 1790000000, "owned_by": "system"},
        ],
    },
)
ANTHROPIC = ClosedApi(
    name="anthropic",
    host="api.anthropic.com",
    path="/v1",
    model="claude-haiku-4-5",
    price_ref="anthropic/claude-haiku-4-5",
    listing={
        "data": [{"type": "model", "id": "claude-haiku-4-5", "display_name": "Haiku", "created_at": "2025-10-01"}],
        "has_more": False,
        "first_id": "claude-haiku-4-5",
        "last_id": "claude-haiku-4-5",
    },
)
GOOGLE = ClosedApi(
    name="google",
    host="generativelanguage.googleapis.com",
    path="/v1beta/openai",
    model="models/gemini-2.5-flash",
    price_ref="google/gemini-2.5-flash",
    listing={
        "object": "list",
        "data": [{"id": "models/gemini-2.5-flash", "object": "model", "owned_by": "google", "display_name": "Flash"}],
    },
)
OPENROUTER = ClosedApi(
    name="openrouter",
    host="openrouter.ai",
    path="/api/v1",
    model="openai/gpt-5-mini",
    price_ref="openrouter/openai/gpt-5-mini",
    listing={
        "data": [
            {
                "id": "openai/gpt-5-mini",
                "name": "Mini",
                "created": 1754000000,
                "context_length": 400000,
                "pricing": {"prompt": "0.00000025", "completion": "0.000002"},
                "supported_parameters": ["max_tokens", "response_format", "seed"],
            }
        ]
    },
)
ALL = (OPENAI, ANTHROPIC, GOOGLE, OPENROUTER)
EMBEDDING = replace(
    OPENAI,
    model="text-embedding-3-small",
    price_ref="openai/text-embedding-3-small",
    listing={
        "object": "list",
        "data": [
            *OPENAI.listing["data"],
            {"id": "text-embedding-3-small", "object": "model", "created": 1705000000, "owned_by": "system"},
            {"id": "text-embedding-not-priced", "object": "model", "created": 1790000000, "owned_by": "system"},
        ],
    },
)
"""The first one with its embedders: *Embeddings* of its reference has the shape of what they send."""


def event(api: ClosedApi, *, delta: Mapping[str, Any] | None = None, finish: str | None = None, **more: Any) -> str:
    """Return one event of a stream: a piece of the answer, or without a piece one with empty choices."""
    choices = [] if delta is None else [{"index": 0, "delta": dict(delta), "finish_reason": finish}]
    model = api.model.removeprefix("models/")
    chunk = {"id": "made-up-1", "object": "chat.completion.chunk", "created": 1790000001, "model": model}
    return f"data: {json.dumps({**chunk, 'choices': choices, **more})}\n\n"


def usage_of_openai(prompt: int = 60, answer: int = 45, *, cached: int = 32, thinking: int = 38) -> dict[str, Any]:
    """Return tokens as OpenAI tells them: thinking is part of the answer's."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thinking,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def by_openai(text: str = LABEL, *, usage: Any = None, finish: str = "stop", told: bool = True) -> Played:
    """Stream an answer as OpenAI does: no usage until a last event with empty choices; padding beside the pieces."""
    first = {"role": "assistant", "content": "", "refusal": None}
    pieces = [event(OPENAI, delta={"content": part}, usage=None, obfuscation="x7") for part in parts(text)]
    ending = [event(OPENAI, delta={}, finish=finish, usage=None)]
    counted = [event(OPENAI, usage=usage_of_openai() if usage is None else usage)] if told else []
    return Played(events=[event(OPENAI, delta=first, usage=None), *pieces, *ending, *counted, DONE])


def by_anthropic(text: str = "billing", *, finish: str = "stop") -> Played:
    """Stream an answer as Anthropic's compatible address does: details of the tokens are always empty."""
    usage = {"prompt_tokens": 71, "completion_tokens": 6, "total_tokens": 77}
    pieces = [event(ANTHROPIC, delta={"content": part}) for part in parts(text)]
    return Played(events=[*pieces, event(ANTHROPIC, delta={}, finish=finish), event(ANTHROPIC, usage=usage), DONE])


def by_google(text: str = LABEL, *, finish: str = "stop", thinking: int = 405) -> Played:
    """Stream an answer as Google's compatible address does: it counts along with each piece, thinking in the total."""
    told = [
        {"prompt_tokens": 20, "completion_tokens": answer, "total_tokens": 20 + answer + thinking}
        for answer in range(3, 3 + len(parts(text)))
    ]
    thought = event(
        GOOGLE,
        delta={"role": "assistant", "content": "It is about money.", "extra_content": {"google": {"thought": True}}},
    )
    pieces = [
        event(GOOGLE, delta={"role": "assistant", "content": part}, usage=usage)
        for part, usage in zip(parts(text), told, strict=True)
    ]
    ended = event(GOOGLE, delta={"role": "assistant"}, finish=finish, usage=told[-1] if told else None)
    return Played(events=[thought, *pieces, ended, DONE])


def by_openrouter(text: str = LABEL, *, finish: str = "stop", error: Mapping[str, Any] | None = None) -> Played:
    """Stream an answer as OpenRouter does: comments, thinking in a field of its own, an error as an event."""
    thought = {"role": "assistant", "content": "", "reasoning": "It is about money.",
               "reasoning_details": [{"type": "reasoning.text", "text": "It is about money.", "index": 0}]}  # fmt: skip
    head = [KEEP_ALIVE, event(OPENROUTER, delta=thought, provider="OpenAI"), KEEP_ALIVE]
    pieces = [event(OPENROUTER, delta={"content": part}, provider="OpenAI") for part in parts(text)]
    if error is not None:
        broken = event(OPENROUTER, delta={"content": ""}, finish="error", error=dict(error))
        return Played(events=[*head, *pieces, broken, DONE])
    usage = {
        "prompt_tokens": 60,
        "completion_tokens": 45,
        "total_tokens": 105,
        "cost": 0.000098,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 32, "cache_write_tokens": 0, "audio_tokens": 0},
        "cost_details": {"upstream_inference_cost": None},
        "completion_tokens_details": {"reasoning_tokens": 38, "image_tokens": 0},
    }
    ended = event(OPENROUTER, delta={"content": ""}, finish=finish, native_finish_reason="completed")
    counted = event(OPENROUTER, delta={"role": "assistant", "content": ""}, usage=usage)
    return Played(events=[*head, *pieces, ended, counted, DONE])


def refused_by_openai(words: str) -> Played:
    """Stream a refusal as OpenAI does: in a field of its own, and the answer ends as any other."""
    pieces = [event(OPENAI, delta={"refusal": part}, usage=None) for part in parts(words)]
    ended = [event(OPENAI, delta={}, finish="stop", usage=None), event(OPENAI, usage=usage_of_openai(thinking=0)), DONE]
    return Played(events=[event(OPENAI, delta={"role": "assistant", "content": ""}, usage=None), *pieces, *ended])


def failed(status: int, error: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Played:
    """Return an error as OpenAI and OpenRouter send it."""
    return Played(status=status, body={"error": dict(error)}, headers=headers or {})


def failed_by_google(status: int, name: str, words: str, details: Sequence[Mapping[str, Any]] = ()) -> Played:
    """Return an error as Google sends it: in a list of one, with details of its own kinds."""
    error = {"code": status, "message": words, "status": name, "details": list(details)}
    return Played(status=status, body=[{"error": error}])


def parts(text: str) -> list[str]:
    """Cut a text into pieces of a few letters."""
    return [text[at : at + 6] for at in range(0, len(text), 6)]


def stand_in(server: FaultyServer, monkeypatch: pytest.MonkeyPatch, *apis: ClosedApi) -> None:
    """Have a server on this machine answer as the proxy in place of closed APIs, which keep their own addresses.

    A proxy sees what goes over http alone, and the price table knows the addresses with https.
    """
    proxy = server.url.removesuffix("/v1")
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setattr(listing, "price_ref", lambda url, model: prices.price_ref(_encrypted(url), model))
    monkeypatch.setattr(listing, "is_closed_api", lambda url: prices.is_closed_api(_encrypted(url)))
    for api in apis:
        monkeypatch.setenv(variable_for(api.name), PLANTED)
        server.listed = [dict(one) for one in api.listing["data"]]


def _encrypted(url: str) -> str:
    return url.replace("http://", "https://", 1)


def answer_usd(api: ClosedApi = OPENAI, *, prompt: int = 60, cached: int = 32, answer: int = 45) -> float:
    """Return what an answer costs by the price table: by default each one of `by_openai` that tells its tokens."""
    prices = token_prices(api.price_ref)
    assert prices is not None
    return usage_usd(prices, Usage(prompt_tokens=prompt, cached_prompt_tokens=cached, completion_tokens=answer))
