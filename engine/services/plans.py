"""Plans: made, estimated, and checked before a run of them begins or goes on."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Unpack

from engine.analysis.basis.training_rows import TrainingRows, training_rows
from engine.analysis.costs.break_even import labelled_rows
from engine.analysis.marks import origin_at
from engine.core.errors import AdaptLabError, UsageError
from engine.core.run.failed_rows import to_ask_again
from engine.core.run.infos import Preflight, RestToPay, RowOffer, RunEstimate, UsualTechniques
from engine.core.run.manifest import Conditions, Manifest, ModelRecord, Purpose
from engine.core.run.plan import ROWS_PER_LABEL, RunPlan
from engine.core.task import Task
from engine.core.techniques import able
from engine.metrics.budget import Budget
from engine.running.planning import PlanChoices, plan_run
from engine.running.preflight.backend_checks import lora_comes_with_the_server, no_lora_by_default, sends_rows_to
from engine.running.preflight.estimating import estimate_run
from engine.running.preflight.label_room import LabelRoom, label_room, label_room_told, with_found_labels
from engine.running.preflight.pace import shown_pace
from engine.running.preflight.remote_embedders import sources_of
from engine.running.preparation.priors import count_rows
from engine.running.sampling import draw_training_rows, training_row_count
from engine.services.embedders import Embedders
from engine.services.models import facts_by_name, model_changed_since
from engine.services.tasks import changed_since, task_has_changed
from engine.services.workspace import Workspace
from engine.studies.past_purposes import split_of


class Plans:
    """What runs compute, before they do. Safe to call from several threads."""

    def __init__(self, workspace: Workspace, embedders: Embedders) -> None:
        """Plan with these adapters."""
        self._workspace, self._embedders = workspace, embedders

    def make(self, *, task_id: str, model_id: str, **choices: Unpack[PlanChoices]) -> RunPlan:
        """Fix what a run computes; choices are those of `engine.running.planning.plan_run`.

        Raises:
            UsageError: an unknown name, or nothing to compute.
        """
        task, facts = self._workspace.tasks.get(task_id), facts_by_name(self._workspace.models, model_id)
        options = choices.get("options")
        choices.setdefault("embedding", self._embedders.choose(task, options.embedder if options else None))
        return self.fitted(plan_run(task, facts, task_id=task_id, **choices))

    def usual(self, task_id: str, model_id: str) -> UsualTechniques:
        """Return what is compared unless the user says otherwise: all that the task and the model can do.

        Raises:
            UsageError: an unknown name.
        """
        task, facts = self._workspace.tasks.get(task_id), facts_by_name(self._workspace.models, model_id)
        left_out = no_lora_by_default(facts, self._workspace.models.capabilities(facts))
        return UsualTechniques(techniques=tuple(able(labels=task.has_labels, training=not left_out)), left_out=left_out)

    def fitted(self, plan: RunPlan) -> RunPlan:
        """Return a plan whose RAG shows labels of found examples alone, where its prompts cannot hold all labels."""
        return with_found_labels(plan, self._label_room(plan))

    def preflight(self, plan: RunPlan) -> Preflight:
        """Estimate what a plan will take, and report what keeps it from starting."""
        facts, machine = self._workspace.models.get(plan.model_id), self._workspace.machine
        task = self._workspace.tasks.get(plan.task_id)
        problems, notes = label_room_told(plan, task, facts, self._label_room(plan))
        by_run, by_test = (one.read().get(facts.digest, {}) for one in (self._workspace.paces, self._workspace.speeds))
        found = estimate_run(
            plan,
            task,
            facts,
            cores=machine.facts().cores,
            free_memory_bytes=machine.free_memory_bytes(),
            trainable=self._workspace.trainable,
            shown=shown_pace(by_run, by_test, task),
            capabilities=self._workspace.models.capabilities(facts),
            training_bytes=self._workspace.trainer.needed_bytes,
        )
        return replace(found, problems=(*problems, *found.problems), notes=(*notes, *found.notes))

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
        facts = self._workspace.models.get(plan.model_id)
        served = lora_comes_with_the_server(facts, self._workspace.models.capabilities(facts))
        learned = partial(labelled_rows, weights_served=served)
        if all(learned(one, len(drawn)) <= learned(one, training.rows) for one in plan.variants):
            return None
        more = replace(plan, train_ids=tuple(example.id for example in drawn))
        extra_s = self.preflight(more).estimated_s - self.preflight(plan).estimated_s
        return RowOffer(per_label=ROWS_PER_LABEL, rows=len(drawn), extra_s=extra_s)

    def rest_to_pay(self, run_id: str) -> RestToPay | None:
        """Estimate what is left of a run that has reached its spending limit; None for any other.

        Raises:
            AdaptLabError: there is no such run, or its task or model has changed.
        """
        manifest = self._workspace.store.manifest(run_id)
        plan, made = manifest.plan, self._workspace.store.predictions(run_id)
        budget = Budget.of(plan, spent=manifest.beside_usd)
        budget.pay(made)
        left = len(plan.test_ids) * len(plan.variants) - len(made) + len(to_ask_again(made))
        if budget.left_usd is None or budget.left_usd > 0 or left <= 0:
            return None
        kept, rest = self.kept(run_id), 0.0
        if made:
            task = self._workspace.tasks.get(plan.task_id)
            rest = budget.cost_usd(made) / len(made) * (left + _answers_beside(manifest, task))
        else:
            rest = self.preflight(kept).estimated_cost_usd
        return RestToPay(source=sources_of(plan), spent_usd=budget.spent_usd, estimated_usd=rest)

    def conditions(self, plan: RunPlan, *, resume: bool) -> Conditions:
        """Return what the figures of a run depend on: as it was kept, or as it would begin."""
        manifest = self._workspace.store.manifest(plan.run_id) if resume else self.manifest(plan)
        return manifest.conditions

    def kept(self, run_id: str) -> RunPlan:
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
            raise changed_since(plan.task_id, run_id)
        facts = self._workspace.models.get(plan.model_id)
        if facts.digest != manifest.model.digest:
            raise model_changed_since(facts, run_id)
        return plan

    def manifest(self, plan: RunPlan, purpose: Purpose = Purpose.COMPARISON, studied_run: str = "") -> Manifest:
        """Return the manifest that a new run of a plan begins with."""
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
            languages=self._embedders.languages(task),
        )

    def _label_room(self, plan: RunPlan) -> LabelRoom:
        """Find variants whose prompts cannot hold all labels; none where the model cannot be asked for tokens now."""
        models = self._workspace.models
        facts = models.get(plan.model_id)
        count = partial(self._workspace.intake.count_tokens, plan.model_id)
        with suppress(AdaptLabError):
            return label_room(plan, self._workspace.tasks.get(plan.task_id), facts, models.capabilities(facts), count)
        return LabelRoom(room=0, needed={})


def _answers_beside(manifest: Manifest, task: Task) -> int:
    """Count the answers beside its rows that a run is asked when it is resumed: to warm up, and for priors not kept."""
    generating = [variant for variant in manifest.plan.variants if variant.generates]
    kept = {variant_id for variant_id, prepared in manifest.prepared.items() if prepared.priors}
    priors = sum(count_rows(manifest.plan, task, variant) for variant in generating if variant.id not in kept)
    return priors + sum(manifest.plan.draws if variant.drawn else 1 for variant in generating)
