"""The run store: one SQLite file in WAL mode; each prediction is committed as it is made."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.storage.files import disk_is_full, keep_private
from adapters.storage.run_sql import COUNTS, HAS_COUNTS, ON_EXAMPLES, ROW, SCHEMA, UNANSWERED, WHOLE_RECORD
from engine.analysis.run_table import COLUMNS, row_values
from engine.core.errors import DiskFullError, StoreError, UsageError, unknown_name
from engine.core.run.infos import RunInfo, info_of
from engine.core.run.looks import Look, has_looked, look_from_json, look_of, look_to_json
from engine.core.run.manifest import Manifest, manifest_from_dict
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import (
    Failure,
    FailureKind,
    Prediction,
    prediction_from_json,
    prediction_to_json,
    sound,
)

Row = tuple[str, str, str]
"""What is stored of a prediction: its variant's id, its example's id, and its record."""


class SqliteRunStore:
    """Runs and their predictions. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, which only its owner can read.

        Raises:
            StoreError: it is not a store, or cannot be opened.
        """
        self._path = path
        self._local = threading.local()
        self._file: tuple[int, int] | None = None
        with self._errors():
            with contextlib.suppress(OSError):  # opening it says what is wrong
                path.touch(mode=0o600)
            for part in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                keep_private(part)
            self._connection().executescript(SCHEMA)
            self._keep_counts()
            self._file = self._identity()

    def _keep_counts(self) -> None:
        if self._connection().execute(HAS_COUNTS).fetchone():
            return
        with self._whole() as connection:
            if not connection.execute(HAS_COUNTS).fetchone():  # no other process was quicker
                for statement in COUNTS:
                    connection.execute(statement)

    def _identity(self) -> tuple[int, int] | None:
        """Return what tells this file from another of its name; `None` if there is none."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _connection(self) -> sqlite3.Connection:
        # SQLite goes on writing into a file that has been deleted, and what it writes is lost.
        if self._file is not None and self._identity() != self._file:
            raise StoreError(
                f"The run store '{self._path}' was deleted or replaced while it was in use.",
                "Start Adapt Lab again; a new store is made.",
            )
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
                    "Free some space, then resume the run: finished rows are saved.",
                ) from error
            raise StoreError(f"The run store '{self._path}' failed: {error}.", "Try again.") from error
        except sqlite3.IntegrityError as error:
            raise StoreError(
                "The run was deleted while it was carried out."
                if "FOREIGN KEY" in str(error)
                else f"Not kept: {error}.",
                "Start it again.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"'{self._path}' is not a run store, or is damaged ({error}).", "Move it away; a new one will be made."
            ) from error
        except OSError as error:
            raise (DiskFullError if disk_is_full(error) else StoreError)(
                f"The run store '{self._path}' failed: {error.strerror}.", "Free some space, then resume the run."
            ) from error

    def create_run(self, manifest: Manifest) -> None:
        """Keep a new run with status `planned`; its start is kept finely enough to tell two of one second apart."""
        self._insert(manifest, datetime.now(UTC).isoformat(timespec="microseconds"), "planned")

    def _insert(self, manifest: Manifest, started_at: str, status: str) -> None:
        fields = manifest.to_dict()
        for name in ("status", "started_at"):  # columns of their own
            fields.pop(name)
        with self._errors():
            self._connection().execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?)",
                (manifest.plan.run_id, started_at, status, json.dumps(fields)),
            )

    def update_run(self, run_id: str, *, status: str | None = None, manifest: Mapping[str, Any] | None = None) -> None:
        """Set a run's status and put keys into its manifest, both at once or not at all."""
        with self._errors():
            _update(self._connection(), run_id, status, manifest)

    def add(self, predictions: Sequence[Prediction], *, manifest: Mapping[str, Any] | None = None) -> None:
        """Commit predictions of one run in one transaction, with fields of its manifest.

        One that exists already is left unchanged, unless a fault that may pass was all that was kept of it.
        """
        rows = [(made.run_id, *record_of(made)) for made in predictions]
        with self._errors(), self._whole() as connection:
            connection.executemany(
                f"INSERT {ROW} ON CONFLICT (run_id, variant_id, example_id) DO UPDATE SET record = excluded.record"
                f" WHERE {UNANSWERED}",
                rows,
            )
            if manifest is not None and predictions:
                _update(connection, predictions[0].run_id, None, manifest)

    def remove(
        self, run_id: str, places: Sequence[tuple[str, str]], *, manifest: Mapping[str, Any] | None = None
    ) -> None:
        """Remove predictions, each told by its variant and its example, in one transaction with fields of the run."""
        statement = "DELETE FROM predictions WHERE run_id = ? AND variant_id = ? AND example_id = ?"
        with self._errors(), self._whole() as connection:
            connection.executemany(statement, [(run_id, *place) for place in places])
            _update(connection, run_id, None, manifest)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction: what is written comes in as a whole, or not at all."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def predictions(
        self, run_id: str, some: tuple[RunPlan, Sequence[str]] | None = None, *, unanswered: bool = False
    ) -> list[Prediction]:
        """Read a run's predictions in the order in which they were made: all, those on some examples, or unanswered."""
        where, values = f" AND {UNANSWERED}" if unanswered else "", [run_id]
        if some is not None:
            plan, example_ids = some
            where += ON_EXAMPLES
            values += [json.dumps([variant.id for variant in plan.variants]), json.dumps(list(example_ids))]
        with self._errors():
            rows = self._connection().execute(
                f"SELECT variant_id, example_id, record FROM predictions WHERE run_id = ?{where} ORDER BY number",  # noqa: S608 - no value is in it
                values,
            )
            return [_read_record(run_id, *row) for row in rows]

    def count(self, run_id: str) -> int:
        """Count a run's predictions."""
        with self._errors():
            found = self._connection().execute("SELECT answers FROM answer_counts WHERE run_id = ?", (run_id,))
            return int((found.fetchone() or (0,))[0])

    def delete_run(self, run_id: str) -> None:
        """Delete a run with its predictions; that it has looked at test rows stays known.

        Raises:
            UsageError: there is no such run; the nearest names are offered.
        """
        manifest = self.manifest(run_id)
        with self._errors():
            connection, answers = self._connection(), self.count(run_id)
            if has_looked(manifest, answers):
                look = look_of(manifest)
                connection.execute(
                    "INSERT OR IGNORE INTO looks_of_deleted_runs VALUES (?, ?, ?, ?)",
                    (run_id, look.task_id, look.task_digest, look_to_json(look)),
                )
            connection.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))

    def import_run(self, manifest: Manifest, rows: Sequence[Row]) -> None:
        """Import a run that was kept elsewhere, with the `record_of` each prediction, as a whole or not at all.

        Raises:
            UsageError: a run of this name is here already.
        """
        run_id = manifest.plan.run_id
        with self._errors(), self._whole() as connection:
            if connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone():
                raise UsageError(f"Run {run_id} is here already.", "Delete it first to import it again.")
            self._insert(manifest, manifest.started_at, manifest.status)
            connection.executemany(f"INSERT {ROW}", ((run_id, *row) for row in rows))

    def records(self, run_id: str) -> Iterator[tuple[str, str, str]]:
        """Read a run as (variant id, example id, JSON list of the values of `engine.analysis.run_table.COLUMNS`).

        SQLite takes them out, so that prompts and passages need not be read. A record that it cannot read is read here.
        """
        fields = ", ".join(f"'{path}'" for path in COLUMNS.values())
        with self._errors():
            rows = self._connection().execute(
                f"SELECT variant_id, example_id, {WHOLE_RECORD},"  # noqa: S608 - the fields are ours
                f" CASE WHEN {WHOLE_RECORD} THEN json_extract(record, {fields}) ELSE record END"
                " FROM predictions WHERE run_id = ? ORDER BY number",
                (run_id,),
            )
            for variant_id, example_id, whole, text in rows:
                if not whole:
                    text = json.dumps(row_values(_read_record(run_id, variant_id, example_id, text)))  # noqa: PLW2901
                yield variant_id, example_id, text

    def manifest(self, run_id: str) -> Manifest:
        """Read a run's manifest, upgraded to the current version.

        Raises:
            UsageError: there is no such run; the nearest names are offered.
            StoreError: it is damaged, or of a newer version.
        """
        with self._errors():
            connection = self._connection()
            row = connection.execute(
                "SELECT manifest, status, started_at FROM runs WHERE run_id = ?", (run_id,)
            ).fetchone()
            if row is None:
                known = [name for (name,) in connection.execute("SELECT run_id FROM runs")]
                raise unknown_name("run", run_id, known)
        return _read_manifest(*row)

    def infos(self) -> list[RunInfo]:
        """List runs at a glance, newest first. One that cannot be read is left out and does not fail the list."""
        with self._errors():
            rows = self._connection().execute(
                "SELECT manifest, status, started_at, coalesce(answers, 0) FROM runs"
                " LEFT JOIN answer_counts USING (run_id) ORDER BY started_at DESC, run_id DESC"
            )
            found = list(_readable(rows))
        return [info_of(manifest, answers) for manifest, answers in found]

    def without_split(self) -> list[tuple[Manifest, bool]]:
        """Return the manifests that name no split, each with whether it states a purpose. Damaged ones are left out."""
        with self._errors():
            rows = self._connection().execute(
                "SELECT manifest, status, started_at, json_extract(manifest, '$.purpose') IS NOT NULL FROM runs WHERE"
                " CASE WHEN json_valid(manifest) THEN coalesce(json_extract(manifest, '$.split'), '') = '' END"
                " ORDER BY run_id"
            )
            return [(manifest, bool(has_purpose)) for manifest, has_purpose in _readable(rows)]

    def looks(self, task_id: str, task_digest: str) -> list[Look]:
        """Return the runs on a task, kept or deleted, that have shown results."""
        task = (task_id, task_digest)
        with self._errors():
            connection = self._connection()
            kept = connection.execute(
                "SELECT manifest, status, started_at, answers FROM runs JOIN answer_counts USING (run_id)"
                " WHERE CASE WHEN json_valid(manifest) THEN json_extract(manifest, '$.plan.task_id') = ?"
                " OR json_extract(manifest, '$.task_digest') = ? END",
                task,
            ).fetchall()
            deleted = connection.execute(
                "SELECT record FROM looks_of_deleted_runs WHERE task_id = ? OR task_digest = ?", task
            ).fetchall()
        found = {look.run_id: look for look in (look_from_json(record) for (record,) in deleted)}
        looked = (look_of(manifest) for manifest, answers in _readable(kept) if has_looked(manifest, answers))
        found |= {look.run_id: look for look in looked}
        return list(found.values())


