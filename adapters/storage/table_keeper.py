"""Finished runs as columns on disk, so that a report of 100,000 predictions opens without reading them all again."""

from __future__ import annotations

import contextlib
import json
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from adapters.storage.files import whole_file
from adapters.storage.run_store import SqliteRunStore
from engine.analysis.run_table import RunTable, table_from_json

FORM = 3
"""Raised when the columns change; files of another version are made again."""
LEAST_PREDICTIONS = 2_000
"""Smaller runs are read from the store as fast."""
_TEXTS = ("variant_ids", "example_ids", "targets", "answers", "identities")
_GROUPS = ("scores", "seconds", "tokens")


class TableKeeper:
    """Reads runs as columns; what is kept here can be deleted at any time."""

    def __init__(self, store: SqliteRunStore, folder: Path) -> None:
        """Keep the tables of this store's runs in this folder, which is made on the first use."""
        self._store = store
        self._folder = folder

    def table(self, run_id: str) -> RunTable:
        """Return a run's table, from the kept file or read from the store.

        Raises:
            UsageError: there is no such run.
        """
        manifest = self._store.manifest(run_id)
        plan = manifest.plan
        path = self._folder / f"{run_id}.npz"
        whole = manifest.status == "done"
        # Rows may have been added to the run since its table was kept.
        if whole and (kept := _read(path)) is not None and kept.example_ids == plan.test_ids:
            return kept
        table = table_from_json([variant.id for variant in plan.variants], plan.test_ids, self._store.records(run_id))
        if whole and table.predictions >= LEAST_PREDICTIONS:
            with contextlib.suppress(OSError):  # a full disk only costs speed
                self._write(path, table)
        return table

    def forget(self, run_id: str) -> None:
        """Delete what is kept of a run."""
        (self._folder / f"{run_id}.npz").unlink(missing_ok=True)

    def _write(self, path: Path, table: RunTable) -> None:
        texts = {name: getattr(table, name) for name in _TEXTS}
        arrays = {"texts": np.frombuffer(json.dumps({"form": FORM} | texts).encode("utf-8", "surrogatepass"), np.uint8)}
        for item in fields(table):
            if item.name in _GROUPS:
                arrays |= {f"{item.name}/{name}": array for name, array in getattr(table, item.name).items()}
            elif item.name not in _TEXTS:
                arrays[item.name] = getattr(table, item.name)
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]


def _read(path: Path) -> RunTable | None:
    """Read a kept table; None where there is none that is whole and of today's form."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        texts = json.loads(arrays.pop("texts").tobytes().decode("utf-8", "surrogatepass"))
        if texts.pop("form") != FORM:
            return None
        groups: dict[str, Any] = {
            group: {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{group}/")}
            for group in _GROUPS
        }
        single: dict[str, Any] = {name: array for name, array in arrays.items() if "/" not in name}
        names: dict[str, Any] = {name: tuple(texts[name]) for name in _TEXTS}
        names["identities"] = tuple(map(tuple, names["identities"]))
        return RunTable(**names, **groups, **single)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
