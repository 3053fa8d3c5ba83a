"""The caller's side: gives a file to the worker, and keeps it within its limits."""

from __future__ import annotations

import atexit
import functools
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.processes.client import Limits, WorkerProcess
from adapters.reading.limits import (
    KEPT_BYTES,
    MAX_DOCUMENT_BYTES,
    broke_the_reader,
    memory_limit_bytes,
    time_limit_s,
    too_much_memory,
    too_much_time,
)
from adapters.reading.tables import read_written_table, reading_from
from adapters.tabular.source import check_size, source_from_path
from engine.core.errors import (
    LimitExceededError,
    TableError,
    TaskError,
    UsageError,
    WorkerDiedError,
    WorkerError,
)
from engine.core.task import Document
from engine.ingest.progress import Report
from engine.ingest.table import DETECTED, FirstLook, ReadOptions, Table
from engine.metrics import wording as say

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class FileReader:
    """Reads tables and documents in a worker process, which stays up between files. Safe for several threads."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._worker = WorkerProcess("adapters.reading.worker", name="reading worker", environment=_ENVIRONMENT)
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._worker.pid

    def first_look(self, name: str, data: bytes, asked: ReadOptions) -> FirstLook:
        """Read only the first rows of a table.

        Raises:
            TableError: the file cannot be read as asked, or takes more than a file may.
            UsageError: it has no such sheet.
        """
        check_size(name, len(data))
        with _as_file(data) as path:
            found = self._ask("look", name, path, len(data), {"asked": asdict(asked)})
        return FirstLook(
            reading=reading_from(found["reading"]),
            header=tuple(found["header"]),
            rows=tuple(tuple(row) for row in found["rows"]),
            lines=tuple(found["lines"]),
            notes=tuple(found["notes"]),
        )

    def read_table(self, name: str, data: bytes, asked: ReadOptions, *, report: Report | None = None) -> Table:
        """Read a whole table.

        Raises:
            TableError: the file cannot be read as asked, or takes more than a file may.
            UsageError: it has no such sheet.
        """
        check_size(name, len(data))
        with _as_file(data) as path:
            self._ask("table", name, path, len(data), {"asked": asdict(asked), "into": str(path.parent)}, report=report)
            return read_written_table(path.parent)

    def read_path(self, path: Path, asked: ReadOptions = DETECTED) -> Table:
        """Read a whole table from a file on this machine; the format is detected.

        Raises:
            UsageError: there is no such file.
            TableError: it cannot be read, or takes more than a file may.
        """
        source = source_from_path(path)
        return self.read_table(source.name, source.data, asked)

    def read_document(self, name: str, data: bytes) -> Document:
        """Read a document as Markdown.

        Raises:
            TaskError: it cannot be read, or takes more than a file may.
        """
        if len(data) > MAX_DOCUMENT_BYTES:
            raise TaskError(
                f"{name} has {say.size(len(data))}; at most {say.size(MAX_DOCUMENT_BYTES)} are read.", "Split it."
            )
        with _as_file(data) as path:
            return Document(**self._ask("document", name, path, len(data), {}))

    def close(self) -> None:
        """End the worker; the next file starts it again."""
        self._worker.close()

    def _ask(
        self,
        operation: str,
        name: str,
        path: Path,
        size_bytes: int,
        more: Mapping[str, Any],
        *,
        report: Report | None = None,
    ) -> Any:
        time_s, memory_bytes = time_limit_s(size_bytes), memory_limit_bytes(size_bytes)
        payload = {"name": name, "path": str(path), "time_s": time_s, "memory_bytes": memory_bytes, **more}
        result: Any = None
        with self._lock:
            if self._worker.pid is None:
                self._worker.call("ready", {})
            try:
                for message in self._worker.stream(
                    operation, payload, limits=Limits(seconds=time_s, rss_bytes=memory_bytes)
                ):
                    if report is not None and "progress" in message:
                        report(message["progress"])
                    result = message.get("result")
            except LimitExceededError as error:
                exceeded = too_much_memory(name, memory_bytes) if error.of_memory else too_much_time(name, time_s)
                raise exceeded from error
            except WorkerDiedError as error:
                raise broke_the_reader(name, error.reason) from error
            except (TaskError, UsageError):
                raise
            except WorkerError as error:
                raise TableError(
                    f"{name} cannot be read ({error.what[:160]}).", "Save it again in the program it comes from."
                ) from error
            if self._worker.rss_bytes > KEPT_BYTES:
                self._worker.close()
        return result


@contextmanager
def _as_file(data: bytes) -> Iterator[Path]:
    """Put the bytes where the worker finds them; the folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="adaptlab-reading-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        yield path


@functools.cache
def file_reader() -> FileReader:
    """Return this process's reader: one worker serves all screens and commands."""
    reader = FileReader()
    atexit.register(reader.close)
    return reader
