"""The playground: one input, answered by all variants, outside any run. Nothing of it is kept or counted.

LoRA weights are not trained here: a question names weights that are kept. The instructions, the shots, what is
retrieved, the temperature and the LoRA scale are the question's own, so that two questions show what a change does.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from engine.core.errors import TrainingError, UsageError
from engine.core.ports import CancelSignal, Progress
from engine.core.run.events import PreparationProgress
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import AnswerKind, Example, Task
from engine.core.variant import LABELS, DecodingMode, Variant
from engine.running.answering import Desk, ReadyVariant, answer_row
from engine.running.preparing import check_belonging, prepare
from engine.running.runner import Ports
from engine.running.sampling import balanced_sample
from engine.services.jobs import Errand

MOST_KEPT = 60
"""Questions whose answers are remembered; the oldest is forgotten first."""


class Bench(Protocol):
    """What the playground asks of the shelf."""

    def task(self, name: str) -> Task:
        """One task by id."""
        ...

    def ports(self, model_id: str) -> Ports:
        """The adapters for this model; to be called only while the machine is held."""
        ...

    def machine_lock(self) -> AbstractContextManager[bool]:
        """Try to take the machine."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One input for several variants, with all that the user changed."""

    task_id: str
    model_id: str
    text: str
    variants: tuple[Variant, ...]
    instructions: str
    """The system prompt; the task's own unless it was edited."""
    target: str = ""
    """The right answer, if the user knows it; without one nothing is scored."""
    weights_key: str | None = None
    """Kept LoRA weights that the variants with LoRA use."""
    train_rows: int = 50
    """Training rows that shots, retrieval and the classifier draw on."""
    seed: int = 0
    decoding: DecodingMode = DecodingMode.CHOICE
    temperature: float = 0.0
    context_tokens: int = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class PlayLane:
    """One variant's answer as it stands: `waiting`, `preparing`, `answering` or `done`."""

    variant: Variant
    state: str = "waiting"
    text: str = ""
    progress: Progress | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaySnapshot:
    """A question as it stands."""

    question: Question
    status: str
    """As `engine.services.jobs.Errand.status`."""
    message: str
    mend: str
    stage: str
    """What is being made ready for all variants, in words; empty if nothing is."""
    lanes: tuple[PlayLane, ...]

    @property
    def goes_on(self) -> bool:
        """Tell whether more will come."""
        return self.status in {"waiting", "working"}


@dataclass(slots=True)
class _Asked:
    question: Question
    lanes: dict[str, PlayLane]
    stage: str = ""
    errand: Errand[PlayLane | str] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, step: PlayLane | str) -> None:
        with self.lock:
            if isinstance(step, str):
                self.stage = step
            else:
                self.lanes[step.variant.id] = step


class Playground:
    """Answers questions in the background, one at a time. Safe to use from several threads."""

    def __init__(self, bench: Bench) -> None:
        """Answer with what lies on this bench."""
        self._bench = bench
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()

    def ask(self, question: Question) -> str:
        """Begin to answer; return the id under which the answers can be looked at.

        Raises:
            UsageError: nothing was asked, or nobody is to answer.
        """
        if not question.text.strip():
            raise UsageError("There is no input to answer.", "Write one, or take a row of the task.")
        if not question.variants:
            raise UsageError("No variant was chosen.", f"Choose from {', '.join(LABELS)}.")
        asked = _Asked(question, {variant.id: PlayLane(variant=variant) for variant in question.variants})
        asked.errand = Errand(
            "playground",
            machine=self._bench.machine_lock,
            work=lambda cancel: answers(self._bench, question, cancel),
            take=asked.take,
            waits=False,
        )
        ask_id = secrets.token_hex(8)
        with self._lock:
            self._asked[ask_id] = asked
            while len(self._asked) > MOST_KEPT:
                self._asked.pop(next(iter(self._asked)))
        asked.errand.start()
        return ask_id

    def snapshot(self, ask_id: str) -> PlaySnapshot | None:
        """Return a question as it stands; None if it is no longer remembered."""
        with self._lock:
            asked = self._asked.get(ask_id)
        if asked is None or asked.errand is None:
            return None
        status, error = asked.errand.status, asked.errand.error
        with asked.lock:
            lanes, stage = tuple(asked.lanes.values()), asked.stage
        return PlaySnapshot(
            question=asked.question,
            status=status,
            message=error.what if error else "",
            mend=error.mend if error else "",
            stage=stage,
            lanes=lanes,
        )

    def cancel(self, ask_id: str) -> None:
        """Stop answering."""
        with self._lock:
            asked = self._asked.get(ask_id)
        if asked is not None and asked.errand is not None:
            asked.errand.cancel()

    def close(self) -> None:
        """Stop all that goes on."""
        with self._lock:
            asked = list(self._asked.values())
        for one in asked:
            if one.errand is not None:
                one.errand.cancel()


