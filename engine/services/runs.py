"""Runs: planned, estimated, started, paused, resumed, watched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Unpack

from engine.analysis.basis.training_rows import TrainingRows, training_rows
from engine.analysis.break_even import labelled_rows
from engine.analysis.marks import origin_at
from engine.analysis.snapshot import RunSnapshot
from engine.core.errors import UsageError
from engine.core.run.events import Event
from engine.core.run.infos import Preflight, RowOffer, RunInfo
from engine.core.run.manifest import Conditions, Manifest, ModelRecord, Purpose
from engine.core.run.plan import ROWS_PER_LABEL, RunPlan
from engine.running.planning import PlanChoices, plan_run
from engine.running.preflight.backend_checks import sends_rows_to
from engine.running.preflight.estimating import estimate_run
from engine.running.sampling import draw_training_rows, training_row_count
from engine.services.background_runs import BackgroundRuns
from engine.services.embedders import Embedders
from engine.services.models import facts_by_name
from engine.services.recorded import fold
from engine.services.tasks import task_has_changed
from engine.services.workspace import Workspace


class Runs:
    """Carries out runs, one at a time on this machine. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, embedders: Embedders) -> None:
        """Run with these adapters."""
        self._workspace, self._embedders = workspace, embedders
        self._background = BackgroundRuns(workspace)

    def plan(self, *, task_id: str, model_id: str, **choices: Unpack[PlanChoices]) -> RunPlan:
        """Fix what a run computes; choices are those of `engine.running.planning.plan_run`.

        Raises:
            UsageError: an unknown name, or nothing to compute.
        """
        task, facts = self._workspace.tasks.get(task_id), facts_by_name(self._workspace.models, model_id)
        options = choices.get("options")
        choices.setdefault("embedding", self._embedders.choose(task, options.embedder if options else None))
        return plan_run(task, facts, task_id=task_id, **choices)

    def preflight(self, plan: RunPlan) -> Preflight:
        """Estimate what a plan will take, and report what keeps it from starting."""
        facts, machine = self._workspace.models.get(plan.model_id), self._workspace.machine
        return estimate_run(
            plan,
            self._workspace.tasks.get(plan.task_id),
            facts,
            cores=machine.facts().cores,
            free_memory_bytes=machine.free_memory_bytes(),
            trainable=self._workspace.trainable,
            capabilities=self._workspace.models.capabilities(facts),
        )

    def training(self, plan: RunPlan) -> TrainingRows:
        """Tell what a plan's variants learn from, and which labels they never see."""
        return training_rows(plan, self._workspace.tasks.get(plan.task_id))

    def row_offer(self, plan: RunPlan) -> RowOffer | None:
        """Offer `ROWS_PER_LABEL` training rows for each label.

        None where no variant would learn from more rows than now, and where the user asked for another number of rows
        than the default and each label has one.
        """
        task = self._workspace.tasks.get(plan.task_id)
        training = training_rows(plan, task)
        if not training.labels:
            return None
        by_default = training.rows == training_row_count(task)
        if not by_default and not training.labels_without_rows:
            return None
        drawn = draw_training_rows(task, per_label=ROWS_PER_LABEL, seed=plan.seed)
        if all(labelled_rows(one, len(drawn)) <= labelled_rows(one, training.rows) for one in plan.variants):
            return None
        more = replace(plan, train_ids=tuple(example.id for example in drawn))
        extra_s = self.preflight(more).estimated_s - self.preflight(plan).estimated_s
        return RowOffer(per_label=ROWS_PER_LABEL, rows=len(drawn), extra_s=extra_s)

    def conditions(self, plan: RunPlan, *, resume: bool) -> Conditions:
        """Return what the figures of a run depend on: as it was kept, or as it would begin."""
        manifest = self._workspace.store.manifest(plan.run_id) if resume else self._new(plan, Purpose.COMPARISON)
        return manifest.conditions

    def start(self, plan: RunPlan, *, purpose: Purpose = Purpose.COMPARISON) -> str:
        """Keep a new run and carry it out in the background; return its id."""
        self._create(plan, purpose)
        self._background.begin(plan)
        return plan.run_id

    def resume(self, run_id: str) -> str:
        """Resume a kept run in the background, unless it is already running.

        Raises:
            UsageError: there is no such run, or its task or model has changed.
        """
        self._background.begin(self.kept_plan(run_id))
        return run_id

    def carry_out(
        self,
        plan: RunPlan,
        cancel: threading.Event,
        *,
        resume: bool,
        purpose: Purpose = Purpose.COMPARISON,
        enough: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Carry out a plan in the caller's thread, as the terminal does; `enough` ends its search for settings."""
        if resume:
            self.kept_plan(plan.run_id)
        else:
            self._create(plan, purpose)
        yield from self._background.events(plan, cancel, enough)

    def kept_plan(self, run_id: str) -> RunPlan:
        """Return the plan of a kept run, checked against today's task and model.

        Raises:
            UsageError: there is no such run, it was measured on another machine, or its task or model has changed.
        """
        manifest = self._workspace.store.manifest(run_id)
        plan = manifest.plan
        if manifest.imported:
            raise UsageError(
                f"Run {run_id} was imported: rows of this machine cannot be added to another machine's.",
                "Start a new run.",
            )
        if task_has_changed(self._workspace.tasks, manifest):
            raise UsageError(
                f"The task '{plan.task_id}' or its scoring has changed since run {run_id}.", "Start a new run."
            )
        if self._workspace.models.get(plan.model_id).digest != manifest.model.digest:
            raise UsageError(f"The file of model '{plan.model_id}' has changed since run {run_id}.", "Start a new run.")
        return plan

    def cancel(self, run_id: str) -> None:
        """Stop a run; what was done is kept."""
        self._background.cancel(run_id)

    def pause(self, run_id: str) -> None:
        """Pause a run after the current row. It keeps the machine, so that conditions stay the same."""
        self._background.pause(run_id)

    def end_search(self, run_id: str) -> None:
        """End a run's search for settings; it goes on with the best so far."""
        self._background.end_search(run_id)

    def go_on(self, run_id: str) -> None:
        """Resume a paused run."""
        self._background.go_on(run_id)

    def current_id(self) -> str | None:
        """Return the run that is running or waiting in this process."""
        return self._background.current_id()

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Return a run so far: from memory, or rebuilt from the store.

        Raises:
            UsageError: there is no such run.
        """
        store = self._workspace.store
        live = self._background.find(run_id) or fold(store.manifest(run_id), store.predictions(run_id))
        return live.snapshot()

    def list(self) -> list[RunInfo]:
        """List kept runs, newest first."""
        return self._workspace.store.infos()

    def delete(self, run_id: str) -> None:
        """Delete a run for good.

        Raises:
            UsageError: there is no such run, or it is still running.
        """
        self._background.forget(run_id)
        self._workspace.store.delete_run(run_id)
        self._workspace.files.forget(run_id)

    def close(self) -> None:
        """Stop all runs."""
        self._background.close()

    def _create(self, plan: RunPlan, purpose: Purpose) -> None:
        self._workspace.store.create_run(self._new(plan, purpose))

    def _new(self, plan: RunPlan, purpose: Purpose) -> Manifest:
        task, facts = self._workspace.tasks.get(plan.task_id), self._workspace.models.get(plan.model_id)
        machine, origin = self._workspace.machine, origin_at(facts, self._workspace.models.capabilities(facts))
        return Manifest(
            plan=plan,
            purpose=purpose,
            machine=machine.facts(),
            versions=machine.versions(),
            task_digest=task.digest,
            model=ModelRecord(
                id=facts.id,
                name=facts.name,
                backend=facts.backend,
                architecture=facts.architecture,
                quantization=facts.quantization,
                size_bytes=facts.size_bytes,
                digest=facts.digest,
                template_digest=facts.template_digest,
                server=origin.server,
                server_timings=origin.server_timings,
                probabilities_cut=origin.probabilities_cut,
                away=sends_rows_to(facts),
            ),
            embedder=", ".join(dict.fromkeys(one.embedder for one in plan.variants if one.embeds and one.embedder))
            or None,
        )
