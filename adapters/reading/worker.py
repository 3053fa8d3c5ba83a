"""The reading worker: parses one file after another. Run as a process by `reader`."""

from __future__ import annotations

import contextlib
import faulthandler
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from adapters.documents import read_document
from adapters.processes.server import Emit, serve
from adapters.reading.limits import GRACE_S, too_much_memory
from adapters.reading.tables import write_table
from adapters.tabular.reader import first_look, read_table
from adapters.tabular.source import Source
from engine.core.steps import check_cancelled
from engine.ingest.table import ReadOptions

Request = dict[str, Any]


def ready(_request: Request, _emit: Emit, _cancel: threading.Event) -> None:
    """Answer once everything is imported, so that the time this takes counts for no file."""


def look(request: Request, _emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
    """Read the first rows of a table."""
    with _limits(request):
        return asdict(first_look(_source(request), ReadOptions(**request["asked"])))


def table(request: Request, emit: Emit, cancel: threading.Event) -> None:
    """Read a whole table; it goes into a file, which the caller named."""

    def report(fraction: float) -> None:
        check_cancelled(cancel, "Reading was stopped.")
        emit({"progress": fraction})

    with _limits(request):
        write_table(read_table(_source(request), ReadOptions(**request["asked"]), report=report), Path(request["into"]))


def document(request: Request, _emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
    """Read a document."""
    with _limits(request):
        source = _source(request)
        return asdict(read_document(source.name, source.data))


def _source(request: Request) -> Source:
    return Source(name=request["name"], data=Path(request["path"]).read_bytes())


@contextlib.contextmanager
def _limits(request: Request) -> Iterator[None]:
    """Bound what one file may take: memory by the system where it can, time even while native code runs."""
    faulthandler.dump_traceback_later(request["time_s"] + GRACE_S, exit=True)
    free = _bound_memory(request["memory_bytes"])
    try:
        yield
    except MemoryError:
        raise too_much_memory(request["name"], request["memory_bytes"]) from None
    finally:
        free()
        faulthandler.cancel_dump_traceback_later()


def _bound_memory(more_bytes: int) -> Callable[[], None]:
    """Let this process have so much more address space than it has now; return what lifts the limit again."""
    if sys.platform != "linux":  # elsewhere the caller's watch on resident memory is the limit
        return lambda: None
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + more_bytes, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


if __name__ == "__main__":
    serve({"ready": ready, "look": look, "table": table, "document": document})
