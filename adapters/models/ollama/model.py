"""A model of an Ollama server: a `LanguageModel`.

The context is set once per run, since a change makes the server load the model again. A prompt that does not fit is
refused by the server; of older ones, what they report as evaluated tells whether they cut it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil

from adapters.models.ollama.answers import KEEP_ALIVE, StreamAccumulator, chat_body, completion_of, refuse_cut
from adapters.models.ollama.capabilities import capabilities_of
from adapters.models.ollama.labels import LabelChoice
from adapters.models.ollama.lora import check_template, count_evaluated, model_with, refuse_scale
from adapters.models.ollama.server import OllamaServer, dotted
from adapters.models.ollama.told import plain_name
from adapters.models.remote.bounds import ANSWER_S, MOST_STREAM_BYTES, ROWS_IN_FLIGHT, Patience
from adapters.models.remote.estimates import estimated_tokens
from adapters.models.remote.reading import Waits, answer_all, cancellable_call, cancellable_stream, with_retries
from adapters.models.thinking import refuse_thinking_alone
from engine.core.capabilities import Capabilities
from engine.core.errors import BrokenAnswerError, ModelError, UnknownModelError, UnsupportedError
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
from engine.core.ports import LanguageModel
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.steps import CancelSignal
from engine.core.variant import DecodingMode

CONTEXT_STEP_TOKENS = 256
REFUSES = (0, 12, 6)
"""The first version that refuses a prompt that does not fit (`truncate` and `shift` of a chat); older ones cut it."""
ROOM_FACTOR = 1.2
"""Memory of a loaded model over the size of its file."""


class OwnFile(LanguageModel, Protocol):
    """The same file in llama.cpp, which also knows how labels are made up."""

    def label_tokens(self, labels: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the texts of the tokens that each label is made of."""
        ...


