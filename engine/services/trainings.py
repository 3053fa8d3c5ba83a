"""Training LoRA weights: trained, tried against their base, measured before and after, and noted."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from engine.core.errors import AdaptLabError
from engine.core.generation import LoraWeights
from engine.core.lora_library import KeptWeights, Library, Measured
from engine.core.run.plan import CONTEXT_TOKENS, RunPlan
from engine.core.steps import CancelSignal, Progress, drain, seconds_left
from engine.core.task import Example, Task
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, Variant
from engine.metrics.intervals import mean_interval
from engine.running.answering import ReadyVariant, RunContext, answer_row
from engine.running.lora import find_or_train, run_canary, training_pairs
from engine.running.sampling import balanced_sample, draw_training_rows
from engine.services.background.jobs import Job, JobBook, Lock, in_turn
from engine.services.workspace import Workspace

MOST_MEASURED_ROWS = 30
"""Rows on which quality is measured before and after: enough to see a change, and some seconds of work."""


MEASURING_SLOTS = 3
"""Base, tuned, and the canary."""

MOST_REMEMBERED = 20
"""Trainings whose progress is remembered; the oldest is forgotten first, but its weights are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOrder:
    """What is to be trained."""

    task_id: str
    model_id: str
    spec: LoraSpec
    """Its seed draws the rows as well, as in a run, so that both find the same weights."""
    train_rows: int | None = None
    """None draws as many as a run does by default."""
    context_tokens: int = CONTEXT_TOKENS


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSnapshot:
    """The current state of a training."""

    order: TrainingOrder
    status: str
    """As `engine.services.background.jobs.Job.status`."""
    message: str
    fix: str
    progress: Progress | None
    losses: tuple[tuple[int, float], ...]
    """(step, mean loss per answer token)."""
    validation: tuple[tuple[int, float], ...]
    """(step, mean loss per answer token of the rows held out)."""
    tokens_per_s: float | None
    """Tokens computed per second, forward and backward, as last reported."""
    weights_key: str
    """Of the weights once they are kept, else empty."""
    reused: bool
    """They existed already: nothing was trained."""

    @property
    def is_running(self) -> bool:
        """Tell whether more will come."""
        return self.status in {"waiting", "working"}


class _Training(Job[None]):
    """A running training, and what it has reported so far."""

    def __init__(self, workspace: Workspace, order: TrainingOrder) -> None:
        super().__init__("training", self._train, lock=Lock.WAIT, machine=workspace.machine.lock)
        self._workspace = workspace
        self.order = order
        self.progress: Progress | None = None
        self.losses: list[tuple[int, float]] = []
        self.validation: list[tuple[int, float]] = []
        self.tokens_per_s: float | None = None
        self.weights_key = ""
        self.reused = False
        self.lock = threading.Lock()

    def _train(self, _job: Job[None]) -> None:
        self.follow(self._steps(), self._take)

    def _steps(self) -> Iterator[Progress]:
        weights, self.reused = yield from train(self._workspace, self.order, self)
        self.weights_key = weights.key or ""
        yield from _measure(self._workspace, self.order, weights, self)

    def _take(self, step: Progress) -> None:
        with self.lock:
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

    def __init__(self, workspace: Workspace) -> None:
        """Train with these adapters."""
        self._workspace = workspace
        self._trainings: JobBook[_Training] = JobBook(MOST_REMEMBERED)

    @property
    def library(self) -> Library:
        """Kept weights."""
        return self._workspace.library

    def made_with(self, key: str) -> list[str]:
        """Return the models of the Ollama server here that were made with these weights."""
        return self._workspace.servers.made_with(key)

    def remove(self, key: str) -> list[str]:
        """Remove weights and the models that were made with them; return the names of these models.

        Raises:
            UsageError: there are none of this key.
            ModelError: the server does not remove a model; the weights are still there.
        """
        removed = self._workspace.servers.remove_made_with(key)
        self._workspace.library.delete(key)
        return removed

    def export(self, one: KeptWeights, form: str) -> tuple[str, bytes]:
        """Return a file name and its bytes in one of the forms of `EXPORTS`, with the instructions of the task.

        Raises:
            UsageError: the weights have been removed, or the form is unknown.
        """
        instructions = ""
        with suppress(AdaptLabError):  # the task has been removed since
            instructions = self._workspace.tasks.get(one.task_id).instructions if one.task_id else ""
        return self._workspace.library.export(one.key, form, instructions=instructions)

    def start(self, order: TrainingOrder) -> str:
        """Begin a training in the background, or queue it; return its id."""
        training_id, training = secrets.token_hex(8), _Training(self._workspace, order)
        self._trainings.add(training_id, training)
        training.start()
        return training_id

    def current_id(self) -> str | None:
        """Return the training that is running or waiting."""
        return self._trainings.running_id()

    def snapshot(self, training_id: str) -> TrainingSnapshot | None:
        """Return a training so far; None if this process does not know the id."""
        training = self._trainings.find(training_id)
        if training is None:
            return None
        error = training.error
        with training.lock:
            return TrainingSnapshot(
                order=training.order,
                status=training.status,
                message=error.what if error else "",
                fix=error.fix if error else "",
                progress=training.progress,
                losses=tuple(training.losses),
                validation=tuple(training.validation),
                tokens_per_s=training.tokens_per_s,
                weights_key=training.weights_key,
                reused=training.reused,
            )

    def cancel(self, training_id: str) -> None:
        """Stop a training; it leaves nothing behind."""
        self._trainings.cancel(training_id)

    def train(self, order: TrainingOrder, cancel: CancelSignal) -> Generator[Progress, None, tuple[LoraWeights, bool]]:
        """Train in the caller's thread once the machine is free, as the terminal does.

        Returns:
            The weights, and whether they existed before.

        Raises:
            CancelledError: `cancel` was set, perhaps while it waited.
        """
        found: list[tuple[LoraWeights, bool]] = []

        def steps() -> Iterator[Progress]:
            found.append((yield from train(self._workspace, order, cancel)))

        waiting = [Progress(stage="Waiting for a run or another training to end", fraction=0.0)]
        yield from in_turn(self._workspace.machine.lock, steps, stopped=cancel.is_set, waiting=waiting)
        return found[0]

    def close(self) -> None:
        """Stop all trainings."""
        self._trainings.close()


