"""The run store: one SQLite file in WAL mode; each prediction is committed as it is made."""

from __future__ import annotations

import contextlib
import errno
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.analysis.run_table import COLUMNS
from engine.core.errors import DiskFullError, StoreError, UsageError, unknown_name
from engine.core.run.prediction import Failure, FailureKind, Passage, Prediction, Timing, Usage

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    status TEXT NOT NULL,
    manifest TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS predictions (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    variant_id TEXT NOT NULL,
    example_id TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (run_id, variant_id, example_id)
);
"""


class SqliteRunStore:
    """Runs and their predictions. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            StoreError: it is no store, or cannot be opened.
        """
        self._path = path
        self._local = threading.local()
        with self._errors():
            self._connection().executescript(SCHEMA)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            self._local.connection = connection
        return connection

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "disk is full" in str(error) or "disk I/O" in str(error):
                raise DiskFullError(
                    f"There is no space left for '{self._path.name}' ({error}).",
                    "Free some space, then resume the run: what was done is kept.",
                ) from error
            raise StoreError(f"The run store '{self._path}' failed: {error}.", "Try again.") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"'{self._path}' is not a run store, or is damaged ({error}).", "Move it away; a new one is made."
            ) from error
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise (DiskFullError if full else StoreError)(
                f"The run store '{self._path}' failed: {error.strerror}.", "Free some space, then resume the run."
            ) from error

    def create_run(self, run_id: str, manifest: Mapping[str, Any]) -> None:
        """Keep a new run with status `planned`."""
        with self._errors():
            self._connection().execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?)",
                (run_id, datetime.now(UTC).isoformat(timespec="seconds"), "planned", json.dumps(manifest)),
            )

    def update_run(self, run_id: str, *, status: str | None = None, manifest: Mapping[str, Any] | None = None) -> None:
        """Set a run's status; put keys into its manifest."""
        with self._errors():
            connection = self._connection()
            if status is not None:
                connection.execute("UPDATE runs SET status = ? WHERE run_id = ?", (status, run_id))
            if manifest is not None:
                connection.execute(
                    "UPDATE runs SET manifest = json_patch(manifest, ?) WHERE run_id = ?",
                    (json.dumps(manifest), run_id),
                )

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Commit predictions in one transaction; one that is there already is left as it is."""
        rows = [(p.run_id, p.variant_id, p.example_id, json.dumps(asdict(p))) for p in predictions]
        with self._errors():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                connection.executemany(
                    "INSERT OR IGNORE INTO predictions (run_id, variant_id, example_id, record) VALUES (?, ?, ?, ?)",
                    rows,
                )
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def predictions(self, run_id: str) -> list[Prediction]:
        """Read all predictions of a run, in the order in which they were made."""
        with self._errors():
            rows = self._connection().execute(
                "SELECT record FROM predictions WHERE run_id = ? ORDER BY number", (run_id,)
            )
            return [prediction_from_dict(json.loads(record)) for (record,) in rows]

    def delete_run(self, run_id: str) -> None:
        """Delete a run with its predictions.

        Raises:
            UsageError: there is no such run; the nearest names are offered.
        """
        self.manifest(run_id)
        with self._errors():
            self._connection().execute("DELETE FROM runs WHERE run_id = ?", (run_id,))

    def import_run(
        self, run_id: str, started_at: str, status: str, manifest: Mapping[str, Any], predictions: Sequence[Prediction]
    ) -> None:
        """Take in a run that was kept elsewhere, as a whole or not at all.

        Raises:
            UsageError: a run of this name is here already.
        """
        with self._errors():
            connection = self._connection()
            if connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone():
                raise UsageError(f"Run {run_id} is here already.", "Delete it first to take it in anew.")
            connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?)", (run_id, started_at, status, json.dumps(dict(manifest)))
            )
        try:
            self.add(predictions)
        except BaseException:
            self.delete_run(run_id)
            raise

    def predictions_of(self, run_id: str, example_id: str) -> list[Prediction]:
        """Read what all variants of a run answered on one example."""
        variants = [variant["id"] for variant in self.manifest(run_id)["plan"]["variants"]]
        marks = ", ".join("?" for _ in variants)
        with self._errors():
            rows = self._connection().execute(
                f"SELECT record FROM predictions WHERE run_id = ? AND variant_id IN ({marks}) AND example_id = ?"  # noqa: S608 - marks are question marks
                " ORDER BY number",
                (run_id, *variants, example_id),
            )
            return [prediction_from_dict(json.loads(record)) for (record,) in rows]

    def records(self, run_id: str) -> Iterator[tuple[str, str, str]]:
        """Read a run as (variant id, example id, JSON list of the values of `engine.analysis.run_table.COLUMNS`).

        SQLite takes them out, so that prompts and passages need not be read.
        """
        fields = ", ".join(f"'{path}'" for path in COLUMNS.values())
        with self._errors():
            yield from self._connection().execute(
                f"SELECT variant_id, example_id, json_extract(record, {fields})"  # noqa: S608 - the fields are ours
                " FROM predictions WHERE run_id = ? ORDER BY number",
                (run_id,),
            )

    def manifest(self, run_id: str) -> dict[str, Any]:
        """Read a run's manifest, with `status` and `started_at`.

        Raises:
            UsageError: there is no such run; the nearest names are offered.
        """
        with self._errors():
            connection = self._connection()
            row = connection.execute(
                "SELECT manifest, status, started_at FROM runs WHERE run_id = ?", (run_id,)
            ).fetchone()
            if row is None:
                known = [name for (name,) in connection.execute("SELECT run_id FROM runs")]
                raise unknown_name("run", run_id, known)
        manifest: dict[str, Any] = json.loads(row[0])
        return {**manifest, "status": row[1], "started_at": row[2]}

    def runs(self) -> list[tuple[str, str, str, int, dict[str, Any]]]:
        """List (run id, start, status, predictions kept, manifest), newest first."""
        with self._errors():
            rows = self._connection().execute(
                "SELECT r.run_id, r.started_at, r.status, COUNT(p.number), r.manifest FROM runs r"
                " LEFT JOIN predictions p ON p.run_id = r.run_id GROUP BY r.run_id ORDER BY r.run_id DESC"
            )
            return [(run_id, at, status, count, json.loads(text)) for run_id, at, status, count, text in rows]


def prediction_from_dict(data: Mapping[str, Any]) -> Prediction:
    """Rebuild a prediction from its stored record."""
    fields = dict(data)
    fields["usage"] = Usage(**fields["usage"])
    fields["timing"] = Timing(**fields["timing"])
    fields["passages"] = tuple(Passage(**item) for item in fields["passages"])
    if fields["failure"] is not None:
        failure = fields["failure"]
        fields["failure"] = Failure(kind=FailureKind(failure["kind"]), message=failure["message"])
    return Prediction(**fields)
