"""How many threads a computation gets."""

from __future__ import annotations

import os

import psutil

THREADS = "OMP_NUM_THREADS"


def usable_cores() -> int:
    """Count the physical cores that this process may use: two threads on one core compute no faster than one.

    `OMP_NUM_THREADS`, by which numerical libraries are told to use fewer, holds for all of ours.
    """
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    told = os.environ.get(THREADS, "")
    return max(1, min(physical, allowed, int(told) if told.isdecimal() and int(told) else physical))
