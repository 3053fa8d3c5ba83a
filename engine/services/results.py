"""Kept runs: read, reported, exported, and imported from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.analysis.basis.language_parts import LanguageParts, language_parts
from engine.analysis.basis.row_looks import RowLooks, row_looks
from engine.analysis.basis.training_rows import TrainingRows, training_rows
from engine.analysis.figures import RunFigures, run_figures
from engine.analysis.marks import Origin, origin_of
from engine.analysis.report import Report, judge
from engine.analysis.run_table import RunTable
from engine.analysis.summary import summarize
from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.run.infos import RunInfo, info_of
from engine.core.run.looks import look_of
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.metrics.retrieval import marked_rows
from engine.services.embedders import Embedders
from engine.services.recorded import SAMPLE, RecordedRun
from engine.services.tasks import task_has_changed
from engine.services.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsBehind:
    """What a report says of a run's rows beside their scores."""

    training: TrainingRows
    """What the variants learned from, and the labels that they never saw."""
    looks: RowLooks
    """Earlier looks at the same test rows."""
    languages: LanguageParts
    """Of the rows, and what the run goes without in them."""


class Results:
    """What the kept runs hold."""

    def __init__(self, workspace: Workspace, embedders: Embedders) -> None:
        """Read from this store; the languages of rows are told by `embedders`."""
        self._embedders = embedders
        self._workspace = workspace
        self._store = workspace.store

    def manifest(self, run_id: str) -> Manifest:
        """Return a run's manifest; the recorded run is also found by the id that its plan has.

        Raises:
            UsageError: there is no such run.
        """
        if run_id == SAMPLE:
            return self._sample().manifest
        try:
            return self._store.manifest(run_id)
        except UsageError:
            sample = self._workspace.files.sample()
            if sample is None or sample.manifest.plan.run_id != run_id:
                raise
            return sample.manifest

    def sample_info(self) -> RunInfo | None:
        """Return the recorded run that ships with the app at a glance; None where this copy ships without one."""
        found = self._workspace.files.sample()
        return None if found is None else replace(info_of(found.manifest, len(found.predictions)), run_id=SAMPLE)

    def plan(self, run_id: str) -> RunPlan:
        """Return a kept run's plan as it was, whatever became of its task and model."""
        return self.manifest(run_id).plan

    def is_outdated(self, run_id: str) -> bool:
        """Tell whether a run's task is gone, or asks or scores otherwise today."""
        try:
            return task_has_changed(self._workspace.tasks, self.manifest(run_id))
        except UsageError:
            return True

    def predictions(self, run_id: str, example_ids: Sequence[str] | None = None) -> list[Prediction]:
        """Return the predictions of a run so far, all of them or those on these examples."""
        if run_id != SAMPLE:
            return self._store.predictions(run_id, None if example_ids is None else (self.plan(run_id), example_ids))
        made = self._sample().predictions
        asked = None if example_ids is None else frozenset(example_ids)
        return [one for one in made if asked is None or one.example_id in asked]

    def predictions_of(self, run_id: str, example_id: str) -> list[Prediction]:
        """Return what all variants of a run answered on one example."""
        return self.predictions(run_id, [example_id])

    def table(self, run_id: str) -> RunTable:
        """Return a run's predictions as columns."""
        if run_id == SAMPLE:
            return self._sample().table
        return self._workspace.files.table(run_id)

    def figures(self, run_id: str) -> RunFigures:
        """Return a run in figures."""
        manifest = self.manifest(run_id)
        task = self._workspace.tasks.get(manifest.plan.task_id)
        return run_figures(manifest.plan, task, self.table(run_id), manifest.conditions)

    def summary(self, run_id: str, run: RunFigures | None = None) -> dict[str, Any]:
        """Return a run's figures written out, as `summary.json` holds them; they are computed unless they are given."""
        run = run or self.figures(run_id)
        task = self._workspace.tasks.get(run.plan.task_id)
        return summarize(
            run, task, self.predictions(run_id, marked_rows(task)), self.manifest(run_id), self._languages(run_id)
        )

    def report(
        self, run_id: str, limits: Limits, *, run: RunFigures | None = None, behind: RowsBehind | None = None
    ) -> Report:
        """Assess a run under the user's limits.

        Args:
            run_id: of the run.
            limits: of the user.
            run: its figures, where they are there already or at other costs.
            behind: what stands behind its rows, where that is there already.
        """
        behind = behind or self.behind(run_id)
        return judge(
            run or self.figures(run_id),
            limits,
            training=behind.training,
            looks=behind.looks,
            origin=self.origin(run_id),
            languages=behind.languages,
            searches=self.manifest(run_id).effort,
        )

    def origin(self, run_id: str) -> Origin:
        """Tell where a run's figures come from."""
        manifest = self.manifest(run_id)
        return origin_of(manifest.plan, manifest.conditions)

    def behind(self, run_id: str) -> RowsBehind:
        """Return what stands behind a run's rows."""
        return RowsBehind(training=self._training(run_id), looks=self._looks(run_id), languages=self._languages(run_id))

    def keep_note(self, run_id: str, text: str) -> None:
        """Keep what the user writes about a run."""
        self._store.manifest(run_id)
        self._store.update_run(run_id, manifest={"note": text})

    def recorded(self, run_id: str) -> RecordedRun:
        """Return a kept run whole; `sample` names the one that ships with the app.

        Raises:
            UsageError: there is no such run.
        """
        if run_id == SAMPLE:
            return self._sample()
        return RecordedRun(run_id=run_id, manifest=self.manifest(run_id), predictions=tuple(self.predictions(run_id)))

    def _sample(self) -> RecordedRun:
        found = self._workspace.files.sample()
        if found is None:
            raise UsageError("No recorded run ships with this copy of the app.", "Make a run of your own.")
        return found

    def _training(self, run_id: str) -> TrainingRows:
        """Return what a run's variants learned from, and the labels that they never saw."""
        plan = self.plan(run_id)
        return training_rows(plan, self._workspace.tasks.get(plan.task_id))

    def _languages(self, run_id: str) -> LanguageParts:
        """Tell the languages of a run's rows, and what the run goes without in them."""
        manifest = self.manifest(run_id)
        task = self._workspace.tasks.get(manifest.plan.task_id)
        return language_parts(manifest.plan, task, manifest.languages or self._embedders.languages(task))

    def _looks(self, run_id: str) -> RowLooks:
        """Count the looks at a run's test rows before it; `sample`, the run that ships, is the first at its rows."""
        if run_id == SAMPLE:
            return RowLooks()
        this = look_of(self.manifest(run_id))
        return row_looks(this, self._store.looks(this.task_id, this.task_digest))
