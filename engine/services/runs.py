"""Runs: planned, estimated, started, paused, resumed, watched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Unpack

from engine.analysis.basis.training_rows import TrainingRows, training_rows
from engine.analysis.break_even import labelled_rows
from engine.analysis.marks import origin_at
from engine.analysis.snapshot import RunProgress, RunSnapshot
from engine.core.errors import AdaptLabError, UsageError
from engine.core.run.events import Event
from engine.core.run.infos import MoreRows, Preflight, RowOffer, RunEstimate, RunInfo
from engine.core.run.manifest import Conditions, Manifest, ModelRecord, Purpose
from engine.core.run.plan import ROWS_PER_LABEL, RunPlan
from engine.running.planning import PlanChoices, plan_run
from engine.running.preflight.backend_checks import sends_rows_to
from engine.running.preflight.estimating import estimate_run
from engine.running.preflight.label_room import LabelRoom, label_room, label_room_told, with_found_labels
from engine.running.sampling import draw_training_rows, training_row_count
from engine.services.background.background_runs import BackgroundRuns
from engine.services.embedders import Embedders
from engine.services.kept_runs import KeptRuns
from engine.services.models import facts_by_name
from engine.services.more_rows import RowAdder
from engine.services.recorded import SAMPLE, fold
from engine.services.tasks import task_has_changed
from engine.services.workspace import Workspace
from engine.studies.past_purposes import purposes_of, split_of


class Runs:
    """Carries out runs, one at a time on this machine. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, embedders: Embedders) -> None:
        """Run with these adapters."""
        self._workspace, self._embedders = workspace, embedders
        self._background = BackgroundRuns(workspace)
        self._kept = KeptRuns(workspace.store)
        self._adder = RowAdder(workspace, self.kept_plan)

    def plan(self, *, task_id: str, model_id: str, **choices: Unpack[PlanChoices]) -> RunPlan:
        """Fix what a run computes; choices are those of `engine.running.planning.plan_run`.

        Raises:
            UsageError: an unknown name, or nothing to compute.
        """
        task, facts = self._workspace.tasks.get(task_id), facts_by_name(self._workspace.models, model_id)
        options = choices.get("options")
        choices.setdefault("embedding", self._embedders.choose(task, options.embedder if options else None))
        return self.fitted(plan_run(task, facts, task_id=task_id, **choices))

    def fitted(self, plan: RunPlan) -> RunPlan:
        """Return a plan whose RAG shows labels of found examples alone, where its prompts cannot hold all labels."""
        return with_found_labels(plan, self._label_room(plan))

    def preflight(self, plan: RunPlan) -> Preflight:
        """Estimate what a plan will take, and report what keeps it from starting."""
        facts, machine = self._workspace.models.get(plan.model_id), self._workspace.machine
        task = self._workspace.tasks.get(plan.task_id)
        problems, notes = label_room_told(plan, task, facts, self._label_room(plan))
        found = estimate_run(
            plan,
            task,
            facts,
            cores=machine.facts().cores,
            free_memory_bytes=machine.free_memory_bytes(),
            trainable=self._workspace.trainable,
            capabilities=self._workspace.models.capabilities(facts),
        )
        return replace(found, problems=(*problems, *found.problems), notes=(*notes, *found.notes))

    def _label_room(self, plan: RunPlan) -> LabelRoom:
        """Find variants whose prompts cannot hold all labels; none where the model cannot be asked for tokens now."""
        models = self._workspace.models
        facts = models.get(plan.model_id)
        count = partial(self._workspace.intake.count_tokens, plan.model_id)
        with suppress(AdaptLabError):
            return label_room(plan, self._workspace.tasks.get(plan.task_id), facts, models.capabilities(facts), count)
        return LabelRoom(room=0, needed={})

    def estimate(self, plan: RunPlan) -> RunEstimate | None:
        """Return the parts of a plan's estimated time, with which its time left begins; None if its model is gone."""
        with suppress(AdaptLabError):
            return self.preflight(plan).parts
        return None

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

    def more_rows(self, run_id: str, needed: int) -> MoreRows | None:
        """Estimate what so many more test rows of a finished run take; None for a run that can take none."""
        return self._adder.offer(run_id, needed)

    def add_rows(self, run_id: str, count: int, *, spending_limit_usd: float | None = None) -> RunPlan:
        """Add the next test rows to a finished run, which `resume` then answers.

        Where answers cost money, the limit for the whole run is agreed to anew.

        Raises:
            UsageError: the run cannot take so many rows, or its cost is not agreed to.
        """
        return self._adder.add(run_id, count, spending_limit_usd=spending_limit_usd)

    def conditions(self, plan: RunPlan, *, resume: bool) -> Conditions:
        """Return what the figures of a run depend on: as it was kept, or as it would begin."""
        manifest = self._workspace.store.manifest(plan.run_id) if resume else self._new(plan, Purpose.COMPARISON)
        return manifest.conditions

    def start(self, plan: RunPlan, *, purpose: Purpose = Purpose.COMPARISON, studied_run: str = "") -> str:
        """Keep a new run and carry it out in the background; return its id."""
        self._create(plan, purpose, studied_run)
        self._background.begin(plan, self.estimate(plan))
        return plan.run_id

    def resume(self, run_id: str) -> str:
        """Resume a kept run in the background, unless it is already running.

        Raises:
            UsageError: there is no such run, or its task or model has changed.
        """
        plan = self.kept_plan(run_id)
        self._workspace.files.forget(run_id)  # rows that a fault left without an answer are asked again
        self._background.begin(plan, self.estimate(plan))
        return run_id

    def carry_out(
        self,
        plan: RunPlan,
        cancel: threading.Event,
        *,
        resume: bool,
        purpose: Purpose = Purpose.COMPARISON,
        studied_run: str = "",
        enough: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Carry out a plan in the caller's thread, as the terminal does; `enough` ends its search for settings."""
        if resume:
            self.kept_plan(plan.run_id)
            self._workspace.files.forget(plan.run_id)
        else:
            self._create(plan, purpose, studied_run)
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
        return next(iter(self._background.current_ids()), None)

    def current_ids(self) -> list[str]:
        """Return the runs that are running or waiting in this process, in the order in which they began."""
        return self._background.current_ids()

    def progress(self, run_id: str) -> RunProgress | None:
        """Return how far a run of this process is, without its figures; None for other runs."""
        return self._background.progress(run_id)

    def snapshot(self, run_id: str) -> RunSnapshot:
        """Return a run so far: from memory, or rebuilt from the store.

        Raises:
            UsageError: there is no such run.
        """
        sample = self._workspace.files.sample() if run_id == SAMPLE else None
        if sample is not None:
            return fold(sample.manifest, sample.predictions).snapshot()
        live = self._background.find(run_id) or self._kept.find(run_id)
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

    def _create(self, plan: RunPlan, purpose: Purpose, studied_run: str = "") -> None:
        self._workspace.store.create_run(self._new(plan, purpose, studied_run))

    def _new(self, plan: RunPlan, purpose: Purpose, studied_run: str = "") -> Manifest:
        task, facts = self._workspace.tasks.get(plan.task_id), self._workspace.models.get(plan.model_id)
        machine, origin = self._workspace.machine, origin_at(facts, self._workspace.models.capabilities(facts))
        return Manifest(
            plan=plan,
            purpose=purpose,
            studied_run=studied_run,
            split=split_of(plan, task),
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


def classify_kept_runs(workspace: Workspace) -> None:
    """Keep purpose and split with runs of before runs had them, so that none of them poses as a comparison.

    A run whose task is gone keeps no split, and is looked at again when the folder is opened next. A purpose that a
    run was given when it was made is never changed.
    """
    found = workspace.store.without_split()
    if not found:
        return
    splits = {manifest.plan.run_id: _kept_split(workspace, manifest.plan) for manifest, _has_purpose in found}
    purposes = purposes_of([manifest for manifest, _has_purpose in found], splits)
    for manifest, has_purpose in found:
        run_id = manifest.plan.run_id
        purpose = {} if has_purpose else {"purpose": str(purposes[run_id])}
        split = {"split": splits[run_id]} if splits[run_id] else {}
        if purpose or split:
            workspace.store.update_run(run_id, manifest={**purpose, **split})


def _kept_split(workspace: Workspace, plan: RunPlan) -> str:
    with suppress(AdaptLabError):
        return split_of(plan, workspace.tasks.get(plan.task_id))
    return ""
