"""A model behind an OpenAI-compatible server: a `LanguageModel`.

What the server refuses for good (a temperature, log-probabilities) is left out from then on, and `capabilities`
says so; nothing is made up in its place.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from adapters.models.openai_compatible.asking import Gathered, body_of
from adapters.models.openai_compatible.counting import Counter
from adapters.models.openai_compatible.dialects import ChoiceBy, Dialect, dialect_of
from adapters.models.openai_compatible.door import Door
from adapters.models.openai_compatible.llama_server import LlamaServer, NoOddsError
from adapters.models.openai_compatible.lora import ServedLora, served_lora
from adapters.models.remote.label_odds import label_probabilities, written_label
from adapters.models.remote.reading import ask_along, patiently, read_along
from engine.capabilities import Capabilities, Support
from engine.errors import (
    BrokenAnswerError,
    CancelledError,
    ContextOverflowError,
    ModelError,
    RefusedOptionError,
    UnknownModelError,
    UnsupportedError,
)
from engine.ports import CancelSignal, Completion, GenerateRequest, Message, ModelFacts, TextPiece, TokenPair
from engine.prediction import Usage
from engine.variant import DecodingMode

PARALLEL = 4
"""Rows in flight at once in throughput mode, unless told otherwise."""


class OpenAICompatibleModel:
    """One model of one server."""

    def __init__(self, facts: ModelFacts, door: Door, dialect: Dialect, *, parallel: int = PARALLEL) -> None:
        """Take the facts, whose `path` is the name that the server knows, and the door to the server."""
        self._facts = facts
        self._door = door
        self._dialect = dialect
        self._name = facts.path
        self._parallel = max(1, parallel)
        self._context_tokens = facts.context_tokens
        self._without: frozenset[str] = frozenset()
        self._native = LlamaServer(door.post)
        self._counter = Counter(door, dialect, self._name, self._native)
        self._lora: ServedLora | None = None
        self._jitter = random.Random(facts.id)
        self._learning = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do, as far as it is known by now."""
        known = self._dialect.capabilities
        if "logprobs" in self._without:
            reason = "The server sends no log-probabilities."
            known = replace(
                known,
                logprobs=Support.NO,
                choice_probabilities=Support.NO,
                reasons={**known.reasons, "logprobs": reason, "choice_probabilities": reason},
            )
        if "response_format" in self._without:
            words = "The server knows no JSON schema: answers are free text that is read."
            known = replace(
                known,
                choice=Support.NO,
                json_schema=Support.NO,
                reasons={**known.reasons, "choice": words, "json_schema": words},
            )
        return known

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model."""
        return self._facts

    @property
    def rss_bytes(self) -> int:
        """Nothing is held here; what the server holds is not known."""
        return 0

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:  # noqa: ARG002
        """Look whether the server is there and holds the model; return the seconds that took.

        Raises:
            ModelError: it is not, or does not.
        """
        started = time.perf_counter()
        listed = ask_along(self._door.models, cancel=cancel, server=self._door.host)
        if self._name not in {one["id"] for one in listed}:
            raise UnknownModelError(
                f"The server at {self._door.host} has no model '{self._name}'.", "Choose one that it lists."
            )
        self._dialect = dialect_of(listed, closed=bool(self._facts.price_ref))
        self._counter = Counter(self._door, self._dialect, self._name, self._native)
        known = self._facts.context_tokens
        self._context_tokens = min(context_tokens, known) if known else context_tokens
        self._lora = served_lora(self._door, self._dialect, self._name, listed)
        return time.perf_counter() - started

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request: pieces of text, then the completion.

        Raises:
            ModelError: by what happened; see `engine.errors`.
            CancelledError: cancelled.
        """
        if request.lora and (self._lora is None or request.lora != self._lora.name):
            raise UnsupportedError(
                f"The server at {self._door.host} does not serve the LoRA weights '{request.lora[-60:]}'.",
                "Leave LoRA out, or start the server with these weights; docs/backends.md says how.",
            )
        if self._dialect.choice_by is ChoiceBy.TOKENS and request.decoding.mode is DecodingMode.CHOICE:
            try:
                yield from self._chosen(request, cancel)
            except NoOddsError:
                # Nothing has been written yet. The grammar has no odds that can be told, and none are told.
                grammar = replace(self._dialect, choice_by=ChoiceBy.GRAMMAR)
                for item in self._written(request, cancel, None, grammar):
                    yield replace(item, probabilities={}) if isinstance(item, Completion) else item
            return
        prompt_tokens = self._checked_room(request)
        while True:
            try:
                yield from self._written(request, cancel, prompt_tokens, self._dialect)
            except RefusedOptionError as error:
                self._do_without(error, request)
                continue
            return

    def _chosen(self, request: GenerateRequest, cancel: CancelSignal | None) -> Iterator[TextPiece | Completion]:
        """Choose a label over its own tokens, as llama.cpp does here."""

        def heed() -> None:
            if cancel is not None and cancel.is_set():
                raise CancelledError("The answer was stopped.")

        started = time.perf_counter()
        labels = request.decoding.labels

        def choose() -> tuple[str, int, Any]:
            text, tokens = self._native.prompt(request.messages)
            self._check_fit(len(tokens), self._native.trie(labels).longest)
            return text, len(tokens), self._native.choose(tokens, labels, lora=self._lora_body(request), heed=heed)

        def attempt() -> tuple[str, int, Any]:
            return ask_along(choose, cancel=cancel, server=self._door.host)

        text, count, found = patiently(attempt, cancel=cancel, jitter=self._jitter)
        yield TextPiece(text=found.label)
        yield Completion(
            text=found.label,
            usage=Usage(prompt_tokens=count, cached_prompt_tokens=found.cached_tokens, completion_tokens=found.tokens),
            prefill_s=found.prefill_s,
            decode_s=found.decode_s,
            ttft_s=time.perf_counter() - started,
            probabilities=found.probabilities,
            prompt=text,
        )

    def _written(
        self, request: GenerateRequest, cancel: CancelSignal | None, prompt_tokens: int | None, dialect: Dialect
    ) -> Iterator[TextPiece | Completion]:
        """Have the answer written by the server."""
        choice = request.decoding.mode is DecodingMode.CHOICE
        gathered, chunks = self._begun(request, cancel, dialect)
        for chunk in chunks:
            text = gathered.take(chunk)
            if text and not choice:
                yield TextPiece(text=text)
        gathered.check(self._door.host)
        ended = time.perf_counter()
        text = gathered.text
        if choice:
            text = written_label(text, request.decoding.labels)
            yield TextPiece(text=text)
        yield self._completion(request, gathered, text, ended, prompt_tokens)

    def _begun(
        self, request: GenerateRequest, cancel: CancelSignal | None, dialect: Dialect
    ) -> tuple[Gathered, Iterator[Any]]:
        """Send the request, again while the server is busy, until its first chunk is here."""
        body = body_of(request, dialect, model=self._served_name(request), without=self._without)
        if lora := self._lora_body(request):
            body.setdefault("extra_body", {})["lora"] = lora

        def attempt() -> tuple[Gathered, Iterator[Any]]:
            gathered = Gathered()
            chunks = read_along(self._opened(body), cancel=cancel, server=self._door.host)
            first = next(chunks, None)
            return gathered, _with_first(first, chunks)

        return patiently(attempt, cancel=cancel, jitter=self._jitter)

    def _opened(self, body: Mapping[str, Any]) -> Callable[[], Iterator[Any]]:
        def chunks() -> Iterator[Any]:
            with self._door.translated(self._name):
                raw = self._door.client.chat.completions.with_raw_response.create(**body)
                kind = raw.headers.get("content-type", "")
                if "json" not in kind and "event-stream" not in kind:
                    raise BrokenAnswerError(
                        f"The server at {self._door.host} sent '{kind[:40]}' instead of JSON.",
                        "Look at its address: most end in /v1.",
                    )
                reply = raw.parse()
                if not body["stream"]:
                    yield reply
                    return
                with reply:
                    yield from reply

        return chunks

    def _completion(
        self, request: GenerateRequest, gathered: Gathered, text: str, ended: float, prompt_tokens: int | None
    ) -> Completion:
        choice = request.decoding.mode is DecodingMode.CHOICE
        first_at = gathered.first_at or ended
        timings = gathered.timings
        usage = gathered.usage or Usage(
            prompt_tokens=prompt_tokens or 0, completion_tokens=len(gathered.steps) or gathered.pieces
        )
        if "cache_n" in timings and not usage.cached_prompt_tokens:
            usage = replace(usage, cached_prompt_tokens=int(timings["cache_n"]))
        thinking_s = (gathered.answer_at or ended) - first_at if gathered.thinking else None
        return Completion(
            text=text,
            usage=usage,
            prefill_s=float(timings["prompt_ms"]) / 1000 if "prompt_ms" in timings else first_at - gathered.started,
            decode_s=float(timings["predicted_ms"]) / 1000 if "predicted_ms" in timings else ended - first_at,
            ttft_s=(ended if choice else first_at) - gathered.started,
            probabilities=label_probabilities(request.decoding.labels, gathered.steps) if choice else {},
            prompt="\n\n".join(f"[{message.role}]\n{message.content}" for message in request.messages),
            finish="length" if gathered.finish == "length" else "stop",
            thinking=gathered.thinking,
            thinking_s=thinking_s,
        )

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer several requests, so many at once as the bound allows; a failed one yields its error."""
        most = self._parallel if self._dialect.capabilities.batching is Support.YES else 1

        def one(request: GenerateRequest) -> Completion | Exception:
            try:
                found = [item for item in self.generate(request, cancel=cancel) if isinstance(item, Completion)]
            except ModelError as error:
                return error
            return found[-1]

        with ThreadPoolExecutor(max_workers=most, thread_name_prefix="rows in flight") as pool:
            return list(pool.map(one, requests))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count, or estimate, the tokens of a prompt; `capabilities.counts_tokens` says which."""
        return self._counter.count(messages)

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:  # noqa: ARG002
        """Refuse: the weights are not on this machine.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"LoRA weights cannot be trained for a model at {self._door.host}: its weights are not on this machine.",
            "Train on the same model as a GGUF file here; docs/backends.md says how to serve the result.",
        )

    def served_lora(self) -> str | None:
        """Name the LoRA weights that the server serves for this model.

        Raises:
            UnsupportedError: it serves none, or more than one.
        """
        if self._lora is None:
            self._lora = served_lora(self._door, self._dialect, self._name, self._door.models())
        if self._lora is None:
            raise UnsupportedError(
                f"The server at {self._door.host} serves no LoRA weights for '{self._name}'.",
                "Leave LoRA out, or start the server with weights; docs/backends.md says how.",
            )
        return self._lora.name

    def close(self) -> None:
        """Close the connections."""
        self._door.close()

    def _served_name(self, request: GenerateRequest) -> str:
        return self._lora.model if request.lora and self._lora and self._lora.model else self._name

    def _lora_body(self, request: GenerateRequest) -> list[dict[str, Any]]:
        """Return llama-server's switch of LoRA weights: on for this request, or off, whatever the server's default."""
        if self._lora is None or self._lora.number is None:
            return []
        return [{"id": self._lora.number, "scale": request.lora_scale if request.lora else 0.0}]

    def _checked_room(self, request: GenerateRequest) -> int | None:
        """Count the prompt where the server helps to, and refuse one that does not fit."""
        if not self._counter.asks_server:
            return None
        count = self._counter.count(request.messages)
        self._check_fit(count, request.decoding.max_tokens)
        return count

    def _check_fit(self, prompt: int, answer: int) -> None:
        if self._context_tokens and prompt + answer > self._context_tokens:
            raise ContextOverflowError(
                f"The prompt has {prompt} tokens and the answer up to {answer}; "
                f"the context holds {self._context_tokens}.",
                "Retrieve or show less, or choose a larger context.",
            )

    def _do_without(self, error: RefusedOptionError, request: GenerateRequest) -> None:
        """Leave an option out that the server refused, unless the answer would not be what was asked for."""
        needed = error.option == "response_format" and request.decoding.mode is DecodingMode.JSON
        with self._learning:
            if needed or error.option in self._without:
                raise UnsupportedError(error.what, error.mend) from error
            self._without |= {error.option}


def _with_first(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    if first is not None:
        yield first
    yield from rest
