"""One loaded model that answers requests one at a time; `batching` answers several at once.

Each slot (variant) has a KV stream of its own with its shared prefix kept. The prefix is always evaluated by
itself, so that a row's numbers are the same whether the prefix was kept or not: a resumed run equals one that
was never interrupted.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from adapters.cores import usable_cores
from adapters.models.llama_cpp.answering import Sampler, TextAssembler, json_grammar
from adapters.models.llama_cpp.native import Context, Entry, Lora, NativeModel
from adapters.models.llama_cpp.prompt_format import PromptFormat
from engine.core.errors import CancelledError, ModelError, UsageError
from engine.core.generation import Completion, Decoding, GenerateRequest, check_fit
from engine.core.run.prediction import Usage
from engine.core.variant import DecodingMode
from engine.running.label_search import LabelSearch, LabelTrie, build_trie

Emit = Callable[[str], None]


BASE = Lora()


@dataclass(slots=True)
class _Slot:
    number: int
    prefix: tuple[int, ...] = ()
    lora: Lora = BASE


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request as tokens."""

    tokens: tuple[int, ...]
    prefix_length: int
    text: str
    lora: Lora


class Session:
    """A loaded model with its contexts."""

    def __init__(self, path: str, *, slots: int, context_tokens: int, cancel: threading.Event) -> None:
        """Load the model and make room for `slots` prompts of up to `context_tokens` tokens each."""
        self.model = NativeModel(path)
        self.format = PromptFormat(self.model)
        self._cancel = cancel
        self._threads = usable_cores()
        self.context_tokens = min(context_tokens, self.model.context_tokens)
        self._context = self._make_context(slots, shared=False)
        self._batch_context: Context | None = None
        self.batch_prefix: tuple[tuple[int, ...], Lora] | None = None
        """What sequence 0 of the batch context holds: the prefix of the variant that was answered last."""
        self._free = list(range(slots))
        self._slots: dict[str, _Slot] = {}
        self._tries: dict[tuple[str, ...], LabelTrie] = {}

    def _make_context(self, sequences: int, *, shared: bool) -> Context:
        return Context(
            self.model,
            sequences=sequences,
            tokens_per_sequence=self.context_tokens,
            shared=shared,
            threads=self._threads,
            cancel=self._cancel,
        )

    def free(self) -> None:
        """Free the memory of the contexts and the weights; the session cannot be used afterwards."""
        for context in (self._context, self._batch_context):
            if context is not None:
                context.free()
        self._batch_context = None
        self.model.free()

    def generate(self, request: GenerateRequest, emit: Emit) -> Completion:
        """Answer one request; `emit` gets the text as it is written.

        Raises:
            ContextOverflowError: prompt and answer do not fit; nothing is cut.
            CancelledError: cancelled.
        """
        started, cpu_started = time.perf_counter(), time.process_time()
        ready = self._ready(request)
        self._check_room(ready, request.decoding)
        slot = self._slot(request.slot)
        context = self._context
        context.set_lora(ready.lora)
        kept = slot.prefix == ready.tokens[: ready.prefix_length] and slot.lora == ready.lora
        if not (kept and context.keep(slot.number, ready.prefix_length)):
            kept = False
            context.clear(slot.number)
            slot.prefix = ()
        cached = ready.prefix_length if kept else 0
        try:
            if not kept:
                context.evaluate(_entries(ready.tokens[: ready.prefix_length], 0, slot.number))
                slot.prefix, slot.lora = ready.tokens[: ready.prefix_length], ready.lora
            (logits,) = context.evaluate(
                _entries(ready.tokens[ready.prefix_length :], ready.prefix_length, slot.number, last=True)
            )
            prefilled = time.perf_counter()
            answer = self._answer(request.decoding, ready, slot.number, logits, emit)
        except (CancelledError, ModelError):
            context.clear(slot.number)
            slot.prefix = ()
            raise
        ended = time.perf_counter()
        text, tokens, first_at, probabilities, finish = answer
        return Completion(
            text=text,
            usage=Usage(
                prompt_tokens=len(ready.tokens), cached_prompt_tokens=cached, completion_tokens=max(len(tokens), 0)
            ),
            prefill_s=prefilled - started,
            decode_s=ended - prefilled,
            ttft_s=(first_at or ended) - started,
            cpu_s=time.process_time() - cpu_started,
            probabilities=probabilities,
            prompt=ready.text,
            rss_bytes=int(psutil.Process().memory_info().rss),
            finish=finish,
        )

    def _answer(
        self,
        decoding: Decoding,
        ready: _Ready,
        sequence: int,
        logits: Any,
        emit: Emit,
    ) -> tuple[str, tuple[int, ...], float | None, dict[str, float], str]:
        if decoding.mode is DecodingMode.CHOICE:
            search = LabelSearch(self.trie(decoding.labels), every_label=decoding.every_label)
            written: tuple[int, ...] = ()
            length = len(ready.tokens)
            while (path := search.wanted()) is not None:
                if path:
                    same = common_length(written, path)
                    if self._context.keep(sequence, length + same):
                        left, start = path[same:], length + same
                    else:  # recurrent and hybrid models can only forget all
                        self._context.clear(sequence)
                        self._context.evaluate(_entries(ready.tokens[: ready.prefix_length], 0, sequence))
                        left, start = ready.tokens[ready.prefix_length :] + path, ready.prefix_length
                    (logits,) = self._context.evaluate(_entries(left, start, sequence, last=True))
                    written = path
                search.feed(logits)
            emit(search.label)
            tokens = self.trie(decoding.labels).sequences[search.label][:-1]
            return search.label, tokens, None, search.probabilities, "stop"
        with self._picker(decoding) as picker:
            return self._write(decoding, picker, len(ready.tokens), sequence, logits, emit)

    def _write(
        self,
        decoding: Decoding,
        picker: Sampler,
        length: int,
        sequence: int,
        logits: Any,
        emit: Emit,
    ) -> tuple[str, tuple[int, ...], float | None, dict[str, float], str]:
        assembler = self._assembler(decoding)
        tokens: list[int] = []
        first_at: float | None = None
        finish = "length"
        while len(tokens) < decoding.max_tokens:
            token = picker.pick(logits)
            first_at = first_at or time.perf_counter()
            if self._ends(token):
                finish = "stop"
                break
            tokens.append(token)
            if shown := assembler.add(token):
                emit(shown)
            if assembler.stopped:
                finish = "stop"
                break
            if len(tokens) < decoding.max_tokens:
                (logits,) = self._context.evaluate([Entry(token, length + len(tokens) - 1, sequence, True)])
        if shown := assembler.finish():
            emit(shown)
        return assembler.text, tuple(tokens), first_at, {}, finish

    @contextlib.contextmanager
    def _picker(self, decoding: Decoding) -> Iterator[Sampler]:
        if decoding.mode is DecodingMode.JSON:
            with json_grammar(self.model, decoding.needed_schema) as grammar:
                yield Sampler(self.model, temperature=decoding.temperature, seed=decoding.seed, grammar=grammar)
        else:
            yield Sampler(self.model, temperature=decoding.temperature, seed=decoding.seed)

    def _assembler(self, decoding: Decoding) -> TextAssembler:
        return TextAssembler(self.model.piece, decoding.stop)

    def _ends(self, token: int) -> bool:
        return self.model.ends_turn(token) or token in self.format.end_tokens

    def trie(self, labels: tuple[str, ...]) -> LabelTrie:
        """Return the trie of these labels' own tokens, made once."""
        if labels not in self._tries:
            try:
                self._tries[labels] = build_trie(
                    {label: self.format.answer(label) for label in labels}, self.format.end_tokens[0]
                )
            except ValueError as error:
                raise UsageError(f"These labels cannot be distinguished: {error}.", "Rename them.") from error
        return self._tries[labels]

    def batch_context(self, sequences: int, own_tokens: int) -> Context:
        """Return the context whose sequences share one buffer, made on first use.

        Args:
            sequences: how many of them.
            own_tokens: room for what they do not share.
        """
        if self._batch_context is None:
            self._batch_context = Context(
                self.model,
                sequences=sequences,
                tokens_per_sequence=self.context_tokens + own_tokens,
                shared=True,
                threads=self._threads,
                cancel=self._cancel,
            )
        return self._batch_context

    def ready(self, request: GenerateRequest) -> _Ready:
        """Turn a request into tokens and check that it fits."""
        ready = self._ready(request)
        self._check_room(ready, request.decoding)
        return ready

    def _ready(self, request: GenerateRequest) -> _Ready:
        prompt = self.format.prompt(request.messages)
        shared = 0
        if request.prefix_messages in prompt.starts:  # the beginning of the next turn is the same on every row, too
            shared = prompt.starts[request.prefix_messages] if request.prefix_messages else 0
        elif request.prefix_messages:
            prefix = self.format.prompt(request.messages[: request.prefix_messages], open_answer=False)
            shared = common_length(prefix.tokens, prompt.tokens)
        shared = min(shared, len(prompt.tokens) - 1)
        return _Ready(
            prompt.tokens, shared, prompt.text, Lora(request.lora.locator if request.lora else "", request.lora_scale)
        )

    def _check_room(self, ready: _Ready, decoding: Decoding) -> None:
        choice = decoding.mode is DecodingMode.CHOICE
        answer = self.trie(decoding.labels).longest if choice else decoding.max_tokens
        check_fit(len(ready.tokens), answer, self.context_tokens)

    def _slot(self, name: str) -> _Slot:
        if name not in self._slots:
            if self._free:
                number = self._free.pop(0)
            else:
                oldest = next(iter(self._slots))
                number = self._slots.pop(oldest).number
            self._slots[name] = _Slot(number)
        return self._slots[name]


def _entries(tokens: Sequence[int], start: int, sequence: int, *, last: bool = False) -> list[Entry]:
    """Lay tokens out from a position on; `last` asks for the logits after the last one."""
    end = len(tokens) - 1
    return [Entry(token, start + place, sequence, last and place == end) for place, token in enumerate(tokens)]


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Count the leading tokens that both have."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))
