"""What is sent for a request, and which options are left out of it since the server does not take them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.models.openai_compatible.dialects import ChoiceBy, Dialect
from adapters.models.openai_compatible.llama_server import NO_THINKING
from adapters.models.remote.bounds import LISTED_TOKENS, THINKING_ROOM_TOKENS
from adapters.models.remote.label_odds import label_schema
from adapters.models.remote.messages import as_dicts
from engine.core.errors import RefusedOptionError, UnsupportedError
from engine.core.generation import Decoding, GenerateRequest
from engine.core.variant import DecodingMode

_LARGEST_SEED = 2**31 - 1
LIMIT_NAMES = ("max_completion_tokens", "max_tokens")
"""What servers call the longest answer: one that refuses its usual name is asked by the other."""


def label_grammar(labels: Sequence[str]) -> str:
    """Return a grammar, in llama.cpp's form, of only the labels."""
    return "root ::= " + " | ".join(json.dumps(label, ensure_ascii=False) for label in labels)


def body_of(request: GenerateRequest, dialect: Dialect, *, model: str, without: frozenset[str]) -> dict[str, Any]:
    """Return the body of a chat completion; options that the server has refused are left out."""
    decoding = request.decoding
    choice = decoding.mode is DecodingMode.CHOICE
    room = THINKING_ROOM_TOKENS if dialect.max_tokens_name == "max_completion_tokens" else 0
    body: dict[str, Any] = {
        "model": model,
        "messages": as_dicts(request.messages),
        "temperature": decoding.temperature,
        "seed": decoding.seed % _LARGEST_SEED,
        _limit_name(dialect, without): decoding.max_tokens + room,
        "stream": dialect.usage_in_stream or not choice,
    }
    if body["stream"] and dialect.usage_in_stream:
        body["stream_options"] = {"include_usage": True}
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if choice:
        body |= {"logprobs": True, "top_logprobs": LISTED_TOKENS}
    extra: dict[str, Any] = dict(dialect.sampling)
    if dialect.template_options:
        extra |= {"chat_template_kwargs": dict(NO_THINKING)}
    _hold_to_form(body, extra, decoding, dialect, without)
    for name in without:
        body.pop(name, None)
        extra.pop(name, None)
    if "logprobs" in without:
        body.pop("top_logprobs", None)
    if extra:
        body["extra_body"] = extra
    return body


def _limit_name(dialect: Dialect, without: frozenset[str]) -> str:
    other = next(name for name in LIMIT_NAMES if name != dialect.max_tokens_name)
    return other if dialect.max_tokens_name in without else dialect.max_tokens_name


def is_strict(schema: Any) -> bool:
    """Tell whether a JSON schema leaves nothing open: closed APIs hold an answer only to such a one.

    Every object names all its fields as required and allows no others (OpenAI, *Structured model outputs*).
    """
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if isinstance(properties, Mapping) or schema.get("type") == "object":
        named = set(properties) if isinstance(properties, Mapping) else set()
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != named:
            return False
    return all(map(is_strict, schema.values()))


def _hold_to_form(
    body: dict[str, Any], extra: dict[str, Any], decoding: Decoding, dialect: Dialect, without: frozenset[str]
) -> None:
    """Add what restricts the answer to the labels or to the schema."""
    schema: Mapping[str, Any] | None = None
    if decoding.mode is DecodingMode.CHOICE:
        if dialect.choice_by is ChoiceBy.CHOICE_OPTION:
            extra["structured_outputs"] = {"choice": list(decoding.labels)}
        elif dialect.choice_by is ChoiceBy.GRAMMAR:
            extra["grammar"] = label_grammar(decoding.labels)
        elif "response_format" not in without:
            schema = label_schema(decoding.labels)
    elif decoding.mode is DecodingMode.JSON:
        schema = decoding.needed_schema
        if "response_format" in without:
            raise UnsupportedError("The server does not support JSON schemas.", "Choose free text as the decoding.")
    if schema is None:
        return
    if dialect.schema_in_json_object:
        body["response_format"] = {"type": "json_object", "schema": dict(schema)}
    else:
        strict = not dialect.strict_only or is_strict(schema)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "schema": dict(schema),
                "strict": strict,
            },
        }


class LeftOut:
    """Options that a server does not take, as far as it has shown. Safe to use from several threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self.names: frozenset[str] = frozenset()
        self._learning = threading.Lock()

    def add(self, names: frozenset[str]) -> None:
        """Leave these out from now on."""
        with self._learning:
            self.names |= names

    def refuse(self, error: RefusedOptionError, request: GenerateRequest, without: frozenset[str]) -> None:
        """Leave an option out that the server refused, unless the answer would not be what was asked for.

        Other rows in flight may have been refused the same: `without` is what this one was asked without.

        Raises:
            UnsupportedError: it cannot be left out.
        """
        needed = error.option == "response_format" and request.decoding.mode is DecodingMode.JSON
        if needed or error.option in without:
            raise UnsupportedError(error.what, error.fix) from error
        self.add(frozenset({error.option}))

    def notice_silence(self, body: Mapping[str, Any], *, written: bool, listed: bool) -> None:
        """Some servers take the wish for log-probabilities and ignore it: do not ask again, and say so."""
        if body.get("logprobs") and written and not listed:
            self.add(frozenset({"logprobs"}))
