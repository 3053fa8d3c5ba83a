"""A speed test of one model on this machine: ten seconds, measured by the backend, kept per machine."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median

from engine.core.errors import ModelError
from engine.core.generation import Completion, Decoding, GenerateRequest, Message, completion_of
from engine.core.ports import LanguageModel
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.steps import CancelSignal, Progress, drain
from engine.core.variant import ANSWER_TOKENS, DecodingMode
from engine.services.background.jobs import Job, JobBook, Lock, SteppedJob
from engine.services.workspace import Workspace

SECONDS = 10.0
"""How long the test generates answers, without loading. An answer in progress at the end is finished."""
PROMPT_WORDS = 380
"""About 500 tokens, as a prompt with instructions, some shots and a long input has."""
MOST_REMEMBERED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What a speed test measured."""

    measured_at: str
    """UTC, ISO 8601."""
    load_s: float
    prefill_tokens_per_s: float
    """Median over the answers: prompt tokens read per second, none of them cached."""
    decode_tokens_per_s: float
    peak_rss_bytes: int
    """Most resident memory of the worker that held the model."""
    prompt_tokens: int
    answers: int


class SpeedTest(SteppedJob[Speed]):
    """A running test and its progress."""

    def __init__(self, workspace: Workspace, model_id: str) -> None:
        """Test this model."""
        super().__init__("speed test", self._measure, lock=Lock.REFUSE, machine=workspace.machine.lock)
        self._workspace, self._model_id = workspace, model_id

    def _measure(self, _job: Job[Speed]) -> Speed:
        model = self._workspace.models.open(self._model_id)
        speed = drain(measure(model, self), self.take)
        self._workspace.speeds.keep(model.facts.digest, asdict(speed))
        return speed


class SpeedTests(JobBook[SpeedTest]):
    """The last speed tests of this process by model, run in the background; finds those that are kept."""

    def __init__(self, workspace: Workspace) -> None:
        """Test with these adapters."""
        super().__init__(MOST_REMEMBERED)
        self._workspace = workspace

    def start(self, model_id: str) -> None:
        """Begin a test unless one of this model is running."""
        self.begin(model_id, lambda: SpeedTest(self._workspace, model_id))

    def kept(self) -> dict[str, Speed]:
        """Return the kept tests of this machine by model digest."""
        found = {}
        for digest, figures in self._workspace.speeds.read().items():
            with suppress(TypeError):  # figures of another version of the app are measured again
                found[digest] = Speed(**figures)
        return found


def measure(
    model: LanguageModel, cancel: CancelSignal, *, seconds: float = SECONDS
) -> Generator[Progress, None, Speed]:
    """Load a model from scratch and answer for some seconds; yields progress and returns a `Speed`.

    Raises:
        ModelError: the backend gave no figures.
    """
    yield Progress(stage="Loading the model", fraction=0.0)
    model.close()  # loading is a figure of its own, so it is measured here
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
    return completion_of(model.generate(request, cancel=cancel))


def _prompt(number: int) -> str:
    """Return words in an order that differs from the first on, so that nothing is cached from the prompt before."""
    words = ("parcel", "invoice", "screen", "account", "water", "garden", "letter", "engine", "window", "number")
    drawn = [words[(place * 7 + number * 3 + place // 10) % len(words)] for place in range(PROMPT_WORDS)]
    return f"{number} " + " ".join(drawn) + "\nWrite a long story with these words."


def _rate(pairs: Sequence[tuple[int, float]]) -> float:
    rates = [tokens / seconds for tokens, seconds in pairs if tokens and seconds > 0]
    if not rates:
        raise ModelError("The backend reported no timings.", "Try again.")
    return float(median(rates))
