"""What a model can do where it runs, found by asking it: a few questions of our own, and what came back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from engine.core.capabilities import Support
from engine.core.errors import AccessError, AdaptLabError, ModelError, ServerAbsentError, UnknownModelError
from engine.core.generation import Completion, Decoding, GenerateRequest, Message, TextPiece, no_answer
from engine.core.ports import LanguageModel
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.steps import CancelSignal, Progress, drain
from engine.core.variant import DecodingMode
from engine.metrics import wording as say
from engine.services.background.jobs import Job, JobBook, Lock, SteppedJob
from engine.services.workspace import Workspace

LABELS = ("account", "billing", "delivery")
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "green"]}, "count": {"type": "integer"}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
ANSWER_TOKENS = 24
ROWS_AT_ONCE = 4
GAIN = 0.9
"""Rows that take less than this share of the seconds that they take one by one gain by being asked at once."""
KEPT = 0.5
"""A prompt that is read again in less than this share of the seconds of the first time was kept."""
TRIES = 3
"""Times that seconds are measured; the quickest counts."""
LONG_ROW = 4
"""Times that a row of some twenty tokens is repeated, so that answering it takes a while."""
RULES = 40
"""Sentences in the long instructions, about 500 tokens, so that reading them takes a while."""
MOST_REMEMBERED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What came back to one question."""

    what: str
    """The ability, in words."""
    works: Support
    words: str
    """What was seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedModel:
    """What a check found."""

    checked_at: str
    """UTC, ISO 8601."""
    answered_by: str
    """The program that answered, with its version as far as it tells."""
    model: str
    findings: tuple[Finding, ...]


class ModelCheck(SteppedJob[CheckedModel]):
    """A running check and its progress."""

    def __init__(self, workspace: Workspace, model_id: str) -> None:
        """Check this model."""
        super().__init__("model check", self._check, lock=Lock.REFUSE, machine=workspace.machine.lock)
        self._workspace, self._model_id = workspace, model_id

    def _check(self, _job: Job[CheckedModel]) -> CheckedModel:
        model = self._workspace.models.open(self._model_id)
        found = drain(check(model, self), self.take)
        self._workspace.checks.keep(self._model_id, asdict(found))
        return found


class ModelChecks(JobBook[ModelCheck]):
    """The last checks of this process by model, made in the background; finds those that are kept."""

    def __init__(self, workspace: Workspace) -> None:
        """Check with these adapters."""
        super().__init__(MOST_REMEMBERED)
        self._workspace = workspace

    def start(self, model_id: str) -> ModelCheck:
        """Begin a check, unless one of this model is running; return it."""
        return self.begin(model_id, lambda: ModelCheck(self._workspace, model_id))

    def kept(self, model_id: str) -> CheckedModel | None:
        """Return the kept check of a model on this machine."""
        fields = self._workspace.checks.read().get(model_id)
        with suppress(TypeError, ValueError, KeyError):  # of another version of the app: to be checked again
            if fields is not None:
                found = tuple(
                    Finding(what=str(one["what"]), works=Support(one["works"]), words=str(one["words"]))
                    for one in fields["findings"]
                )
                return CheckedModel(**{**fields, "findings": found})
        return None


Question = Callable[[LanguageModel, CancelSignal], Finding]


def check(model: LanguageModel, cancel: CancelSignal) -> Generator[Progress, None, CheckedModel]:
    """Ask all questions; what fails is a finding, not an end.

    Raises:
        ModelError: the server is gone, refuses the key or does not know the model.
    """
    yield Progress(stage="Loading the model", fraction=0.0)
    model.load(slots=2, context_tokens=CONTEXT_TOKENS, cancel=cancel)
    findings = []
    for number, (what, question) in enumerate(_QUESTIONS.items()):
        yield Progress(stage="Asking", fraction=number / len(_QUESTIONS), detail=what)
        findings.append(replace(_asked(question, model, cancel), what=what))
    return CheckedModel(
        checked_at=datetime.now(UTC).isoformat(timespec="seconds"),
        answered_by=model.answered_by,
        model=model.facts.name,
        findings=tuple(findings),
    )


def _asked(question: Question, model: LanguageModel, cancel: CancelSignal) -> Finding:
    try:
        return question(model, cancel)
    except (AccessError, ServerAbsentError, UnknownModelError):
        raise
    except ModelError as error:
        return _finding(Support.NO, error.what)


def _finding(works: Support, words: str) -> Finding:
    return Finding(what="", works=works, words=words)


def _request(
    text: str, *, system: str = "You answer briefly.", slot: str = "check", **decoding: Any
) -> GenerateRequest:
    return GenerateRequest(
        messages=(Message(role="system", content=system), Message(role="user", content=text)),
        decoding=Decoding(**{"mode": DecodingMode.FREE, "max_tokens": ANSWER_TOKENS, **decoding}),
        prefix_messages=1,
        slot=slot,
    )


def _complete(model: LanguageModel, request: GenerateRequest, cancel: CancelSignal) -> tuple[Completion, int]:
    """Return the answer, and in how many pieces it came."""
    pieces = 0
    for item in model.generate(request, cancel=cancel):
        if isinstance(item, TextPiece):
            pieces += bool(item.text)
        if isinstance(item, Completion):
            return item, pieces
    raise no_answer()


def _streams(model: LanguageModel, cancel: CancelSignal) -> Finding:
    answer, pieces = _complete(model, _request("Tell me about the sea in two sentences."), cancel)
    tokens = answer.usage.completion_tokens
    works = Support.YES if pieces > 1 else Support.NO
    return _finding(works, f"tokens: {tokens}, sent in pieces: {pieces}")


def _choice(model: LanguageModel, *, every: bool, cancel: CancelSignal) -> Completion:
    system = f"Sort the message: {', '.join(LABELS)}. Answer with the name only."
    request = _request(
        "You charged me twice.", system=system, mode=DecodingMode.CHOICE, labels=LABELS, every_label=every
    )
    return _complete(model, request, cancel)[0]


def _chooses(model: LanguageModel, cancel: CancelSignal) -> Finding:
    answer = _choice(model, every=False, cancel=cancel)
    fits = answer.text in LABELS
    words = f"{'one of the labels' if fits else 'free text'}; tokens written: {answer.usage.completion_tokens}"
    return _finding(Support.YES if fits else Support.NO, words)


def _tells_probabilities(model: LanguageModel, cancel: CancelSignal) -> Finding:
    found = _choice(model, every=True, cancel=cancel).probabilities
    if not found:
        return _finding(Support.NO, "none reported")
    told = f"{len(found)} of {len(LABELS)} labels, together {say.share(sum(found.values()))}"
    whole = len(found) == len(LABELS) and model.capabilities.choice_probabilities is Support.YES
    return _finding(Support.YES if whole else Support.DEPENDS, f"{'whole' if whole else 'cut'}: {told}")


def _follows_schemas(model: LanguageModel, cancel: CancelSignal) -> Finding:
    request = _request(
        "Three green apples. Give colour and count as JSON.",
        mode=DecodingMode.JSON,
        json_schema=SCHEMA,
        max_tokens=64,
    )
    answer, _pieces = _complete(model, request, cancel)
    try:
        value = json.loads(answer.text)
    except ValueError:
        value = None
    fits = isinstance(value, dict) and value.get("colour") in {"red", "green"} and isinstance(value.get("count"), int)
    return _finding(Support.YES if fits else Support.NO, "two fields as asked" if fits else "not as asked")


def _serves_lora(model: LanguageModel, cancel: CancelSignal) -> Finding:
    """Ask with and without the weights that a server holds; those that are trained here need a training first."""
    can = model.capabilities
    if can.lora_serving is Support.NO:
        return _finding(Support.NO, can.reason("lora_serving"))
    try:
        weights = model.served_lora()
    except AdaptLabError as error:
        return _finding(Support.DEPENDS, error.what)
    if weights is None:
        return _finding(Support.DEPENDS, "takes weights that are trained here; none were tried")
    request = _request("Where is my parcel?")
    plain, _pieces = _complete(model, request, cancel)
    tuned, _pieces = _complete(model, replace(request, lora=weights), cancel)
    changed = plain.text != tuned.text
    words = f"holds '{weights.locator}', which {'changes' if changed else 'does not change'} an answer"
    return _finding(Support.YES if changed else Support.NO, words)


def _answers_at_once(model: LanguageModel, cancel: CancelSignal) -> Finding:
    can = model.capabilities
    if can.batching is Support.NO:
        return _finding(Support.NO, can.reason("batching"))
    rows = [
        _request(
            f"Parcel {number} came late, it was wet, and the lid of box {number} is gone. " * LONG_ROW,
            mode=DecodingMode.CHOICE,
            labels=LABELS,
        )
        for number in range(11, 11 + TRIES * (ROWS_AT_ONCE + 1))
    ]
    one_s, all_s = [], []
    for start in range(0, len(rows), ROWS_AT_ONCE + 1):
        started = time.perf_counter()
        _complete(model, rows[start], cancel)
        one_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        answers = model.generate_batch(rows[start + 1 : start + 1 + ROWS_AT_ONCE], cancel=cancel)
        failed = [answer for answer in answers if isinstance(answer, Exception)]
        if failed:
            raise failed[0]
        all_s.append(time.perf_counter() - started)
    times = min(all_s) / min(one_s)
    gains = times < GAIN * ROWS_AT_ONCE
    words = f"{ROWS_AT_ONCE} rows took {times:.1f} times as long as one"
    return _finding(Support.YES if gains else Support.DEPENDS, words if gains else f"without a gain here: {words}")


def _keeps_prompts(model: LanguageModel, cancel: CancelSignal) -> Finding:
    """Read the rules of two variants in turns: is what was read first still there?

    A server that tells how many tokens it had cached is taken at its word. Of others the seconds tell, the quickest of
    several tries, since other work on the machine makes any single one longer.
    """

    def read(variant: str, number: int) -> Completion:
        system = " ".join(f"Rule {rule} of {variant}: parcels of kind {rule} wait." for rule in range(RULES))
        text = f"What is rule {number}?"
        return _complete(model, _request(text, system=system, slot=variant, max_tokens=1), cancel)[0]

    def seconds(answers: Sequence[Completion]) -> float:
        return min(answer.prefill_s or answer.ttft_s for answer in answers)

    # Each try has rules that were never read, so that its first reading is a whole one.
    names = [(f"north {number}", f"south {number}") for number in range(TRIES)]
    first, again = [], []
    for north, south in names:
        first.append(read(north, 3))
        read(south, 3)
        again.append(read(north, 7))
    last = [read(names[-1][0], number) for number in range(10, 10 + TRIES)]
    for answers, works, which in (
        (again, Support.YES, "of two variants"),
        (last, Support.DEPENDS, "the last one alone"),
    ):
        told = max(answer.usage.cached_prompt_tokens / max(answer.usage.prompt_tokens, 1) for answer in answers)
        if told >= KEPT:
            return _finding(works, f"{which}: {say.share(told)} of the tokens were cached")
        if seconds(answers) < KEPT * seconds(first):
            return _finding(works, f"{which}: read again in {say.share(seconds(answers) / seconds(first))} of the time")
    return _finding(Support.NO, f"read again in {say.share(seconds(last) / seconds(first))} of the time")


def _tells_timings(model: LanguageModel, cancel: CancelSignal) -> Finding:
    answer, _pieces = _complete(model, _request("Tell me about rivers."), cancel)
    parts = f"prompt {say.seconds(answer.prefill_s)}, answer {say.seconds(answer.decode_s)}"
    if model.capabilities.own_timings is Support.YES and answer.prefill_s > 0:
        return _finding(Support.YES, parts)
    return _finding(Support.NO, f"measured here: {parts}")


_QUESTIONS: Mapping[str, Question] = {
    "Streams": _streams,
    "Chooses a label": _chooses,
    "Probabilities of labels": _tells_probabilities,
    "JSON under a schema": _follows_schemas,
    "LoRA weights": _serves_lora,
    "Several rows at once": _answers_at_once,
    "Keeps prompts": _keeps_prompts,
    "Its own timings": _tells_timings,
}
