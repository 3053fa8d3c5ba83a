"""Studies: what changes with the number of labels, with the rows, with the context, with the draw. Series of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from engine.core.errors import AdaptLabError, UsageError
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan, new_run_id
from engine.core.run.standing import is_finished
from engine.core.task import MADE_FROM, Task
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.core.variant import DecodingMode
from engine.running.preflight.backend_checks import lora_comes_with_the_server
from engine.running.sampling import draw_training_rows
from engine.services.background.run_series import RunSeries, SeriesState, find_kept
from engine.services.embedders import Embedders
from engine.services.models import facts_by_name
from engine.services.plans import Plans
from engine.services.results import Results
from engine.services.runs import Runs
from engine.services.tasks import Tasks
from engine.services.workspace import Workspace
from engine.studies.context import number_plans, place_plans
from engine.studies.drift import drift_plans
from engine.studies.learning_curve import curve_plans
from engine.studies.seed_variation import MOST_DRAWS, same_but_for_seed

Key = TypeVar("Key")
_DRAWN = frozenset({Purpose.COMPARISON, Purpose.SEEDS})
"""Why runs were made that are draws of one experiment."""


class Studies:
    """Plans studies and carries them out, one series of a kind at a time. Safe to use from several threads."""

    def __init__(self, workspace: Workspace, plans: Plans, runs: Runs, results: Results, embedders: Embedders) -> None:
        """Plan with these tasks and models, and run with `runs`."""
        self._tasks, self._models = Tasks(workspace), workspace.models
        self._plans, self._runs, self._results, self._embedders = plans, runs, results, embedders
        self._series = {purpose: RunSeries(plans, runs, results, workspace.models, purpose) for purpose in Purpose}

    def learning_curve(
        self,
        *,
        task_id: str,
        model_id: str,
        techniques: Sequence[Technique],
        sizes: Sequence[int],
        draws: int,
        test_rows: int,
        decoding: DecodingMode,
        embedder: str | None = None,
    ) -> list[RunPlan]:
        """Plan a run per draw and number of training rows; without an embedder, it goes by the rows' language."""
        task, facts = self._tasks.get(task_id), facts_by_name(self._models, model_id)
        trained = [one for one in techniques if TECHNIQUES[one].trains and not TECHNIQUES[one].retrieves]
        if trained and lora_comes_with_the_server(facts, self._models.capabilities(facts)):
            raise UsageError(
                f"The weights of {label(trained[0])} come with the server: more training rows change nothing.",
                "Leave it out, or choose a GGUF file, for which weights are trained here.",
            )
        plans = curve_plans(
            task,
            facts,
            techniques=techniques,
            sizes=sizes,
            draws=draws,
            test_rows=test_rows,
            decoding=decoding,
            embedding=self._embedders.choose(task, embedder),
        )
        return [self._plans.fitted(plan) for plan in plans]

    def passages(
        self,
        *,
        task_id: str,
        model_id: str,
        sizes: Sequence[int],
        rows: int,
        decoding: DecodingMode,
        embedder: str | None = None,
    ) -> dict[int, RunPlan]:
        """Plan a run per number of passages; without an embedder, it goes by the rows' language."""
        task, facts = self._tasks.get(task_id), facts_by_name(self._models, model_id)
        embedding = self._embedders.choose(task, embedder)
        return number_plans(task, facts, sizes=sizes, rows=rows, decoding=decoding, embedding=embedding)

    def places(
        self, *, task_id: str, model_id: str, passages: int, rows: int, decoding: DecodingMode
    ) -> dict[str, RunPlan]:
        """Plan a run per place of the supporting passage; keeps the tasks that these are made on."""
        task, facts = self._tasks.get(task_id), facts_by_name(self._models, model_id)
        return self._kept_tasks(place_plans(task, facts, passages=passages, rows=rows, decoding=decoding))

    def drift(self, base: RunPlan) -> dict[str, RunPlan]:
        """Plan a kept run's variants on other rows; keeps the tasks that these are made on."""
        return self._kept_tasks(drift_plans(self._tasks.get(base.task_id), self._unconfirmed(base)))

    def seeds(self, base: RunPlan, seeds: Sequence[int]) -> list[RunPlan]:
        """Plan a kept run again with other draws of training rows, shots and LoRA, on the same test rows.

        Raises:
            UsageError: more seeds than are compared.
        """
        if len(seeds) >= MOST_DRAWS:
            raise UsageError(f"At most {MOST_DRAWS} seeds are compared, the run's own among them.", "Ask for fewer.")
        task, base = self._tasks.get(base.task_id), self._unconfirmed(base)
        plans = []
        for seed in seeds:
            train = draw_training_rows(task, len(base.train_ids), seed=seed)
            variants = tuple(
                variant if variant.lora is None else replace(variant, lora=replace(variant.lora, seed=seed))
                for variant in base.variants
            )
            plans.append(
                replace(
                    base,
                    run_id=new_run_id(),
                    seed=seed,
                    variants=variants,
                    train_ids=tuple(example.id for example in train),
                    race=False,  # every variant answers every row: who leaves early does so just when it looks bad
                    stop_when_clear=False,
                    spend_saved=False,  # its rows are those of the base run, whose further ones were given once
                    saved_rows=0,
                    saved_from=0,
                    looks=base.looks - (base.saved_rows > 0),
                )
            )
        return plans

    def _unconfirmed(self, base: RunPlan) -> RunPlan:
        """Return a run's plan without its spending limit: each study asks for its own.

        Of an imported run it is also open where rows may be sent to: nobody has agreed to that here.
        """
        imported = self._results.manifest(base.run_id).imported
        return replace(base, spending_limit_usd=None, rows_to="" if imported else base.rows_to)

    def draws_of(self, info: RunInfo) -> dict[int, RunInfo]:
        """Return a run and the finished runs of the same experiment with other seeds, by seed.

        They are comparisons on rows of the same split, with the same file of the model. Where its task has changed
        since, only runs from before count as well.
        """
        base, digest = self._results.plan(info.run_id), self._results.manifest(info.run_id).model.digest
        purposes = _DRAWN if info.purpose in _DRAWN else {info.purpose}
        found, outdated = {base.seed: info}, self._results.is_outdated(info.run_id)
        for other in self._runs.list():
            if len(found) >= MOST_DRAWS or other.task_id != info.task_id or not is_finished(other):
                continue
            if other.split != info.split or other.purpose not in purposes:
                continue
            try:
                manifest = self._results.manifest(other.run_id)
            except AdaptLabError:
                continue  # a run that cannot be read does not count
            plan = manifest.plan
            alike = plan.seed not in found and same_but_for_seed(plan, base) and manifest.model.digest == digest
            if alike and self._results.is_outdated(other.run_id) == outdated:
                found[plan.seed] = other
        return found

    def kept(self, plans: Sequence[RunPlan]) -> list[RunInfo | None]:
        """Return for each plan a kept run of this experiment, a finished one before others; None if there is none."""
        return find_kept(self._runs, self._results, self._models, plans)

    def done(self, plans: Sequence[RunPlan]) -> list[tuple[RunPlan, RunInfo]]:
        """Return those plans that have a finished run, each with it; one that asks for rows again is not finished."""
        found = zip(plans, self.kept(plans), strict=True)
        return [(plan, run) for plan, run in found if run is not None and is_finished(run)]

    def start(self, purpose: Purpose, name: str, plans: Sequence[RunPlan], *, studied_run: str = "") -> None:
        """Carry out what is missing of a study in the background, unless one of its kind is already running.

        `studied_run` is the run whose variants it measures again, where there is one.
        """
        self._series[purpose].start(name, plans, studied_run=studied_run)

    def state(self, purpose: Purpose) -> SeriesState:
        """Return the study of a kind so far."""
        return self._series[purpose].state()

    def cancel(self, purpose: Purpose) -> None:
        """Stop a study; what was done is kept, and the next start continues it."""
        self._series[purpose].cancel()

    def close(self) -> None:
        """Stop all studies."""
        for series in self._series.values():
            series.cancel()

    def _kept_tasks(self, made: Mapping[Key, tuple[Task, RunPlan]]) -> dict[Key, RunPlan]:
        for task, _plan in made.values():
            if MADE_FROM in task.id:
                self._tasks.keep_made(task)
        return {key: plan for key, (_task, plan) in made.items()}
