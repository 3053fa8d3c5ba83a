"""What is sent for a request, and what an answer's pieces add up to. Pure functions, apart from the gathering."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.models.openai_compatible.dialects import ChoiceBy, Dialect
from adapters.models.openai_compatible.llama_server import NO_THINKING, as_dicts, as_text
from adapters.models.remote.label_odds import Step, label_probabilities, label_schema
from engine.core.errors import BrokenAnswerError, UnsupportedError, UsageError
from engine.core.generation import Completion, Decoding, GenerateRequest
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode

THINKING_ROOM_TOKENS = 1024
"""Added to the longest answer at closed APIs, whose models may think before they answer; thinking is billed."""
LISTED_TOKENS = 20
"""Most alternatives per token that servers list."""
_LARGEST_SEED = 2**31 - 1


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
        dialect.max_tokens_name: decoding.max_tokens + room,
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
        if decoding.json_schema is None:
            raise UsageError("JSON decoding needs a JSON schema.", "Give the task one, or use free text.")
        if "response_format" in without:
            raise UnsupportedError("The server does not support JSON schemas.", "Choose free text as the decoding.")
        schema = decoding.json_schema
    if schema is None:
        return
    if dialect.schema_in_json_object:
        body["response_format"] = {"type": "json_object", "schema": dict(schema)}
    else:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(schema), "strict": True},
        }


class StreamAccumulator:
    """An answer as it comes in, piece by piece."""

    def __init__(self) -> None:
        """Begin with nothing, now."""
        self.text = ""
        self.thinking = ""
        self.steps: list[Step] = []
        self.finish: str | None = None
        self.usage: Usage | None = None
        self.timings: Mapping[str, Any] = {}
        self.pieces = 0
        self.started = time.perf_counter()
        self.first_at: float | None = None
        self.answer_at: float | None = None

    def take(self, chunk: Any) -> str:
        """Take a chunk of a stream, or a whole answer; return the text it adds."""
        extra = getattr(chunk, "model_extra", None) or {}
        if isinstance(extra.get("timings"), Mapping):
            self.timings = extra["timings"]
        if getattr(chunk, "usage", None) is not None:
            self.usage = usage_of(chunk.usage)
        if not getattr(chunk, "choices", None):
            return ""
        choice = chunk.choices[0]
        part = getattr(choice, "delta", None) or getattr(choice, "message", None)
        thought = _thought(part)
        text = str(getattr(part, "content", None) or "")
        if thought or text:
            now = time.perf_counter()
            self.first_at = self.first_at or now
            self.pieces += 1
            if text:
                self.answer_at = self.answer_at or now
        self.thinking += thought
        self.text += text
        self.steps += _steps(choice)
        self.finish = choice.finish_reason or self.finish
        return text

    def check(self, host: str) -> None:
        """Refuse an incomplete answer.

        Raises:
            BrokenAnswerError: the stream ended early, or the server withheld the answer.
        """
        if self.finish is None:
            raise BrokenAnswerError(
                f"The server at {host} sent part of an answer ({len(self.text)} characters)."
                if self.text
                else f"The server at {host} ended without an answer.",
                "Check whether it is still running, then try again.",
            )
        if self.finish == "content_filter":
            raise BrokenAnswerError(f"The server at {host} withheld its answer (filter).", "Change the prompt.")


def usage_of(usage: Any) -> Usage:
    """Return the tokens that a server reports."""
    prompt, answer = getattr(usage, "prompt_tokens_details", None), getattr(usage, "completion_tokens_details", None)
    return Usage(
        prompt_tokens=int(usage.prompt_tokens or 0),
        cached_prompt_tokens=int(getattr(prompt, "cached_tokens", None) or 0),
        completion_tokens=int(usage.completion_tokens or 0),
        thinking_tokens=int(getattr(answer, "reasoning_tokens", None) or 0),
    )


def _thought(part: Any) -> str:
    extra = getattr(part, "model_extra", None) or {}
    thought = extra.get("reasoning_content") or extra.get("reasoning")
    return thought if isinstance(thought, str) else ""


def _steps(choice: Any) -> list[Step]:
    listed = getattr(getattr(choice, "logprobs", None), "content", None) or []
    return [
        Step(
            str(one.token),
            float(one.logprob),
            tuple((str(other.token), float(other.logprob)) for other in (one.top_logprobs or [])),
        )
        for one in listed
    ]


def completion_of(
    request: GenerateRequest, gathered: StreamAccumulator, text: str, ended: float, prompt_tokens: int | None
) -> Completion:
    """Return the whole answer. Seconds are the server's own where it reports them, else those measured here."""
    choice = request.decoding.mode is DecodingMode.CHOICE
    first_at = gathered.first_at or ended
    timings = gathered.timings
    usage = gathered.usage or Usage(
        prompt_tokens=prompt_tokens or 0, completion_tokens=len(gathered.steps) or gathered.pieces
    )
    if "cache_n" in timings and not usage.cached_prompt_tokens:
        usage = replace(usage, cached_prompt_tokens=int(timings["cache_n"]))
    return Completion(
        text=text,
        usage=usage,
        prefill_s=float(timings["prompt_ms"]) / 1000 if "prompt_ms" in timings else first_at - gathered.started,
        decode_s=float(timings["predicted_ms"]) / 1000 if "predicted_ms" in timings else ended - first_at,
        ttft_s=(ended if choice else first_at) - gathered.started,
        probabilities=label_probabilities(request.decoding.labels, gathered.steps) if choice else {},
        prompt=as_text(request.messages),
        finish="length" if gathered.finish == "length" else "stop",
        thinking=gathered.thinking,
        thinking_s=(gathered.answer_at or ended) - first_at if gathered.thinking else None,
    )
