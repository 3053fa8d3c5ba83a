"""A file that is to be read, and what reading it yields: names of columns and rows of text, one by one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import TableError, UsageError
from engine.ingest.table import Reading
from engine.metrics import wording as say

MAX_BYTES = 200_000_000
MAX_ROWS = 2_000_000
MAX_TEXT_BYTES = 1_000_000_000
"""Of all cells together, unpacked."""
MAX_COLUMNS = 16_384
"""As many as a spreadsheet has."""

Row = tuple[int, list[str]]
"""The line on which it begins, counted from 1, and its cells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A file's name and bytes."""

    name: str
    data: bytes

    def stream(self) -> io.BytesIO:
        """Open the bytes; nothing is copied until someone writes."""
        return io.BytesIO(self.data)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A file that is being read."""

    reading: Reading
    rows: Iterator[Row]
    """All rows, the header first where there is one."""
    notes: list[str] = field(default_factory=list)
    """Grows while the rows are read."""
    fraction: Callable[[], float] = lambda: 0.0
    """How much of the file has been read, 0 to 1."""


def source_from_path(path: Path) -> Source:
    """Read a file's bytes.

    Raises:
        UsageError: there is no such file.
        TableError: it is too large, or cannot be read.
    """
    try:
        check_size(path.name, path.stat().st_size)
        return Source(name=path.name, data=path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"There is no file '{path}'.", "Check its path.") from None
    except OSError as error:
        raise TableError(f"{path.name} cannot be read ({error.strerror}).", "Check its permissions.") from error


def check_size(name: str, size_bytes: int) -> None:
    """Refuse a file that is too large, before anything of it is read.

    Raises:
        TableError: it exceeds `MAX_BYTES`.
    """
    if size_bytes > MAX_BYTES:
        raise TableError(
            f"{name} has {say.size(size_bytes)}; at most {say.size(MAX_BYTES)} are read.",
            "Take a sample of its rows.",
        )