def train(
    workspace: Workspace, order: TrainingOrder, cancel: CancelSignal
) -> Generator[Progress, None, tuple[LoraWeights, bool]]:
    """Train, or find matching weights: the same ones that a run on the same rows would make and find."""
    task, ports = workspace.tasks.get(order.task_id), workspace.ports(order.model_id)
    rows = draw_training_rows(task, order.train_rows, seed=order.spec.seed)
    about = {"task_id": task.id, "model_id": order.model_id, "seed": order.spec.seed}
    texts = training_pairs(task, rows)
    return (yield from find_or_train(ports.model, ports.trainer, texts, order.spec, about=about, cancel=cancel))


def _measure(
    workspace: Workspace, order: TrainingOrder, weights: LoraWeights, cancel: CancelSignal
) -> Iterator[Progress]:
    """Run the canary, and measure quality before and after; note all of it."""
    task, ports = workspace.tasks.get(order.task_id), workspace.ports(order.model_id)
    yield Progress(stage="Loading the model", fraction=0.0)
    ports.model.load(slots=MEASURING_SLOTS, context_tokens=order.context_tokens, cancel=cancel)
    plan = RunPlan(
        run_id="training",
        task_id=task.id,
        model_id=order.model_id,
        variants=(),
        test_ids=(),
        train_ids=(),
        seed=order.spec.seed,
        context_tokens=order.context_tokens,
    )
    context = RunContext(plan=plan, task=task, model=ports.model, retriever=ports.retriever, cancel=cancel)
    tuned = ReadyVariant(variant=Variant(id="lora", technique=Technique.LORA), lora=weights)
    base = ReadyVariant(variant=Variant(id="zero-shot", technique=Technique.ZERO_SHOT))
    probe = (task.split("train") or task.examples)[0]
    run_canary(context, ports.trainer, tuned, probe)
    rows, split = rows_to_measure_on(task, order)
    scores: dict[str, list[float]] = {"before": [], "after": []}
    began = time.monotonic()
    for place, example in enumerate(rows):
        yield Progress(
            stage=f"Measuring quality on {len(rows)} rows that were not trained on",
            fraction=place / len(rows),
            left_s=seconds_left(time.monotonic() - began, place, len(rows)),
        )
        for name, ready in (("before", base), ("after", tuned)):
            scores[name].append(drain(answer_row(context, ready, example, place)).score or 0.0)
    if rows and weights.key is not None:
        ports.trainer.note(weights.key, {name: _measured(task, values, split) for name, values in scores.items()})
    yield Progress(stage="Done", fraction=1.0)


def rows_to_measure_on(task: Task, order: TrainingOrder) -> tuple[list[Example], str]:
    """Return rows that these weights have not seen: of `validation`, else those of `train` that were left out.

    The test split is left alone: what is chosen by looking at it can no longer be judged by it.
    """
    seen = {example.id for example in draw_training_rows(task, order.train_rows, seed=order.spec.seed)}
    for split in ("validation", "train"):
        rows = [example for example in task.split(split) if example.id not in seen]
        if rows:
            return balanced_sample(rows, MOST_MEASURED_ROWS, seed=order.spec.seed, by_target=task.has_labels), split
    return [], ""


def _measured(task: Task, scores: Sequence[float], split: str) -> Mapping[str, Any]:
    measured = Measured(metric=task.primary_scorer, interval=mean_interval(scores), rows=len(scores), split=split)
    return asdict(measured)
