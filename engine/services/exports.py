"""What leaves the lab: memos, files of a run, packed runs; and packed runs that come in."""

from __future__ import annotations

from collections.abc import Mapping

from engine.analysis.memo import gather_memo
from engine.core.errors import AdaptLabError
from engine.core.limits import Limits
from engine.core.run.infos import info_of
from engine.core.run.manifest import Manifest
from engine.services.results import Results
from engine.services.runs import classify_kept_runs
from engine.services.tasks import task_has_changed
from engine.services.workspace import Workspace
from engine.studies.study_runs import aside_in_words


class Exports:
    """Writes kept runs out in other forms, and takes packed ones in."""

    def __init__(self, workspace: Workspace, results: Results) -> None:
        """Write what `results` reads."""
        self._workspace, self._results = workspace, results

    def memo(self, run_id: str, limits: Limits, *, form: str = "html") -> bytes:
        """Write a run's memo as `html` or `md`."""
        report, manifest, table = (
            self._results.report(run_id, limits),
            self._results.manifest(run_id),
            self._results.table(run_id),
        )
        task = self._workspace.tasks.get(report.plan.task_id)
        first = self._results.predictions_of(run_id, report.plan.test_ids[0])
        aside = aside_in_words(info_of(manifest, int(table.made.sum())))
        return self._workspace.files.memo(gather_memo(run_id, report, task, table, manifest, first, aside=aside), form)

    def export(self, run_id: str) -> Mapping[str, bytes]:
        """Return a run's files by name, as docs/exports.md describes them.

        Where the task has changed since, rows have no input; where it is gone, there is no summary either.
        """
        manifest = self._results.manifest(run_id)
        try:
            inputs = self._inputs(manifest)
        except AdaptLabError:
            return self._workspace.files.export(run_id, None, {})
        return self._workspace.files.export(run_id, self._results.summary(run_id), inputs)

    def export_zip(self, run_id: str) -> bytes:
        """Return the files of `export` as one archive."""
        return self._workspace.files.zipped(self.export(run_id))

    def pack(self, run_id: str) -> bytes:
        """Return a run as one file that can be imported elsewhere."""
        return self._workspace.files.pack(run_id)

    def unpack(self, data: bytes) -> str:
        """Import a packed run and return its id.

        Raises:
            UsageError: it is not a packed run, or is here already.
        """
        run_id = self._workspace.files.unpack(data)
        classify_kept_runs(self._workspace)
        return run_id

    def _inputs(self, manifest: Manifest) -> dict[str, str]:
        """Return what the variants were given, by example; empty where the task has changed since."""
        if task_has_changed(self._workspace.tasks, manifest):
            return {}
        return {example.id: example.input for example in self._workspace.tasks.get(manifest.plan.task_id).examples}