def answers(bench: Bench, question: Question, cancel: CancelSignal) -> Iterator[PlayLane | str]:
    """Answer a question; yields lanes as they change and, as plain words, what is made ready for all.

    Raises:
        AdaptLabError: a variant cannot be made ready, or the model cannot be loaded.
    """
    task = bench.task(question.task_id)
    asked_task = replace(task, instructions=question.instructions)
    ports = bench.ports(question.model_id)
    desk = Desk(plan=plan_of(question), task=asked_task, model=ports.model, retriever=ports.retriever, cancel=cancel)
    by_target = task.answer.kind is AnswerKind.LABEL
    train = balanced_sample(task.split("train"), question.train_rows, seed=question.seed, by_target=by_target)
    lora_path = _weights(ports, question)
    ready: list[ReadyVariant] = []
    by_id = {variant.id: variant for variant in question.variants}
    for event in prepare(desk, ports.trainer, train, ready.append):
        if isinstance(event, PreparationProgress):
            yield PlayLane(variant=by_id[event.variant_id], state="preparing", progress=event.progress)
    if any(variant.generates for variant in question.variants):
        yield "Loading the model"
        desk.model.load(slots=len(LABELS) + 1, context_tokens=question.context_tokens, cancel=cancel)
        yield ""
    example = Example(id="playground", input=question.text, target=question.target or _blank_target(task), split="test")
    for plain in ready:
        variant = by_id[plain.variant.id]
        one = replace(plain, variant=variant, lora_path=lora_path if variant.lora is not None else None)
        yield from _answer(desk, one, example, scored=bool(question.target))


def _answer(desk: Desk, ready: ReadyVariant, example: Example, *, scored: bool) -> Iterator[PlayLane]:
    lane = PlayLane(variant=ready.variant, state="answering")
    yield lane
    steps = answer_row(desk, ready, example, 0)
    while True:
        try:
            text = next(steps)
        except StopIteration as stop:
            made: Prediction = stop.value
            break
        lane = replace(lane, text=lane.text + text)
        yield lane
    if not scored:
        made = replace(made, score=None, scores={}, target="")
    yield replace(lane, state="done", text=made.text, prediction=made)


def plan_of(question: Question) -> RunPlan:
    """Return the plan that answering reads its settings from; LoRA is left out, since nothing is trained here."""
    return RunPlan(
        run_id="playground",
        task_id=question.task_id,
        model_id=question.model_id,
        variants=tuple(replace(variant, lora=None) for variant in question.variants),
        test_ids=(),
        train_ids=(),
        seed=question.seed,
        decoding=question.decoding,
        temperature=question.temperature,
        context_tokens=question.context_tokens,
    )


def _weights(ports: Ports, question: Question) -> str | None:
    if not any(variant.lora is not None for variant in question.variants):
        return None
    weights = ports.trainer.find(question.weights_key) if question.weights_key else None
    if weights is None:
        raise TrainingError("There are no LoRA weights for this question.", "Train some under Prepare, Train.")
    check_belonging(weights.base_digest, weights.template_digest, ports.model.facts)
    return str(weights.gguf)


def _blank_target(task: Task) -> str:
    """Return a target that every scorer of the task can read; what they make of it is thrown away."""
    return "{}" if task.answer.kind is AnswerKind.JSON else "-"