def record_of(prediction: Prediction) -> Row:
    """Return what is stored of a prediction, with impossible values set right."""
    return prediction.variant_id, prediction.example_id, prediction_to_json(sound(prediction))


def _read_record(run_id: str, variant_id: str, example_id: str, record: str) -> Prediction:
    """Read a kept prediction. Impossible values count as unmeasured; a record that is none is a failed row."""
    try:
        return prediction_from_json(record)
    except (ValueError, RecursionError):
        return Prediction(
            run_id=run_id,
            variant_id=variant_id,
            technique="",
            example_id=example_id,
            target="",
            failure=Failure(kind=FailureKind.BACKEND, message="The saved answer to this row is damaged."),
        )


def _readable(rows: Iterable[tuple[str, str, str, int]]) -> Iterator[tuple[Manifest, int]]:
    """Read manifests with their states and starts, each with the number that came along; damaged ones are left out."""
    for text, status, started_at, number in rows:
        with contextlib.suppress(StoreError):
            yield _read_manifest(text, status, started_at), number


def _read_manifest(text: str, status: str, started_at: str) -> Manifest:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise StoreError(f"The manifest of a run is damaged: {error}.", "Delete the run.") from error
    if not isinstance(data, dict):
        raise StoreError("The manifest of a run is damaged: it is not an object.", "Delete the run.")
    return manifest_from_dict({**data, "status": status, "started_at": started_at})


def _update(
    connection: sqlite3.Connection, run_id: str, status: str | None, manifest: Mapping[str, Any] | None
) -> None:
    patch = None if manifest is None else json.dumps(manifest)
    connection.execute(
        "UPDATE runs SET status = COALESCE(?, status), manifest = json_patch(manifest, COALESCE(?, '{}'))"
        " WHERE run_id = ?",
        (status, patch, run_id),
    )
