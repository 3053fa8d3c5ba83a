"""A prediction: what a variant answered on one example, or why it could not, and what that took."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

RIGHT_SCORE = 0.5
"""The least score that counts as right."""
OTHER_LABELS = "other labels together"
MOST_TOKENS = 10**9
LONGEST_S = 10.0**7
"""Counts and seconds beyond these are none: some servers told such, and older versions kept them."""
COUNTS = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens", "thinking_tokens", "embedding_tokens")
LEAST_REST = 1e-6
"""Sums of probabilities that miss 1 by less than this leave nothing to other labels."""


class FailureKind(StrEnum):
    """Why a variant has no answer on an example."""

    UNPARSED = "unparsed"
    CONTEXT_OVERFLOW = "context_overflow"
    WORKER_DIED = "worker_died"
    RETRIEVAL = "retrieval"
    BACKEND = "backend"
    REFUSED = "refused"
    """The model refused to answer, or a filter of its server withheld the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A failure is a record, never a missing row and never a zero."""

    kind: FailureKind
    message: str
    passing: bool = False
    """A fault of a server that may pass: it was busy, slow, or broke off. A resumed run asks for the row again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens of one call."""

    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    """Those of the prompt that were cached from an earlier call."""
    completion_tokens: int = 0
    thinking_tokens: int = 0
    """Those of the answer that the model spent on thinking; 0 where they are not reported."""
    embedding_tokens: int = 0
    """Those that an embedder on another machine read for it; 0 for one on this machine."""
    estimated: bool = False
    """The server did not tell them, or told what cannot be. Where they are paid for they are the most they can be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Seconds of one prediction. In throughput mode all but `batch_share_s` are None."""

    retrieval_s: float | None = None
    ttft_s: float | None = None
    """From the start of the row, retrieval included, to the first token or the decided label."""
    total_s: float | None = None
    prefill_s: float | None = None
    decode_s: float | None = None
    load_s: float = 0.0
    """A server's seconds of loading the model before this answer; no part of any other figure."""
    waited_s: float = 0.0
    """Until a busy server took the request; no part of any latency."""
    thinking_s: float | None = None
    """Part of the answer's time that went into thinking; None for models that do not think."""
    batch_share_s: float | None = None
    """Throughput mode: the batch's seconds divided by its rows. Never shown as a latency."""
    cpu_s: float = 0.0
    """CPU time of the workers for this prediction, all threads."""
    energy_wh: float | None = None
    """Measured by the processor's own counters, including whatever else ran meanwhile; None without counters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Something retrieved for a row."""

    id: str
    kind: str
    """`example` or `document`."""
    text: str
    score: float
    """Similarity, higher is nearer; its scale depends on the search mode."""
    source: str = ""
    """Document name or example id."""
    target: str = ""
    """For examples: their target."""
    start: int | None = None
    """For documents: where the text, without its line of headings, begins in the document, in characters."""
    end: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """One variant on one example."""

    run_id: str
    variant_id: str
    technique: str
    example_id: str
    target: str
    text: str = ""
    """What the model wrote, unchanged."""
    thinking: str = ""
    """Its thinking before that, where the backend separates the two."""
    answer: str | None = None
    """What was parsed from the text; None if that failed."""
    score: float | None = None
    """The primary score, 0 to 1; None for a failure."""
    scores: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Of each label for which one was computed, each chosen among the task's labels alone. Empty without any."""
    passages: tuple[Passage, ...] = ()
    prompt: str = ""
    """The exact prompt as the model saw it, or the messages as they were sent where a server does not show that; empty
    for the classifier."""
    rss_bytes: int = 0
    """Resident memory of the workers that served this prediction, read right after it."""
    attempts: int = 1
    identity: str = ""
    """What a server called the model that answered, with its own version; empty where it did not say."""

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """The probabilities in descending order; last what the labels without one have together, if they have any."""
        found = sorted(self.probabilities.items(), key=lambda item: -item[1])
        rest = 1.0 - sum(self.probabilities.values())
        return (*found, (OTHER_LABELS, rest)) if found and rest > LEAST_REST else tuple(found)

    @property
    def outcome(self) -> str:
        """`right`, `wrong` or `failed`."""
        if self.failure is not None:
            return "failed"
        return "right" if (self.score or 0.0) >= RIGHT_SCORE else "wrong"


@cache
def _adapter() -> TypeAdapter[Prediction]:
    return TypeAdapter(Prediction)


def prediction_from_json(text: str) -> Prediction:
    """Rebuild a prediction from its stored record, with values that cannot be set right.

    Raises:
        ValueError: the record is not a prediction.
    """
    return sound(prediction_as_written(text))


def prediction_as_written(text: str) -> Prediction:
    """Rebuild a prediction with the values that its record has.

    Raises:
        ValueError: the record is not a prediction.
    """
    try:
        return _adapter().validate_json(text)
    except ValidationError:
        # Lone surrogates, which some servers send, cannot be shown or written as text.
        return _adapter().validate_python(with_whole_characters(json.loads(text)))


def sound(made: Prediction) -> Prediction:
    """Return a prediction whose values can be; older versions kept whatever a server told.

    Counts that cannot be are 0 and marked as estimates, seconds that cannot be were not measured, a list of
    probabilities with one that cannot be is left out, and a row whose score is not one has failed.
    """
    is_scored = all(map(is_score, made.scores.values())) and (made.score is None or is_score(made.score))
    if not is_scored:
        failure = Failure(kind=FailureKind.BACKEND, message="The saved score is not a number from 0 to 1.")
        made = replace(made, answer=None, score=None, scores={}, failure=failure)
    return replace(
        made,
        usage=_sound_usage(made.usage),
        timing=_sound_timing(made.timing),
        probabilities=made.probabilities if all(map(is_probability, made.probabilities.values())) else {},
        passages=tuple(passage for passage in made.passages if math.isfinite(passage.score)),
        rss_bytes=max(made.rss_bytes, 0),
        attempts=max(made.attempts, 1),
    )


def is_score(value: float) -> bool:
    """Tell whether a number can be a score."""
    return 0 <= value <= 1


def is_count(value: float) -> bool:
    """Tell whether a number can be one of tokens."""
    return 0 <= value <= MOST_TOKENS


def is_duration(value: float) -> bool:
    """Tell whether a number can be seconds that one row took."""
    return 0 <= value <= LONGEST_S


def is_probability(value: float) -> bool:
    """Tell whether a number can be a probability, apart from rounding."""
    return 0 <= value <= 1 + LEAST_REST


def _sound_usage(usage: Usage) -> Usage:
    counts = {name: getattr(usage, name) for name in COUNTS}
    if all(map(is_count, counts.values())):
        return usage
    return Usage(**{name: count if is_count(count) else 0 for name, count in counts.items()}, estimated=True)


def _sound_timing(timing: Timing) -> Timing:
    told = {item.name: getattr(timing, item.name) for item in fields(timing)}
    wrong = [name for name, value in told.items() if value is not None and not is_duration(value)]
    nothing: dict[str, Any] = {name: 0.0 if name in {"load_s", "waited_s", "cpu_s"} else None for name in wrong}
    return replace(timing, **nothing) if nothing else timing


def prediction_to_json(prediction: Prediction) -> str:
    """Write a prediction as the record that is stored: text that any file can hold, so without half characters."""
    text = json.dumps(asdict(prediction), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def with_whole_characters(value: Any) -> Any:
    """Return data of JSON with a question mark in the place of each lone surrogate."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {with_whole_characters(key): with_whole_characters(item) for key, item in value.items()}
    return [with_whole_characters(item) for item in value] if isinstance(value, list) else value
