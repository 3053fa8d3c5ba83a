"""A model behind an OpenAI-compatible server: a `LanguageModel`.

What the server refuses for good (a temperature, log-probabilities) is left out from then on, and `capabilities`
says so; nothing is made up in its place.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from adapters.models.openai_compatible.answers import StreamAccumulator, completion_of, exchange_of, longest_tokens
from adapters.models.openai_compatible.asking import LeftOut, body_of
from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.counting import Counter
from adapters.models.openai_compatible.dialects import CLOSED, VLLM, ChoiceBy, Dialect, dialect_of, without_options
from adapters.models.openai_compatible.label_scoring import Addressed, LabelScorer, NoOddsError
from adapters.models.openai_compatible.listing import is_held, not_taken, version_of
from adapters.models.openai_compatible.llama_server import LlamaServer
from adapters.models.openai_compatible.lora import (
    ServedLora,
    lora_switches,
    served_loras,
    served_name,
    the_only,
    wanted_lora,
)
from adapters.models.openai_compatible.usage import usage_of
from adapters.models.openai_compatible.vllm_server import VllmServer
from adapters.models.remote.bounds import ANSWER_S, MOST_STREAM_BYTES, ROWS_IN_FLIGHT, Patience
from adapters.models.remote.label_odds import written_label
from adapters.models.remote.reading import Waits, answer_all, cancellable_call, cancellable_stream, with_retries
from engine.core.capabilities import Capabilities, Support
from engine.core.errors import (
    BrokenAnswerError,
    ModelError,
    RefusedOptionError,
    UnknownModelError,
    UnsupportedError,
)
from engine.core.generation import (
    Completion,
    GenerateRequest,
    LoraWeights,
    Message,
    ModelFacts,
    TextPiece,
    TokenPair,
    check_fit,
)
from engine.core.run.prediction import Usage
from engine.core.steps import ANSWER_STOPPED, CancelSignal, check_cancelled
from engine.core.text.stop_words import UpToStop
from engine.core.variant import DecodingMode


class OpenAICompatibleModel:
    """One model of one server."""

    def __init__(
        self,
        facts: ModelFacts,
        client: Client,
        dialect: Dialect,
        *,
        parallel: int = ROWS_IN_FLIGHT,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Take the facts, whose `path` is the name that the server knows, the client, and the seconds of an answer."""
        self.facts = facts
        self._client = client
        self._name = facts.path
        self._parallel = max(1, parallel)
        self._patience = Patience(answer_s)
        self._context_tokens = facts.context_tokens
        self._left_out = LeftOut()
        self._version = ""
        self._speak(dialect)
        self._served: tuple[ServedLora, ...] = ()
        self._jitter = random.Random(facts.id)

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do, as far as it is known so far."""
        return without_options(self._dialect.capabilities, self._left_out.names)

    @property
    def answered_by(self) -> str:
        """The kind of server, with its version once it was asked, if it tells one."""
        return f"{self._dialect.title} {self._version}".strip()

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
        self._left_out.add(not_taken(listed, self._name))
        known = self.facts.context_tokens
        self._context_tokens = min(context_tokens, known) if known else context_tokens
        if not is_held(listed, self._name, self._dialect):
            cancellable_call(self._native.bring_in, cancel=cancel, server=self._client.host)
        self._served = served_loras(self._client, self._dialect, self._name, listed)
        self._version = version_of(self._client, self._dialect, self._name)
        return time.perf_counter() - started

    def _speak(self, dialect: Dialect) -> None:
        self._dialect = dialect
        scorer = VllmServer if dialect is VLLM else LlamaServer
        self._native: LabelScorer = scorer(self._client.post, self._name)
        self._counter = Counter(self._client, dialect, self._native)

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None, at_once: int = 1
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request: pieces of text, then the completion.

        Args:
            request: what is asked.
            cancel: stops it.
            at_once: how many requests share the server meanwhile.

        Raises:
            ModelError: by what happened; see `engine.core.errors`.
            CancelledError: cancelled.
        """
        asked = partial(self._answered, request, cancel)
        yield from self._patience.answers(asked, max_tokens=request.decoding.max_tokens, at_once=at_once)

    def _answered(
        self, request: GenerateRequest, cancel: CancelSignal | None, until: float
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request in the way that this server knows."""
        waits = Waits()
        if request.lora and wanted_lora(self._served, request) is None:
            raise UnsupportedError(
                f"The server at {self._client.host} does not serve the LoRA weights '{request.lora.locator[-60:]}'.",
                "Leave LoRA out, or start the server with these weights; docs/backends.md says how.",
            )
        spoken = self._dialect
        if spoken.choice_by is ChoiceBy.TOKENS and request.decoding.mode is DecodingMode.CHOICE:
            try:
                yield from self._chosen(request, cancel, until, waits)
                return  # noqa: TRY300 - what follows asks in another way
            except NoOddsError:  # nothing has been written yet
                if spoken.older is None:
                    # With a grammar, probabilities are not known, and none are reported.
                    grammar = replace(spoken, choice_by=ChoiceBy.GRAMMAR)
                    for item in self._written(request, cancel, until, waits, None, grammar):
                        yield replace(item, probabilities={}) if isinstance(item, Completion) else item
                    return
                self._dialect = spoken.older
        prompt_tokens = self._checked_room(request, cancel, until)
        while True:
            without = self._left_out.names
            try:
                yield from self._written(request, cancel, until, waits, prompt_tokens, self._dialect)
            except RefusedOptionError as error:
                self._left_out.refuse(error, request, without)
                continue
            return

    def _chosen(
        self, request: GenerateRequest, cancel: CancelSignal | None, until: float, waits: Waits
    ) -> Iterator[TextPiece | Completion]:
        """Choose a label over its own tokens, as llama.cpp does here."""
        started = time.perf_counter()
        labels = request.decoding.labels
        name = served_name(self._served, request, self._name)
        to = Addressed(model=name, lora=lora_switches(self._served, request))

        def choose() -> tuple[str, int, Any]:
            text, tokens = self._native.prompt(request.messages)
            check_fit(len(tokens), self._native.trie(labels).longest, self._context_tokens)
            return (
                text,
                len(tokens),
                self._native.choose(
                    tokens,
                    labels,
                    every_label=request.decoding.every_label,
                    to=to,
                    check_cancelled=lambda: check_cancelled(cancel, ANSWER_STOPPED),
                ),
            )

        def attempt() -> tuple[str, int, Any]:
            with self._client.translated(self._name):
                return cancellable_call(choose, cancel=cancel, server=self._client.host, until=until)

        text, count, found = with_retries(attempt, cancel=cancel, until=until, jitter=self._jitter, waits=waits)
        yield TextPiece(text=found.label)
        yield Completion(
            text=found.label,
            usage=Usage(prompt_tokens=count, cached_prompt_tokens=found.cached_tokens, completion_tokens=found.tokens),
            prefill_s=found.prefill_s,
            decode_s=found.decode_s,
            waited_s=waits.seconds,
            ttft_s=max(time.perf_counter() - started - waits.seconds, 0.0),
            probabilities=found.probabilities,
            prompt=text,
        )

    def _written(
        self,
        request: GenerateRequest,
        cancel: CancelSignal | None,
        until: float,
        waits: Waits,
        prompt_tokens: int | None,
        dialect: Dialect,
    ) -> Iterator[TextPiece | Completion]:
        """Have the answer written by the server.

        An answer that is broken off or withheld has its tokens with the error, where they are told or paid for.
        """
        choice = request.decoding.mode is DecodingMode.CHOICE
        body = body_of(
            request, dialect, model=served_name(self._served, request, self._name), without=self._left_out.names
        )
        if lora := lora_switches(self._served, request):
            body.setdefault("extra_body", {})["lora"] = lora
        begin = partial(StreamAccumulator, self._client.key, longest_tokens=longest_tokens(request, body))
        gathered = begin()
        cut = UpToStop(() if "stop" in body else request.decoding.stop)
        known = partial(exchange_of, request, body, prompt_tokens=prompt_tokens, paid=self._is_closed)
        try:
            gathered, chunks = self._begun(begin, body, cancel, until, waits)
            for chunk in chunks:
                with self._client.translated(self._name):
                    text = cut.add(gathered.take(chunk))
                if text and not choice:
                    yield TextPiece(text=text)
            gathered.check(self._client.host)
        except ModelError as error:
            taken = gathered.began or isinstance(error, BrokenAnswerError)
            if error.usage is None and taken and (self._is_closed or gathered.told is not None):
                error.usage = usage_of(gathered.told, known(gathered=gathered, whole=gathered.finish is not None))
            raise
        ended = time.perf_counter()
        if (text := cut.finish()) and not choice:
            yield TextPiece(text=text)
        text = cut.text
        if choice:
            self._left_out.notice_silence(body, written=bool(gathered.text), listed=bool(gathered.steps))
            text = written_label(text, request.decoding.labels)
            yield TextPiece(text=text)
        made = completion_of(request, gathered, text, ended, usage_of(gathered.told, known(gathered=gathered)))
        yield replace(made, finish="stop" if cut.stopped else made.finish, waited_s=waits.seconds)

    def _begun(
        self,
        begin: Callable[[], StreamAccumulator],
        body: Mapping[str, Any],
        cancel: CancelSignal | None,
        until: float,
        waits: Waits,
    ) -> tuple[StreamAccumulator, Iterator[Any]]:
        """Send the request, again while the server is busy, until its first chunk arrives."""

        def attempt() -> tuple[StreamAccumulator, Iterator[Any]]:
            gathered = begin()
            chunks = cancellable_stream(
                partial(self._client.chat, body),
                cancel=cancel,
                server=self._client.host,
                until=until,
                most_bytes=MOST_STREAM_BYTES,
            )
            first = next(chunks, None)
            return gathered, chain(() if first is None else (first,), chunks)

        return with_retries(attempt, cancel=cancel, until=until, jitter=self._jitter, waits=waits)

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer several requests, as many at once as the limit allows; a failed one yields its error."""
        most = self._parallel if self._dialect.capabilities.batching is Support.YES else 1
        return answer_all(partial(self.generate, cancel=cancel, at_once=most), requests, at_once=most)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count, or estimate, the tokens of a prompt; `capabilities.counts_tokens` says which."""
        with self._client.translated(self._name):
            return cancellable_call(partial(self._counter.count, messages), cancel=None, server=self._client.host)

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
        return LoraWeights(key=None, locator=the_only(self._served, self.facts.name, self._client.host).name)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def _is_closed(self) -> bool:
        """Tell whether a closed API answers, where tokens are paid for."""
        return bool(self.facts.price_ref) or self._dialect is CLOSED

    def _checked_room(self, request: GenerateRequest, cancel: CancelSignal | None, until: float) -> int | None:
        """Count the prompt where the server supports it, and refuse one that does not fit."""
        if not self._counter.asks_server:
            return None
        counting = partial(self._counter.count, request.messages)
        with self._client.translated(self._name):
            count = cancellable_call(counting, cancel=cancel, server=self._client.host, until=until)
        check_fit(count, request.decoding.max_tokens, self._context_tokens)
        return count
