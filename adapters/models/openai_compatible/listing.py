"""The models of one OpenAI-compatible server as facts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import CLOSED, GENERIC, LLAMA_SERVER, Dialect, dialect_of
from adapters.models.openai_compatible.prices import is_closed_api, price_ref
from adapters.models.remote.border import UnreadableError, count_of, text_of
from engine.core.errors import ModelError
from engine.core.generation import ModelFacts

_ANSWERS_NOTHING = re.compile(
    r"embed|tts|whisper|transcri|dall-e|image|audio|realtime|moderation|sora|rerank|guard", re.IGNORECASE
)
"""In the names of closed APIs' models that do not answer in text; their lists do not say which kind a model is."""

LONGEST_FACT = 40
_CONTEXT_NAMES = ("max_model_len", "context_window", "context_length")
"""vLLM's, Groq's and OpenRouter's names for the size of a model's context."""


def list_models(client: Client) -> list[ModelFacts]:
    """Return what a server lists, of closed APIs those that answer in text.

    Raises:
        ModelError: the list cannot be fetched.
    """
    found = all_models(client)
    return [facts for facts in found if not (facts.backend == CLOSED.name and _ANSWERS_NOTHING.search(facts.name))]


def all_models(client: Client) -> list[ModelFacts]:
    """Return what a server lists; LoRA weights that are listed as models of their own are left out.

    Raises:
        ModelError: the list cannot be fetched.
    """
    listed = [one for one in client.models() if not one.get("parent")]
    return [_facts(client, one, listed) for one in listed]


def _facts(client: Client, one: Mapping[str, Any], listed: list[dict[str, Any]]) -> ModelFacts:
    name = str(one["id"])
    told = one.get("meta")
    meta: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    shown = shown_name(name)
    price = price_ref(client.url, name)
    dialect = dialect_of(listed, closed=bool(price))
    if dialect is GENERIC and is_closed_api(client.url):
        dialect = CLOSED  # a model without a known price
    return ModelFacts(
        id=f"{client.name}/{shown}",
        name=shown,
        backend=dialect.name,
        path=name,
        architecture="",
        quantization=str(meta.get("ftype") or "not said")[:LONGEST_FACT],
        size_bytes=count_of(meta.get("size")),
        context_tokens=count_of(meta.get("n_ctx") or next(filter(None, map(one.get, _CONTEXT_NAMES)), None)),
        parameters=count_of(meta.get("n_params")),
        chat_template=None,
        # The server does not show the weights: only model and server can be distinguished.
        digest=hashlib.sha256(f"{client.url} {name} {meta.get('size', '')}".encode()).hexdigest(),
        server=client.url,
        price_ref=price,
    )


def not_taken(listed: Sequence[Mapping[str, Any]], name: str) -> frozenset[str]:
    """Return the options that a server's list says a model does not take; none where the list says nothing of it.

    OpenRouter ignores what a model does not take (*List available models*, `supported_parameters`).
    """
    told = next((one.get("supported_parameters") for one in listed if one["id"] == name), None)
    if not isinstance(told, list):
        return frozenset()
    told = [name for name in told if isinstance(name, str)]
    taken = {*told, *(("response_format",) if "structured_outputs" in told else ())}
    asked = {"temperature", "seed", "stop", "logprobs", "response_format", "max_completion_tokens"}
    return frozenset(asked - taken)


def shown_name(name: str) -> str:
    """Return a model's name as it is shown: of the path of a file its last part, of any other name all."""
    is_path = name.startswith(("/", "./", "~")) or "\\" in name or name.lower().endswith(".gguf")
    return PurePosixPath(name.replace("\\", "/")).name if is_path else name


def is_held(listed: Sequence[Mapping[str, Any]], name: str, dialect: Dialect) -> bool:
    """Tell whether a server holds a model, as far as its list says.

    A llama-server that was started without a model loads one when it is asked about it (*Using multiple models* of its
    README: `status`).
    """
    told = next((one.get("status") for one in listed if one["id"] == name), None)
    return dialect is not LLAMA_SERVER or not isinstance(told, Mapping) or told.get("value") == "loaded"


def version_of(client: Client, dialect: Dialect, model: str) -> str:
    """Return a server's version as it tells it for a model; empty for one that tells none, or cannot just now."""
    if dialect.version_at is None:
        return ""
    route, field = dialect.version_at
    with suppress(ModelError, UnreadableError):
        told = client.get(route, model=model) if dialect is LLAMA_SERVER else client.get(route)
        found = text_of(told.get(field))[:LONGEST_FACT] if isinstance(told, Mapping) else ""
        return "" if "unknown" in found else found  # llama.cpp built without its history: b0-unknown
    return ""
