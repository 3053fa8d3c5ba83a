"""Kept runs in other forms: as columns, as files to export, as one archive, as a memo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from adapters.archives import packed
from adapters.memo.html import memo_html, memo_markdown
from adapters.storage.run_archive import TASK, TasksHere, pack_run, read_run
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.sample_run import read_recorded
from adapters.storage.table_keeper import TableKeeper
from adapters.tabular.export import predictions_frame, to_csv, to_parquet
from engine.analysis.marks import origin_of, prediction_marks
from engine.analysis.memo import MemoContents
from engine.analysis.run_table import RunTable
from engine.services.recorded import RecordedRun


class LocalRunFiles:
    """Writes and reads the other forms of the runs of one store."""

    def __init__(self, store: SqliteRunStore, *, tables: Path, sample: Path, tasks: TasksHere) -> None:
        """Keep columns in the folder `tables`; the recorded run that ships is in `sample`."""
        self._store = store
        self._tasks = tasks
        self._tables = TableKeeper(store, tables)
        self._sample = sample

    def table(self, run_id: str) -> RunTable:
        """Return a run's predictions as columns, kept beside the store once the run is over."""
        return self._tables.table(run_id)

    def forget(self, run_id: str) -> None:
        """Delete what is kept of a run beside the store."""
        self._tables.forget(run_id)

    def export(self, run_id: str, summary: Mapping[str, Any] | None, inputs: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return a run's files by name: the manifest, the predictions twice, and the summary if there is one."""
        manifest = self._store.manifest(run_id)
        plan, origin = manifest.plan, origin_of(manifest.plan, manifest.conditions)
        marks = {variant.id: prediction_marks(variant, origin) for variant in plan.variants}
        frame = predictions_frame(self._store.predictions(run_id), inputs=inputs, seed=plan.seed, marks=marks)
        files = {
            "run.json": _json({"run_id": run_id, **manifest.to_dict()}),
            "predictions.parquet": to_parquet(frame),
            "predictions.csv": to_csv(frame),
        }
        return files if summary is None else {**files, "summary.json": _json(summary)}

    def zipped(self, files: Mapping[str, bytes]) -> bytes:
        """Return files as one archive."""
        return packed(files.items())

    def pack(self, run_id: str) -> bytes:
        """Return a run as one file."""
        return pack_run(self._store, run_id, self._tasks.pack)

    def unpack(self, data: bytes) -> str:
        """Import a packed run, and its task where that is not here."""
        read = read_run(data, self._tasks.get)
        if read.new_task is not None:
            self._tasks.keep(TASK, read.new_task)
        self._store.import_run(read.manifest, read.rows)
        return read.manifest.plan.run_id

    def memo(self, contents: MemoContents, form: str) -> bytes:
        """Return a memo as `html` or `md`."""
        return memo_markdown(contents) if form == "md" else memo_html(contents)

    def sample(self) -> RecordedRun | None:
        """Return the recorded run that ships with the app: imported, since another machine measured it."""
        return self._recorded

    @cached_property
    def _recorded(self) -> RecordedRun | None:
        found = read_recorded(self._sample)
        return None if found is None else replace(found, manifest=replace(found.manifest, imported=True))


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")
