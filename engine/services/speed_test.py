"""A speed test of one model on this machine: ten seconds, measured by the backend, kept per machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, Protocol

from engine.core.errors import ModelError
from engine.core.generation import Completion, Decoding, GenerateRequest, Message
from engine.core.ports import CancelSignal, LanguageModel, Progress
from engine.core.variant import DecodingMode
from engine.running.runner import Ports
from engine.services.jobs import Errand

SECONDS = 10.0
"""How long answers are made, loading apart. The answer under way at the end is finished."""
PROMPT_WORDS = 380
"""About 500 tokens, as a prompt with instructions, some shots and a long input has."""
ANSWER_TOKENS = 64
CONTEXT_TOKENS = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What a speed test measured."""

    measured_at: str
    """UTC, ISO 8601."""
    load_s: float
    prefill_tokens_per_s: float
    """Median over the answers: prompt tokens taken in per second, none of them kept from before."""
    decode_tokens_per_s: float
    peak_rss_bytes: int
    """Most resident memory of the worker that held the model."""
    prompt_tokens: int
    answers: int


class Bench(Protocol):
    """What speed tests ask of the shelf."""

    def ports(self, model_id: str) -> Ports:
        """The adapters for this model; to be called only while the machine is held."""
        ...

    def machine_lock(self) -> AbstractContextManager[bool]:
        """Try to take the machine."""
        ...

    def speeds(self) -> dict[str, dict[str, Any]]:
        """Kept speed tests of this machine by model digest."""
        ...

    def keep_speed(self, digest: str, figures: dict[str, Any]) -> None:
        """Keep a speed test."""
        ...


class SpeedTests:
    """Runs speed tests in the background and finds those that are kept."""

    def __init__(self, bench: Bench) -> None:
        """Test what lies on this bench."""
        self._bench = bench
        self._errands: dict[str, Errand[Progress]] = {}
        self._progress: dict[str, Progress] = {}
        self._lock = threading.Lock()

    def start(self, model_id: str) -> None:
        """Begin a test unless one of this model goes on."""
        with self._lock:
            errand = self._errands.get(model_id)
            if errand is not None and errand.goes_on:
                return
            errand = Errand(
                "speed test",
                machine=self._bench.machine_lock,
                work=lambda cancel: self._measured(model_id, cancel),
                take=lambda step: self._progress.update({model_id: step}),
                waits=False,
            )
            self._errands[model_id] = errand
            self._progress.pop(model_id, None)
        errand.start()

    def standing(self, model_id: str) -> tuple[Errand[Progress] | None, Progress | None]:
        """Return the last test of a model in this process, and how far it is."""
        with self._lock:
            return self._errands.get(model_id), self._progress.get(model_id)

    def kept(self) -> dict[str, Speed]:
        """Return the kept tests of this machine by model digest."""
        found = {}
        for digest, figures in self._bench.speeds().items():
            with suppress(TypeError):  # figures of another version of the app are measured anew
                found[digest] = Speed(**figures)
        return found

    def close(self) -> None:
        """Stop what goes on."""
        with self._lock:
            errands = list(self._errands.values())
        for errand in errands:
            errand.cancel()

    def _measured(self, model_id: str, cancel: CancelSignal) -> Iterator[Progress]:
        model = self._bench.ports(model_id).model
        steps = measure(model, cancel)
        while True:
            try:
                yield next(steps)
            except StopIteration as stop:
                speed: Speed = stop.value
                break
        self._bench.keep_speed(model.facts.digest, {name: getattr(speed, name) for name in Speed.__slots__})


def measure(model: LanguageModel, cancel: CancelSignal, *, seconds: float = SECONDS) -> Any:
    """Load a model anew and answer for some seconds; yields progress and returns a `Speed`.

    Raises:
        ModelError: the backend gave no figures.
    """
    yield Progress(stage="Loading the model", fraction=0.0)
    model.close()  # loading is its own figure, so it is paid here
    load_s = model.load(slots=1, context_tokens=CONTEXT_TOKENS, cancel=cancel)
    made: list[Completion] = []
    peak = model.rss_bytes
    started = time.perf_counter()
    while not made or time.perf_counter() - started < seconds:
        elapsed = time.perf_counter() - started
        yield Progress(stage="Answering", fraction=min(elapsed / seconds, 1.0), left_s=max(seconds - elapsed, 0.0))
        made.append(_answer(model, len(made), cancel))
        peak = max(peak, made[-1].rss_bytes, model.rss_bytes)
    return Speed(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        load_s=load_s,
        prefill_tokens_per_s=_rate([(one.usage.prompt_tokens, one.prefill_s) for one in made]),
        decode_tokens_per_s=_rate([(one.usage.completion_tokens, one.decode_s) for one in made]),
        peak_rss_bytes=peak,
        prompt_tokens=made[0].usage.prompt_tokens,
        answers=len(made),
    )


def _answer(model: LanguageModel, number: int, cancel: CancelSignal) -> Completion:
    request = GenerateRequest(
        messages=(Message(role="user", content=_prompt(number)),),
        decoding=Decoding(mode=DecodingMode.FREE, max_tokens=ANSWER_TOKENS),
        slot="speed",
    )
    for piece in model.generate(request, cancel=cancel):
        if isinstance(piece, Completion):
            return piece
    raise ModelError("The backend ended without an answer.", "Try again.")


def _prompt(number: int) -> str:
    """Return words in an order that differs from the first on, so that nothing is kept from the prompt before."""
    words = ("parcel", "invoice", "screen", "account", "water", "garden", "letter", "engine", "window", "number")
    drawn = [words[(place * 7 + number * 3 + place // 10) % len(words)] for place in range(PROMPT_WORDS)]
    return f"{number} " + " ".join(drawn) + "\nWrite a long story with these words."


def _rate(pairs: Sequence[tuple[int, float]]) -> float:
    rates = [tokens / seconds for tokens, seconds in pairs if tokens and seconds > 0]
    if not rates:
        raise ModelError("The backend gave no times.", "Try again.")
    return float(median(rates))
