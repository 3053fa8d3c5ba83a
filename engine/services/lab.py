"""The app's one facade: what both front doors ask for. Built by `wiring.open_laboratory`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from engine.analysis.memo import gather_memo
from engine.analysis.progress import RunSnapshot
from engine.analysis.report import Report, assess
from engine.analysis.run_table import RunTable
from engine.analysis.summary import summarize
from engine.core.capabilities import Capabilities
from engine.core.errors import UsageError
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.health import Finding
from engine.core.limits import Limits
from engine.core.model_servers import ModelServers
from engine.core.prices import CostAssumptions
from engine.core.run.events import Event
from engine.core.run.infos import Preflight, RunInfo, TaskInfo
from engine.core.run.plan import RunPlan, new_run_id, plan_from_dict
from engine.core.run.prediction import Prediction
from engine.core.task import AnswerKind, Task
from engine.core.variant import DecodingMode, Technique
from engine.ingest.intake import Intake
from engine.metrics.budget import token_prices
from engine.running.defaults import Choices, default_variants
from engine.running.sampling import balanced_sample, choose_test_rows
from engine.services.background_runs import LiveRuns
from engine.services.playground import Playground
from engine.services.recorded import SAMPLE, RecordedRun, fold
from engine.services.speed_test import SpeedTests
from engine.services.trainings import Trainings
from engine.services.workspace import Shelf
from engine.studies.perturbations import perturbed_task


class Laboratory:
    """Tasks, models, plans, runs. Safe to call from several threads."""

    def __init__(self, shelf: Shelf) -> None:
        """Open on a shelf."""
        self._shelf = shelf
        self._runs = LiveRuns(shelf)
        self.playground = Playground(shelf)
        self.trainings = Trainings(shelf)
        self.speed_tests = SpeedTests(shelf)

    @property
    def intake(self) -> Intake:
        """What turns a user's files into tasks."""
        return self._shelf.intake

    def tasks(self) -> list[TaskInfo]:
        """List tasks."""
        return self._shelf.tasks()

    def task(self, task_id: str) -> Task:
        """Return a task."""
        return self._shelf.task(task_id)

    def perturbed(self, task_id: str, kind: str, *, seed: int = 0) -> str:
        """Make the task whose test rows are perturbed; return its id."""
        return self.keep_made(perturbed_task(self._shelf.task(task_id), kind, seed=seed))

    def keep_made(self, task: Task) -> str:
        """Keep a task that was made from another, unless it is here as it was made; return its id."""
        try:
            kept = self._shelf.task(task.id)
        except UsageError:
            kept = None
        if kept is None or (kept.examples, kept.documents) != (task.examples, task.documents):
            self._shelf.keep_task(task)
        return task.id

    def models(self) -> list[ModelFacts]:
        """List models."""
        return self._shelf.models()

    def model(self, model_id: str) -> ModelFacts:
        """Return a model with its digest.

        Raises:
            UsageError: there is none of this id.
        """
        return self._shelf.model(model_id)

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Return what is known beforehand of what a model's backend can do."""
        return self._shelf.capabilities(facts)

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
        stop_when_clear: bool = False,
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
            stop_when_clear=stop_when_clear,
            prices=token_prices(facts.price_ref) if facts.price_ref else None,
            spending_limit_usd=spending_limit_usd,
        )

    def preflight(self, plan: RunPlan) -> Preflight:
        """Estimate what a plan will take."""
        return self._shelf.preflight(plan, self._shelf.task(plan.task_id))

    def start(self, plan: RunPlan) -> str:
        """Keep a new run and carry it out in the background; return its id."""
        self._create(plan)
        self._runs.begin(plan)
        return plan.run_id

    def resume(self, run_id: str) -> str:
        """Go on with a kept run in the background, unless it goes on already.

        Raises:
            UsageError: there is no such run, or its task or model has changed.
        """
        self._runs.begin(self._kept_plan(run_id))
        return run_id

    def carry_out(self, plan: RunPlan, cancel: threading.Event, *, resume: bool) -> Iterator[Event]:
        """Carry out a plan in the caller's thread, as the terminal does."""
        if resume:
            self._kept_plan(plan.run_id)
        else:
            self._create(plan)
        yield from self._runs.events(plan, cancel)

    def kept_plan(self, run_id: str) -> RunPlan:
        """Return the plan of a kept run, checked against today's task and model."""
        return self._kept_plan(run_id)

    def cancel(self, run_id: str) -> None:
        """Stop a run; what was done is kept."""
        self._runs.cancel(run_id)

    def pause(self, run_id: str) -> None:
        """Let a run stand still after the row under way. It keeps the machine, so that it goes on as it began."""
        self._runs.pause(run_id)

    def go_on(self, run_id: str) -> None:
        """Let a paused run go on."""
        self._runs.go_on(run_id)

    def current_run_id(self) -> str | None:
        """Return the run that goes on or waits in this process."""
        return self._runs.current_run_id()

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Return a run as it stands: from memory, or rebuilt from the store.

        Raises:
            UsageError: there is no such run.
        """
        live = self._runs.find(run_id) or fold(self._shelf.store.manifest(run_id), self.predictions(run_id))
        return live.snapshot()

    def predictions(self, run_id: str) -> list[Prediction]:
        """Return all predictions of a run so far."""
        return self._shelf.store.predictions(run_id)

    def predictions_of(self, run_id: str, example_id: str) -> list[Prediction]:
        """Return what all variants of a run answered on one example."""
        return self._shelf.store.predictions_of(run_id, example_id)

    def manifest(self, run_id: str) -> dict[str, Any]:
        """Return a run's manifest: plan, machine, versions, digests, status."""
        return self._shelf.store.manifest(run_id)

    def plan_of(self, run_id: str) -> RunPlan:
        """Return a kept run's plan as it was, whatever became of its task and model."""
        return plan_from_dict(self.manifest(run_id)["plan"])

    def table(self, run_id: str) -> RunTable:
        """Return a run's predictions as columns."""
        return self._shelf.table(run_id)

    def summary(self, run_id: str) -> dict[str, Any]:
        """Return a run in figures."""
        manifest = self._shelf.store.manifest(run_id)
        plan = plan_from_dict(manifest["plan"])
        return summarize(plan, self._shelf.task(plan.task_id), self.predictions(run_id), manifest)

    def report(self, run_id: str, limits: Limits) -> Report:
        """Assess a run under the user's limits."""
        manifest = self.manifest(run_id)
        plan = plan_from_dict(manifest["plan"])
        return assess(plan, self._shelf.task(plan.task_id), self.table(run_id), manifest, limits)

    def memo(self, run_id: str, limits: Limits, *, form: str = "html") -> bytes:
        """Write a run's memo as `html` or `md`."""
        manifest, table = self.manifest(run_id), self.table(run_id)
        plan = plan_from_dict(manifest["plan"])
        task = self._shelf.task(plan.task_id)
        report = assess(plan, task, table, manifest, limits)
        first = self.predictions_of(run_id, plan.test_ids[0])
        return self._shelf.memo(gather_memo(run_id, report, task, table, manifest, first), form)

    def keep_note(self, run_id: str, text: str) -> None:
        """Keep what the user writes about a run."""
        self.manifest(run_id)
        self._shelf.store.update_run(run_id, manifest={"note": text})

    def delete(self, run_id: str) -> None:
        """Delete a run for good.

        Raises:
            UsageError: there is no such run, or it goes on.
        """
        self._runs.forget(run_id)
        self._shelf.forget(run_id)

    def pack(self, run_id: str) -> bytes:
        """Return a run as one file that can be taken in elsewhere."""
        return self._shelf.pack(run_id)

    def unpack(self, data: bytes) -> str:
        """Take in a packed run and return its id.

        Raises:
            UsageError: it is no packed run, or is here already.
        """
        return self._shelf.unpack(data)

    def export(self, run_id: str) -> dict[str, bytes]:
        """Return a run's files by name."""
        return self._shelf.export(run_id, self.summary(run_id))

    def runs(self) -> list[RunInfo]:
        """List kept runs, newest first."""
        return self._shelf.run_list()

    def recorded(self, run_id: str) -> RecordedRun:
        """Return a kept run whole; `sample` names the one that ships with the app.

        Raises:
            UsageError: there is no such run.
        """
        if run_id == SAMPLE:
            found = self._shelf.sample_run()
            if found is None:
                raise UsageError("No sample run ships with this copy of the app.", "Make a run of your own.")
            return found
        return RecordedRun(manifest=self._shelf.store.manifest(run_id), predictions=tuple(self.predictions(run_id)))

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Add a row to a task; one that ships is copied first. Return the id of the task that has the row.

        Raises:
            TaskError: the row does not fit the task; nothing was changed.
        """
        return self._shelf.add_row(task_id, text=text, target=target, split=split)

    def checkup(self) -> list[Finding]:
        """Say what is missing on this machine, each with its mend."""
        return self._shelf.checkup()

    def close(self) -> None:
        """Stop all runs and end all workers."""
        self.playground.close()
        self.trainings.close()
        self.speed_tests.close()
        self._runs.cancel_all()
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
