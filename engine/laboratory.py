"""The app's one facade: what both front doors ask for. Built by `wiring.open_laboratory`.

Runs go on in a thread of this process that only passes events along; models, index and training live in
processes of their own. One run at a time measures the machine; further ones queue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from engine.costing import CostAssumptions
from engine.defaults import Choices, default_variants
from engine.errors import AdaptLabError, UsageError
from engine.events import Event, PredictionMade, RunEnded, RunQueued, RunStarted, VariantReady
from engine.ports import ModelFacts, ModelOffer, RunStore
from engine.prediction import Prediction
from engine.run import RunPlan, new_run_id, plan_from_dict
from engine.runner import Ports, run
from engine.selection import balanced_sample, choose_test_rows
from engine.servers import ModelServers
from engine.snapshot import LiveRun, RunSnapshot
from engine.spending import token_prices
from engine.summary import summarize
from engine.task import AnswerKind, Task
from engine.variant import DecodingMode, Technique

QUEUE_POLL_S = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInfo:
    """A task at a glance."""

    id: str
    title: str
    summary: str
    rows: dict[str, int]
    """Rows per split."""
    documents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """A kept run at a glance."""

    run_id: str
    task_id: str
    model_id: str
    status: str
    started_at: str
    """UTC, ISO 8601."""
    rows_done: int
    rows_total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """What a plan will take, before it starts. All figures are estimates."""

    predictions: int
    estimated_s: float
    estimated_training_s: float
    """Part of `estimated_s`; 0 when fitting LoRA weights exist or none are needed."""
    estimated_memory_bytes: int
    free_memory_bytes: int
    problems: tuple[str, ...]
    """Reasons why the plan cannot start; each with its mend."""
    notes: tuple[str, ...]
    estimated_cost_usd: float = 0.0
    """What the tokens cost at a closed API; 0 for models that run on one's own machines."""


class Shelf(Protocol):
    """Where the laboratory finds tasks, models, adapters and facts; `wiring.py` fulfils it."""

    @property
    def store(self) -> RunStore:
        """The run store."""
        ...

    def tasks(self) -> list[TaskInfo]:
        """All tasks at a glance."""
        ...

    def task(self, name: str) -> Task:
        """One task by id."""
        ...

    def models(self) -> list[ModelFacts]:
        """All models."""
        ...

    def model(self, name: str) -> ModelFacts:
        """One model with its digest."""
        ...

    def model_offers(self) -> list[ModelOffer]:
        """Models that wait for their terms to be accepted."""
        ...

    @property
    def servers(self) -> ModelServers:
        """The servers that hold models."""
        ...

    def accept_model(self, name: str) -> None:
        """Accept a model's terms."""
        ...

    def ports(self, model_id: str) -> Ports:
        """The adapters of a run on this model."""
        ...

    def preflight(self, plan: RunPlan, task: Task) -> Preflight:
        """Estimate a plan."""
        ...

    def machine_lock(self) -> AbstractContextManager[bool]:
        """Try to take the machine."""
        ...

    def machine(self) -> dict[str, Any]:
        """Facts of this machine."""
        ...

    def versions(self) -> dict[str, str]:
        """Versions of what computes."""
        ...

    def run_list(self) -> list[RunInfo]:
        """Kept runs, newest first."""
        ...

    def export(self, run_id: str, summary: dict[str, Any]) -> dict[str, bytes]:
        """A run's files by name."""
        ...

    def release(self) -> None:
        """End worker processes that are idle."""
        ...