class OllamaModel:
    """One model of one Ollama server."""

    def __init__(
        self,
        facts: ModelFacts,
        server: OllamaServer,
        *,
        own_file: OwnFile | None = None,
        thinks: bool = False,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Take the facts and the server.

        Args:
            facts: of the model.
            server: that holds it.
            own_file: the same file in llama.cpp if it is on this machine.
            thinks: whether it can think.
            answer_s: how long an answer may take, unless the first one shows that the model is slower.
        """
        self.facts = facts
        self._server = server
        self._own_file = own_file
        self._name = facts.id.split("/", 1)[1]
        self._thinks = thinks
        self._patience = Patience(answer_s)
        self._context_tokens = CONTEXT_TOKENS
        self._without_logprobs = False
        self._cuts = False
        self._with_lora: dict[str, str] = {}
        self._loaded: set[str] = set()
        self._tokens_of: dict[tuple[str, ...], Mapping[str, tuple[str, ...]]] = {}
        self._bytes: dict[str, int] = {}
        self._jitter = random.Random(facts.id)

    @property
    def capabilities(self) -> Capabilities:
        """What this server can do with this model, as far as it is known by now."""
        return capabilities_of(self.facts, has_file=self._own_file is not None, lists=not self._without_logprobs)

    @property
    def answered_by(self) -> str:
        """The server's version."""
        return f"Ollama {dotted(self._server.version())}"

    @property
    def rss_bytes(self) -> int:
        """What the server told of the model when it was loaded; nothing is held in this process."""
        return self._bytes.get(self._name, 0)

    @property
    def uses_gpu(self) -> bool:
        """Whether it computes on a GPU of this machine: a server does not report it."""
        return False

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:  # noqa: ARG002
        """Have the server load the model with room for the longest prompt; return the seconds that took.

        Raises:
            ModelError: it cannot.
        """
        room = -(-context_tokens // CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS
        self._context_tokens = min(room, self.facts.context_tokens or room)
        started = time.perf_counter()
        self._server.check_version()
        self._cuts = (0, 0, 0) < self._server.version() < REFUSES  # builds from source call themselves 0.0.0
        if self._name in self._loaded and self._room_given() < self._context_tokens:
            self._loaded.discard(self._name)  # loaded with less room than is needed now
        self._bring_in(self._name, cancel)
        given = self._room_given()
        self._context_tokens = min(self._context_tokens, given) if given else self._context_tokens
        return time.perf_counter() - started

    def _room_given(self) -> int:
        """Return the context that the server gave the model, in tokens; 0 where it does not hold or tell it."""
        held = self._server.running().get(plain_name(self._name))
        return held.context_tokens if held is not None else 0

    def _bring_in(self, name: str, cancel: CancelSignal | None) -> None:
        """Have a model loaded, after unloading the others of this run if there is no room for both."""
        if name in self._loaded:
            return
        if self._loaded and self._server.is_local:
            free = psutil.virtual_memory().available
            if self.facts.size_bytes * ROOM_FACTOR > free:
                self._send_out()

        def ask() -> Any:
            with self._server.translated(name):
                options = {"num_ctx": self._context_tokens}
                return self._server.client.generate(model=name, options=options, keep_alive=KEEP_ALIVE)

        cancellable_call(ask, cancel=cancel, server=self._server.host)
        self._loaded.add(name)
        held = self._server.running().get(plain_name(name))
        self._bytes[name] = held.size_bytes if held is not None else 0

    def _send_out(self) -> None:
        for name in sorted(self._loaded):
            self._server.unload(name)
        self._loaded.clear()

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None, at_once: int = 1
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request: pieces of text, then the completion.

        Args:
            request: what is asked.
            cancel: stops it.
            at_once: how many requests share the server meanwhile.

        Raises:
            ContextOverflowError: the prompt does not fit, or was cut by the server.
            ModelError: by what happened; see `engine.core.errors`.
            CancelledError: cancelled.
        """
        count = self._checked_room(request)
        name = self._model_for(request, cancel)
        try:
            yield from self._answered(name, request, count, cancel, at_once)
        except UnknownModelError:
            if request.lora is None:
                raise
            # Somebody removed the model that was made of the base and the weights: it is made again at once.
            self._with_lora.pop(request.lora.locator, None)
            self._loaded.discard(name)
            yield from self._answered(self._model_for(request, cancel), request, count, cancel, at_once)

    def _answered(
        self, name: str, request: GenerateRequest, count: int, cancel: CancelSignal | None, at_once: int
    ) -> Iterator[TextPiece | Completion]:
        """Answer in the time that there is; loading the model is not part of it."""
        self._bring_in(name, cancel)
        asked = partial(self._made, name, request, count, cancel)
        yield from self._patience.answers(asked, max_tokens=request.decoding.max_tokens, at_once=at_once)

    def _made(
        self, name: str, request: GenerateRequest, count: int, cancel: CancelSignal | None, until: float
    ) -> Iterator[TextPiece | Completion]:
        body = chat_body(name, request, context_tokens=self._context_tokens, thinks=self._thinks)
        started, waits = time.perf_counter(), Waits()
        if request.decoding.mode is DecodingMode.CHOICE:
            choice = LabelChoice(
                partial(self._asked, name, cancel, until, waits),
                request,
                body,
                own=self._label_tokens(request.decoding.labels),
            )
            with self._server.translated(name):
                made = choice.made()
            self._without_logprobs = not choice.lists
            yield TextPiece(text=made.text)
            self._refuse_cut(made.usage.prompt_tokens, count)
            ttft_s = max(time.perf_counter() - started - made.load_s - waits.seconds, 0.0)
            yield replace(made, ttft_s=ttft_s, waited_s=waits.seconds, rss_bytes=self._bytes.get(name, 0))
            return
        gathered = StreamAccumulator(self._server.key, longest_tokens=body["options"]["num_predict"])
        with self._server.translated(name):
            for chunk in self._chunks(name, body, cancel, until, waits):
                text = gathered.take(chunk)
                if text:
                    yield TextPiece(text=text)
        if gathered.last is None:
            raise BrokenAnswerError(
                f"The Ollama server at {self._server.host} sent part of an answer ({len(gathered.text)} characters).",
                "Check whether it is still running, then try again.",
            )
        made = completion_of(request, gathered, started + waits.seconds, time.perf_counter())
        self._refuse_cut(made.usage.prompt_tokens, count)
        refuse_thinking_alone(
            self._server.host,
            text=made.text,
            thinking=made.thinking,
            cut_off=made.finish == "length",
            usage=made.usage,
        )
        yield replace(made, waited_s=waits.seconds, rss_bytes=self._bytes.get(name, 0))

    def _label_tokens(self, labels: tuple[str, ...]) -> Mapping[str, tuple[str, ...]] | None:
        """Return how labels are made up, asked once; None where the model's file is not on this machine."""
        if self._own_file is not None and labels not in self._tokens_of:
            self._tokens_of[labels] = self._own_file.label_tokens(labels)
        return self._tokens_of.get(labels)

    def _asked(
        self, name: str, cancel: CancelSignal | None, until: float, waits: Waits, path: str, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the one object that comes back."""

        def ask() -> Mapping[str, Any]:
            with self._server.translated(name):
                (reply,) = self._server.lines(path, body)
                return reply

        return with_retries(
            lambda: cancellable_call(ask, cancel=cancel, server=self._server.host, until=until),
            cancel=cancel,
            until=until,
            jitter=self._jitter,
            waits=waits,
        )

    def _chunks(
        self, name: str, body: Mapping[str, Any], cancel: CancelSignal | None, until: float, waits: Waits
    ) -> Iterator[Mapping[str, Any]]:
        def begin() -> Iterator[Mapping[str, Any]]:
            with self._server.translated(name):
                yield from self._server.lines("/api/chat", body, piece=True)

        def attempt() -> tuple[Any, Iterator[Mapping[str, Any]]]:
            chunks = cancellable_stream(
                begin, cancel=cancel, server=self._server.host, until=until, most_bytes=MOST_STREAM_BYTES
            )
            return next(chunks, None), chunks

        first, rest = with_retries(attempt, cancel=cancel, until=until, jitter=self._jitter, waits=waits)
        if first is not None:
            yield first
        yield from rest

    def _model_for(self, request: GenerateRequest, cancel: CancelSignal | None) -> str:
        """Return the base's name, or that of the model made of it and LoRA weights."""
        if not request.lora:
            return self._name
        refuse_scale(request.lora_scale)
        if self._own_file is None:
            raise UnsupportedError(
                f"The Ollama server at {self._server.host} cannot be given LoRA weights for '{self._name}'.",
                "Use a server on this machine whose model files you may read, or leave LoRA out.",
            )
        locator = request.lora.locator
        if locator not in self._with_lora:
            self._with_lora[locator] = model_with(self._server, self._name, Path(locator), cancel=cancel)
        return self._with_lora[locator]

    def _checked_room(self, request: GenerateRequest) -> int:
        count = self.count_tokens(request.messages)
        check_fit(count, request.decoding.max_tokens, self._context_tokens, estimated=self._own_file is None)
        return count

    def _refuse_cut(self, evaluated: int, count: int) -> None:
        if self._cuts:
            refuse_cut(evaluated, count, room=self._context_tokens, counted=self._own_file is not None)

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer several requests, some at once; a failed one yields its error."""
        asked = partial(self.generate, cancel=cancel, at_once=ROWS_IN_FLIGHT)
        return answer_all(asked, requests, at_once=ROWS_IN_FLIGHT)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count with the model's own file where it is on this machine, else estimate from letters."""
        if self._own_file is not None:
            return self._own_file.count_tokens(messages)
        return estimated_tokens(messages)

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:
        """Turn rows into token ids by the model's own file, after checking that the server writes the same prompts.

        Raises:
            UnsupportedError: the file is not on this machine.
            CanaryError: the server's chat template is a different one.
        """
        if self._own_file is None:
            raise UnsupportedError(
                f"LoRA weights cannot be trained for '{self._name}': its file is not on this machine, or not readable.",
                "Run Ollama on this machine under your own user, or use a GGUF file.",
            )
        found = self._own_file.tokenize_pairs(pairs)
        if pairs:
            evaluated = count_evaluated(self._server, self._name, pairs[0][0], room=self._context_tokens)
            check_template(evaluated, found[0], self._name)
        return found

    def served_lora(self) -> LoraWeights | None:
        """Return None: it takes the weights that are trained here."""
        return None

    def close(self) -> None:
        """Unload the models of this run from the server, if it is still running."""
        try:
            self._send_out()
        except ModelError:
            self._loaded.clear()
        if self._own_file is not None:
            self._own_file.close()
