"""A model behind an OpenAI-compatible server: a `LanguageModel`.

What the server refuses for good (a temperature, log-probabilities) is left out from then on, and `capabilities`
says so; nothing is made up in its place.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from adapters.models.openai_compatible.answers import StreamAccumulator, completion_of, exchange_of
from adapters.models.openai_compatible.asking import body_of
from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.counting import Counter
from adapters.models.openai_compatible.dialects import CLOSED, VLLM, ChoiceBy, Dialect, dialect_of, without_options
from adapters.models.openai_compatible.label_scoring import Addressed, LabelScorer, NoOddsError
from adapters.models.openai_compatible.listing import not_taken
from adapters.models.openai_compatible.llama_server import LlamaServer
from adapters.models.openai_compatible.lora import ServedLora, served_loras, the_only
from adapters.models.openai_compatible.usage import usage_of
from adapters.models.openai_compatible.vllm_server import VllmServer
from adapters.models.remote.label_odds import written_label
from adapters.models.remote.reading import answer_all, cancellable_call, cancellable_stream, with_retries
from engine.core.capabilities import Capabilities, Support
from engine.core.errors import (
    BrokenAnswerError,
    CancelledError,
    ContextOverflowError,
    ModelError,
    RefusedOptionError,
    UnknownModelError,
    UnsupportedError,
)
from engine.core.generation import Completion, GenerateRequest, LoraWeights, Message, ModelFacts, TextPiece, TokenPair
from engine.core.run.prediction import Usage
from engine.core.steps import CancelSignal
from engine.core.variant import DecodingMode

PARALLEL = 4
"""Rows in flight at once in throughput mode, unless told otherwise."""


class OpenAICompatibleModel:
    """One model of one server."""

    def __init__(self, facts: ModelFacts, client: Client, dialect: Dialect, *, parallel: int = PARALLEL) -> None:
        """Take the facts, whose `path` is the name that the server knows, and the client to the server."""
        self._facts = facts
        self._client = client
        self._name = facts.path
        self._parallel = max(1, parallel)
        self._context_tokens = facts.context_tokens
        self._without: frozenset[str] = frozenset()
        self._speak(dialect)
        self._served: tuple[ServedLora, ...] = ()
        self._jitter = random.Random(facts.id)
        self._learning = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do, as far as it is known so far."""
        return without_options(self._dialect.capabilities, self._without)

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model."""
        return self._facts

    @property
    def answered_by(self) -> str:
        """The kind of server; none tells its version in a common way."""
        return self._dialect.title

    @property
    def rss_bytes(self) -> int:
        """Nothing is held here; what the server holds is not known."""
        return 0

    @property
    def uses_gpu(self) -> bool:
        """Whether it computes on a GPU of this machine: a server does not report it."""
        return False

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:  # noqa: ARG002
        """Check whether the server is running and has the model; return the seconds that took.

        Raises:
            ModelError: it is not running, or does not have it.
        """
        started = time.perf_counter()
        listed = cancellable_call(self._client.models, cancel=cancel, server=self._client.host)
        if self._name not in {one["id"] for one in listed}:
            raise UnknownModelError(
                f"The server at {self._client.host} has no model '{self._name}'.", "Choose one that it lists."
            )
        self._speak(dialect_of(listed, closed=self._is_closed))
        self._without |= not_taken(listed, self._name)
        known = self._facts.context_tokens
        self._context_tokens = min(context_tokens, known) if known else context_tokens
        self._served = served_loras(self._client, self._dialect, self._name, listed)
        return time.perf_counter() - started

    def _speak(self, dialect: Dialect) -> None:
        self._dialect = dialect
        post = self._client.post
        self._native: LabelScorer = VllmServer(post, self._name) if dialect is VLLM else LlamaServer(post)
        self._counter = Counter(self._client, dialect, self._native)

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request: pieces of text, then the completion.

        Raises:
            ModelError: by what happened; see `engine.core.errors`.
            CancelledError: cancelled.
        """
        if request.lora and self._wanted_lora(request) is None:
            raise UnsupportedError(
                f"The server at {self._client.host} does not serve the LoRA weights '{request.lora.locator[-60:]}'.",
                "Leave LoRA out, or start the server with these weights; docs/backends.md says how.",
            )
        spoken = self._dialect
        if spoken.choice_by is ChoiceBy.TOKENS and request.decoding.mode is DecodingMode.CHOICE:
            try:
                yield from self._chosen(request, cancel)
                return  # noqa: TRY300 - what follows asks in another way
            except NoOddsError:  # nothing has been written yet
                if spoken.older is None:
                    # With a grammar, probabilities are not known, and none are reported.
                    grammar = replace(spoken, choice_by=ChoiceBy.GRAMMAR)
                    for item in self._written(request, cancel, None, grammar):
                        yield replace(item, probabilities={}) if isinstance(item, Completion) else item
                    return
                self._dialect = spoken.older
        prompt_tokens = self._checked_room(request)
        while True:
            without = self._without
            try:
                yield from self._written(request, cancel, prompt_tokens, self._dialect)
            except RefusedOptionError as error:
                self._do_without(error, request, without)
                continue
            return

    def _chosen(self, request: GenerateRequest, cancel: CancelSignal | None) -> Iterator[TextPiece | Completion]:
        """Choose a label over its own tokens, as llama.cpp does here."""

        def check_cancelled() -> None:
            if cancel is not None and cancel.is_set():
                raise CancelledError("The answer was stopped.")

        started = time.perf_counter()
        labels = request.decoding.labels

        def choose() -> tuple[str, int, Any]:
            text, tokens = self._native.prompt(request.messages)
            self._check_fit(len(tokens), self._native.trie(labels).longest)
            return (
                text,
                len(tokens),
                self._native.choose(
                    tokens,
                    labels,
                    every_label=request.decoding.every_label,
                    to=Addressed(model=self._served_name(request), lora=self._lora_body(request)),
                    check_cancelled=check_cancelled,
                ),
            )

        def attempt() -> tuple[str, int, Any]:
            return cancellable_call(choose, cancel=cancel, server=self._client.host)

        text, count, found = with_retries(attempt, cancel=cancel, jitter=self._jitter)
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
        """Have the answer written by the server.

        An answer that is broken off or withheld has its tokens with the error, where they are told or paid for.
        """
        choice = request.decoding.mode is DecodingMode.CHOICE
        body = body_of(request, dialect, model=self._served_name(request), without=self._without)
        if lora := self._lora_body(request):
            body.setdefault("extra_body", {})["lora"] = lora
        gathered = StreamAccumulator()
        known = partial(exchange_of, request, body, prompt_tokens=prompt_tokens, paid=self._is_closed)
        try:
            gathered, chunks = self._begun(body, cancel)
            for chunk in chunks:
                text = gathered.take(chunk)
                if text and not choice:
                    yield TextPiece(text=text)
            gathered.check(self._client.host)
        except ModelError as error:
            taken = gathered.began or isinstance(error, BrokenAnswerError)
            if error.usage is None and taken and (self._is_closed or gathered.told is not None):
                error.usage = usage_of(gathered.told, known(gathered=gathered, whole=gathered.finish is not None))
            raise
        ended = time.perf_counter()
        text = gathered.text
        if choice:
            self._notice_silence(gathered, body)
            text = written_label(text, request.decoding.labels)
            yield TextPiece(text=text)
        yield completion_of(request, gathered, text, ended, usage_of(gathered.told, known(gathered=gathered)))

    def _begun(self, body: Mapping[str, Any], cancel: CancelSignal | None) -> tuple[StreamAccumulator, Iterator[Any]]:
        """Send the request, again while the server is busy, until its first chunk arrives."""

        def attempt() -> tuple[StreamAccumulator, Iterator[Any]]:
            gathered = StreamAccumulator()
            chunks = cancellable_stream(self._opened(body), cancel=cancel, server=self._client.host)
            first = next(chunks, None)
            return gathered, chain(() if first is None else (first,), chunks)

        return with_retries(attempt, cancel=cancel, jitter=self._jitter)

    def _opened(self, body: Mapping[str, Any]) -> Callable[[], Iterator[Any]]:
        def chunks() -> Iterator[Any]:
            with self._client.translated(self._name):
                raw = self._client.api.chat.completions.with_raw_response.create(**body)
                kind = raw.headers.get("content-type", "")
                if "json" not in kind and "event-stream" not in kind:
                    error = BrokenAnswerError(
                        f"The server at {self._client.host} sent '{kind[:40]}' instead of JSON.",
                        "Check its address: most end in /v1.",
                    )
                    error.usage = Usage()  # no model has answered
                    raise error
                reply = raw.parse()
                if not body["stream"]:
                    yield reply
                    return
                with reply:
                    yield from reply

        return chunks

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer several requests, as many at once as the limit allows; a failed one yields its error."""
        most = self._parallel if self._dialect.capabilities.batching is Support.YES else 1
        return answer_all(partial(self.generate, cancel=cancel), requests, at_once=most)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count, or estimate, the tokens of a prompt; `capabilities.counts_tokens` says which."""
        return self._counter.count(messages)

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:  # noqa: ARG002
        """Refuse: the weights are not on this machine.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"LoRA weights cannot be trained for a model at {self._client.host}: its weights are not on this machine.",
            "Train on the same model as a GGUF file here; docs/backends.md says how to serve the result.",
        )

    def served_lora(self) -> LoraWeights | None:
        """Return the LoRA weights that the server serves for this model.

        Raises:
            UnsupportedError: it serves none, or more than one.
        """
        if not self._served:
            self._served = served_loras(self._client, self._dialect, self._name, self._client.models())
        return LoraWeights(key=None, locator=the_only(self._served, self._facts.name, self._client.host).name)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def _is_closed(self) -> bool:
        """Tell whether a closed API answers, where tokens are paid for."""
        return bool(self._facts.price_ref) or self._dialect is CLOSED

    def _wanted_lora(self, request: GenerateRequest) -> ServedLora | None:
        return next((lora for lora in self._served if request.lora and lora.name == request.lora.locator), None)

    def _served_name(self, request: GenerateRequest) -> str:
        wanted = self._wanted_lora(request)
        return wanted.model if wanted is not None and wanted.model else self._name

    def _lora_body(self, request: GenerateRequest) -> list[dict[str, Any]]:
        """Return llama-server's switch of LoRA weights: on for this request, or off, whatever the server's default.

        Weights that a request's list does not name are off.
        """
        numbers = [lora.number for lora in self._served if lora.number is not None]
        if not numbers:
            return []
        wanted = self._wanted_lora(request)
        if wanted is None:
            return [{"id": numbers[0], "scale": 0.0}]
        return [{"id": wanted.number, "scale": request.lora_scale}]

    def _checked_room(self, request: GenerateRequest) -> int | None:
        """Count the prompt where the server supports it, and refuse one that does not fit."""
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

    def _do_without(self, error: RefusedOptionError, request: GenerateRequest, without: frozenset[str]) -> None:
        """Leave an option out that the server refused, unless the answer would not be what was asked for.

        Other rows in flight may have been refused the same: `without` is what this one was asked without.
        """
        needed = error.option == "response_format" and request.decoding.mode is DecodingMode.JSON
        with self._learning:
            if needed or error.option in without:
                raise UnsupportedError(error.what, error.fix) from error
            self._without |= {error.option}

    def _notice_silence(self, gathered: StreamAccumulator, body: Mapping[str, Any]) -> None:
        """Some servers take the wish for log-probabilities and ignore it: do not ask again, and say so."""
        if body.get("logprobs") and gathered.text and not gathered.steps:
            with self._learning:
                self._without |= {"logprobs"}
