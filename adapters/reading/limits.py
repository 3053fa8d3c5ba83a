"""What reading one file may take: seconds and memory, by its size."""

from __future__ import annotations

from engine.core.errors import TableError
from engine.metrics import wording as say

MAX_DOCUMENT_BYTES = 50_000_000
TIME_S = 15.0
TIME_S_PER_MB = 1.5
"""A table of 200 MB is read in about 20 s on two busy cores."""
MEMORY_BYTES = 1_500_000_000
MEMORY_FACTOR = 30
"""Cells of a workbook take up to 30 times their bytes in the file while they are read."""
KEPT_BYTES = 600_000_000
"""A worker that holds more after a file is ended; the next file gets a new one."""
GRACE_S = 5.0
"""After the caller's limit the worker ends itself: its caller may be gone."""


def time_limit_s(size_bytes: int) -> float:
    """Return how long reading a file of this size may take."""
    return TIME_S + TIME_S_PER_MB * size_bytes / 1e6


def memory_limit_bytes(size_bytes: int) -> int:
    """Return how much memory reading a file of this size may take."""
    return MEMORY_BYTES + MEMORY_FACTOR * size_bytes


def too_much_memory(name: str, limit_bytes: int) -> TableError:
    """Build the error for a file that needs more memory than it may have."""
    return TableError(
        f"{name} needs more than {say.size(limit_bytes)} of memory to be read; it was set aside.",
        "Save it again in the program it comes from, as CSV or text if that is possible.",
    )


def too_much_time(name: str, limit_s: float) -> TableError:
    """Build the error for a file that takes longer than it may."""
    return TableError(
        f"{name} was not read within {say.duration(limit_s)}.",
        "Save it again in the program it comes from, as CSV or text if that is possible; or take a part of it.",
    )


def broke_the_reader(name: str, how: str) -> TableError:
    """Build the error for a file that ended the process that read it."""
    return TableError(
        f"{name} is damaged: the process that read it ended ({how}).",
        "Save it again in the program it comes from, as CSV or text if that is possible.",
    )
