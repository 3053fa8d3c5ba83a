"""Training LoRA weights from the screen: trained, tried against their base, measured before and after, and noted."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from engine.core.lora_library import Library, Measured
from engine.core.ports import CancelSignal, LoraWeights, Progress
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind, Example, Task
from engine.core.variant import LABELS, LoraSpec, Technique, Variant
from engine.metrics.intervals import mean_interval
from engine.running.answering import Desk, ReadyVariant, answer_row, next_prediction
from engine.running.lora import train_lora
from engine.running.preparing import check_belonging, run_canary
from engine.running.runner import Ports
from engine.running.sampling import balanced_sample
from engine.services.jobs import Errand

MOST_MEASURED_ROWS = 30
"""Rows on which quality is measured before and after: enough to see a change, and some seconds of work."""


MOST_REMEMBERED = 20
"""Trainings whose course is remembered; the oldest is forgotten first, its weights are not."""


class Bench(Protocol):
    """What training asks of the shelf."""

    @property
    def library(self) -> Library:
        """Where weights are kept."""
        ...

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
class TrainingOrder:
    """What is to be trained."""

    task_id: str
    model_id: str
    spec: LoraSpec
    train_rows: int = 50
    seed: int = 0
    context_tokens: int = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSnapshot:
    """A training as it stands."""

    order: TrainingOrder
    status: str
    """As `engine.services.jobs.Errand.status`."""
    message: str
    mend: str
    progress: Progress | None
    losses: tuple[tuple[int, float], ...]
    """(step, mean loss per answer token)."""
    validation: tuple[tuple[int, float], ...]
    """(step, mean loss per answer token of the rows held out)."""
    tokens_per_s: float | None
    """Tokens computed per second, forward and backward, as last told."""
    weights_key: str
    """Of the weights once they are kept, else empty."""
    reused: bool
    """They were there already: nothing was trained."""

    @property
    def goes_on(self) -> bool:
        """Tell whether more will come."""
        return self.status in {"waiting", "working"}


@dataclass(slots=True)
class _Training:
    order: TrainingOrder
    errand: Errand[Progress | tuple[LoraWeights, bool]] | None = None
    progress: Progress | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    tokens_per_s: float | None = None
    weights_key: str = ""
    reused: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, step: Progress | tuple[LoraWeights, bool]) -> None:
        with self.lock:
            if isinstance(step, tuple):
                self.weights_key, self.reused = step[0].key, step[1]
                return
            self.progress = step
            self.tokens_per_s = step.tokens_per_s or self.tokens_per_s
            if step.step is None:
                return
            if step.loss is not None:
                self.losses.append((step.step, step.loss))
            if step.validation_loss is not None:
                self.validation.append((step.step, step.validation_loss))


class Trainings:
    """Starts trainings, one after another, and remembers how they went. Safe to use from several threads."""

    def __init__(self, bench: Bench) -> None:
        """Train with what lies on this bench."""
        self._bench = bench
        self._trainings: dict[str, _Training] = {}
        self._lock = threading.Lock()

    @property
    def library(self) -> Library:
        """Kept weights."""
        return self._bench.library

    def start(self, order: TrainingOrder) -> str:
        """Begin a training in the background, or queue it; return its id."""
        training = _Training(order)
        training.errand = Errand(
            "training",
            machine=self._bench.machine_lock,
            work=lambda cancel: train_and_measure(self._bench, order, cancel),
            take=training.take,
            waits=True,
        )
        training_id = secrets.token_hex(8)
        with self._lock:
            self._trainings[training_id] = training
            while len(self._trainings) > MOST_REMEMBERED:
                self._trainings.pop(next(iter(self._trainings)))
        training.errand.start()
        return training_id

    def current_id(self) -> str | None:
        """Return the training that goes on or waits."""
        with self._lock:
            return next((one for one, training in self._trainings.items() if _goes_on(training)), None)

    def snapshot(self, training_id: str) -> TrainingSnapshot | None:
        """Return a training as it stands; None if this process knows none of this id."""
        with self._lock:
            training = self._trainings.get(training_id)
        if training is None or training.errand is None:
            return None
        status, error = training.errand.status, training.errand.error
        with training.lock:
            return TrainingSnapshot(
                order=training.order,
                status=status,
                message=error.what if error else "",
                mend=error.mend if error else "",
                progress=training.progress,
                losses=tuple(training.losses),
                validation=tuple(training.validation),
                tokens_per_s=training.tokens_per_s,
                weights_key=training.weights_key,
                reused=training.reused,
            )

    def cancel(self, training_id: str) -> None:
        """Stop a training; it leaves nothing behind."""
        with self._lock:
            training = self._trainings.get(training_id)
        if training is not None and training.errand is not None:
            training.errand.cancel()

    def close(self) -> None:
        """Stop all trainings."""
        with self._lock:
            training_ids = list(self._trainings)
        for training_id in training_ids:
            self.cancel(training_id)


def _goes_on(training: _Training) -> bool:
    return training.errand is not None and training.errand.goes_on


def train_and_measure(
    bench: Bench, order: TrainingOrder, cancel: CancelSignal
) -> Iterator[Progress | tuple[LoraWeights, bool]]:
    """Train, or find what fits; then run the canary and measure quality before and after; note all of it.

    Raises:
        AdaptLabError: the training was refused, stopped or failed, or the weights change nothing.
    """
    task = bench.task(order.task_id)
    ports = bench.ports(order.model_id)
    weights: LoraWeights | None = None
    steps = train_lora(task, ports, order.spec, train_rows=order.train_rows, seed=order.seed, cancel=cancel)
    for step in steps:
        yield step
        if isinstance(step, tuple):
            weights = step[0]
    if weights is None:
        return
    check_belonging(weights.base_digest, weights.template_digest, ports.model.facts)
    ports.trainer.note(
        weights.key, {"task_id": task.id, "model_id": order.model_id, "seed": order.seed, "rows": order.train_rows}
    )
    yield from _measure(task, ports, order, weights, cancel)


def _measure(
    task: Task, ports: Ports, order: TrainingOrder, weights: LoraWeights, cancel: CancelSignal
) -> Iterator[Progress]:
    yield Progress(stage="Loading the model", fraction=0.0)
    ports.model.load(slots=len(LABELS) + 1, context_tokens=order.context_tokens, cancel=cancel)
    plan = RunPlan(
        run_id="training", task_id=task.id, model_id=order.model_id, variants=(), test_ids=(), train_ids=(),
        seed=order.seed, context_tokens=order.context_tokens,
    )  # fmt: skip
    desk = Desk(plan=plan, task=task, model=ports.model, retriever=ports.retriever, cancel=cancel)
    tuned = ReadyVariant(variant=Variant(id="lora", technique=Technique.LORA), lora_path=str(weights.gguf))
    base = ReadyVariant(variant=Variant(id="zero-shot", technique=Technique.ZERO_SHOT))
    probe = (task.split("train") or task.examples)[0]
    ports.trainer.note(weights.key, {"canary_change": run_canary(desk, tuned, probe)})
    rows, split = rows_to_measure_on(task, order)
    scores: dict[str, list[float]] = {"before": [], "after": []}
    for place, example in enumerate(rows):
        yield Progress(
            stage=f"Measuring quality on {len(rows)} rows that were not trained on", fraction=place / len(rows)
        )
        for name, ready in (("before", base), ("after", tuned)):
            scores[name].append(next_prediction(answer_row(desk, ready, example, place)).score or 0.0)
    if rows:
        noted = {name: _measured(task, values, split) for name, values in scores.items()}
        ports.trainer.note(weights.key, noted)
    yield Progress(stage="Done", fraction=1.0)


def rows_to_measure_on(task: Task, order: TrainingOrder) -> tuple[list[Example], str]:
    """Return rows that these weights have not seen: of `validation`, else those of `train` that were left out.

    The test split is left alone: what is chosen by looking at it can no longer be judged by it.
    """
    by_target = task.answer.kind is AnswerKind.LABEL
    seen = {
        example.id
        for example in balanced_sample(task.split("train"), order.train_rows, seed=order.seed, by_target=by_target)
    }
    for split in ("validation", "train"):
        rows = [example for example in task.split(split) if example.id not in seen]
        if rows:
            return balanced_sample(rows, MOST_MEASURED_ROWS, seed=order.seed, by_target=by_target), split
    return [], ""


def _measured(task: Task, scores: Sequence[float], split: str) -> Mapping[str, Any]:
    measured = Measured(metric=task.primary_scorer, interval=mean_interval(scores), rows=len(scores), split=split)
    return asdict(measured)


def order_with_seed(order: TrainingOrder) -> TrainingOrder:
    """Give the order's seed to its parameters, as a run does, so that both find the same weights."""
    return replace(order, spec=replace(order.spec, seed=order.seed))