class Laboratory:
    """Tasks, models, plans, runs. Safe to call from several threads."""

    def __init__(self, shelf: Shelf) -> None:
        """Open on a shelf."""
        self._shelf = shelf
        self._lock = threading.Lock()
        self._live: dict[str, LiveRun] = {}
        self._cancels: dict[str, threading.Event] = {}
        self._order: list[str] = []

    def tasks(self) -> list[TaskInfo]:
        """List tasks."""
        return self._shelf.tasks()

    def task(self, task_id: str) -> Task:
        """Return a task."""
        return self._shelf.task(task_id)

    def models(self) -> list[ModelFacts]:
        """List models."""
        return self._shelf.models()

    def model_offers(self) -> list[ModelOffer]:
        """List models that are installed and wait for their terms to be accepted."""
        return self._shelf.model_offers()

    def accept_model(self, name: str) -> None:
        """Accept a model's terms, so that it can be used."""
        self._shelf.accept_model(name)

    @property
    def servers(self) -> ModelServers:
        """The servers that hold models: looked at, added, removed; models pulled."""
        return self._shelf.servers

    def machine(self) -> dict[str, Any]:
        """Return facts of this machine."""
        return self._shelf.machine()

    def plan(
        self,
        *,
        task_id: str,
        model_id: str,
        techniques: Sequence[Technique],
        limit: int | None = None,
        train_rows: int = 50,
        seed: int = 0,
        decoding: DecodingMode = DecodingMode.CHOICE,
        throughput: bool = False,
        context_tokens: int = 2048,
        costs: CostAssumptions | None = None,
        test_split: str = "test",
        choices: Choices | None = None,
        spending_limit_usd: float | None = None,
    ) -> RunPlan:
        """Fix what a run computes.

        Raises:
            UsageError: an unknown name, or nothing to compute.
        """
        task = self._shelf.task(task_id)
        facts = self._shelf.model(model_id)
        test = choose_test_rows(task.split(test_split), limit, seed=seed)
        if not test:
            raise UsageError(f"There are no '{test_split}' rows to answer.", "Ask for at least one row.")
        by_target = task.answer.kind is AnswerKind.LABEL
        train = balanced_sample(task.split("train"), train_rows, seed=seed, by_target=by_target)
        return RunPlan(
            run_id=new_run_id(),
            task_id=task_id,
            model_id=model_id,
            variants=default_variants(techniques, task, seed=seed, choices=choices),
            test_ids=tuple(example.id for example in test),
            train_ids=tuple(example.id for example in train),
            seed=seed,
            decoding=decoding,
            context_tokens=min(context_tokens, facts.context_tokens or context_tokens),
            throughput=throughput,
            costs=costs or CostAssumptions(),
            prices=token_prices(facts.price_ref) if facts.price_ref else None,
            spending_limit_usd=spending_limit_usd,
        )

    def preflight(self, plan: RunPlan) -> Preflight:
        """Estimate what a plan will take."""
        return self._shelf.preflight(plan, self._shelf.task(plan.task_id))

    def start(self, plan: RunPlan) -> str:
        """Keep a new run and carry it out in the background; return its id."""
        self._create(plan)
        self._begin(plan)
        return plan.run_id

    def resume(self, run_id: str) -> str:
        """Go on with a kept run in the background, unless it goes on already.

        Raises:
            UsageError: there is no such run, or its task or model has changed.
        """
        plan = self._kept_plan(run_id)
        with self._lock:
            live = self._live.get(run_id)
        if live is None or not live.snapshot().is_running:
            self._begin(plan)
        return run_id

    def carry_out(self, plan: RunPlan, cancel: threading.Event, *, resume: bool) -> Iterator[Event]:
        """Carry out a plan in the caller's thread, as the terminal does."""
        if resume:
            self._kept_plan(plan.run_id)
        else:
            self._create(plan)
        yield from self._events(plan, cancel)

    def kept_plan(self, run_id: str) -> RunPlan:
        """Return the plan of a kept run, checked against today's task and model."""
        return self._kept_plan(run_id)

    def cancel(self, run_id: str) -> None:
        """Stop a run; what was done is kept."""
        with self._lock:
            cancel = self._cancels.get(run_id)
        if cancel is not None:
            cancel.set()

    def current_run_id(self) -> str | None:
        """Return the run that goes on or waits in this process."""
        with self._lock:
            runs = [(run_id, self._live[run_id]) for run_id in self._order if run_id in self._live]
        return next((run_id for run_id, live in runs if live.snapshot().is_running), None)

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Return a run as it stands: from memory, or rebuilt from the store.

        Raises:
            UsageError: there is no such run.
        """
        return self._run(run_id).snapshot()

    def predictions(self, run_id: str) -> list[Prediction]:
        """Return all predictions of a run so far."""
        return self._shelf.store.predictions(run_id)

    def summary(self, run_id: str) -> dict[str, Any]:
        """Return a run in figures."""
        manifest = self._shelf.store.manifest(run_id)
        plan = plan_from_dict(manifest["plan"])
        return summarize(plan, self._shelf.task(plan.task_id), self.predictions(run_id), manifest)

    def export(self, run_id: str) -> dict[str, bytes]:
        """Return a run's files by name."""
        return self._shelf.export(run_id, self.summary(run_id))

    def runs(self) -> list[RunInfo]:
        """List kept runs, newest first."""
        return self._shelf.run_list()

    def close(self) -> None:
        """Stop all runs and end all workers."""
        with self._lock:
            cancels = list(self._cancels.values())
        for cancel in cancels:
            cancel.set()
        self._shelf.release()

    def _create(self, plan: RunPlan) -> None:
        task, facts = self._shelf.task(plan.task_id), self._shelf.model(plan.model_id)
        manifest = {
            "plan": plan.to_dict(),
            "machine": self._shelf.machine(),
            "versions": self._shelf.versions(),
            "task_digest": task.digest,
            "model": {
                "id": facts.id,
                "name": facts.name,
                "backend": facts.backend,
                "architecture": facts.architecture,
                "quantization": facts.quantization,
                "size_bytes": facts.size_bytes,
                "digest": facts.digest,
                "template_digest": facts.template_digest,
            },
        }
        self._shelf.store.create_run(plan.run_id, manifest)

    def _kept_plan(self, run_id: str) -> RunPlan:
        manifest = self._shelf.store.manifest(run_id)
        plan = plan_from_dict(manifest["plan"])
        if self._shelf.task(plan.task_id).digest != manifest["task_digest"]:
            raise UsageError(f"The task '{plan.task_id}' has changed since run {run_id}.", "Start a new run.")
        if self._shelf.model(plan.model_id).digest != manifest["model"]["digest"]:
            raise UsageError(f"The file of model '{plan.model_id}' has changed since run {run_id}.", "Start a new run.")
        return plan

    def _begin(self, plan: RunPlan) -> None:
        live, cancel = LiveRun(plan, cores=int(self._shelf.machine()["cores"])), threading.Event()
        with self._lock:
            self._live[plan.run_id], self._cancels[plan.run_id] = live, cancel
            self._order.append(plan.run_id)
        threading.Thread(
            target=self._pass_along, args=(plan, live, cancel), name=f"run {plan.run_id}", daemon=True
        ).start()

    def _pass_along(self, plan: RunPlan, live: LiveRun, cancel: threading.Event) -> None:
        try:
            for event in self._events(plan, cancel):
                live.apply(event)
        except AdaptLabError as error:
            live.apply(RunEnded(status="failed", message=error.what, mend=error.mend))
        except Exception as error:  # the thread's end: a fault of ours must reach the screen  # noqa: BLE001
            live.apply(RunEnded(status="failed", message=f"{type(error).__name__}: {error}", mend="Resume the run."))
            with suppress(AdaptLabError):
                self._shelf.store.update_run(plan.run_id, status="failed")

    def _events(self, plan: RunPlan, cancel: threading.Event) -> Iterator[Event]:
        task = self._shelf.task(plan.task_id)
        told = False
        while True:
            ended: RunEnded | None = None
            with self._shelf.machine_lock() as free:
                if free:
                    for event in run(plan, task, self._shelf.ports(plan.model_id), cancel):
                        if isinstance(event, RunEnded):
                            ended = event
                        else:
                            yield event
            if ended is not None:  # told only now: whoever stops listening at the end must not keep the machine
                yield ended
                return
            if not told:
                told = True
                yield RunQueued(run_id=plan.run_id, ahead="another run on this machine")
            if cancel.is_set():
                self._shelf.store.update_run(plan.run_id, status="cancelled")
                yield RunEnded(status="cancelled", message="Stopped while waiting.", mend="Resume to go on.")
                return
            time.sleep(QUEUE_POLL_S)

    def _run(self, run_id: str) -> LiveRun:
        with self._lock:
            live = self._live.get(run_id)
        if live is not None:
            return live
        return self._rebuilt(run_id)

    def _rebuilt(self, run_id: str) -> LiveRun:
        """Fold a kept run's predictions again. A run that no process carries on counts as stopped."""
        manifest = self._shelf.store.manifest(run_id)
        plan = plan_from_dict(manifest["plan"])
        live = LiveRun(plan, cores=int(manifest.get("machine", {}).get("cores", 1)))
        live.apply(RunStarted(plan=plan, kept_rows=0))
        for variant_id, figures in manifest.get("prepared", {}).items():
            live.apply(VariantReady(variant_id=variant_id, **figures))
        for prediction in self.predictions(run_id):
            live.apply(PredictionMade(prediction=prediction, kept=True))
        status = str(manifest["status"])
        if status in {"done", "cancelled", "failed"}:
            live.apply(RunEnded(status=status))
        else:
            live.apply(
                RunEnded(
                    status="cancelled", message="This run was interrupted.", mend="Resume to go on where it stood."
                )
            )
        return live
