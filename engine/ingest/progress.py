"""How long work on a table says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[float], None]
"""Takes the share that is done, 0 to 1; may raise `CancelledError`."""


def part_of(report: Report, begin: float, end: float) -> Report:
    """Return what takes the progress of one part of the work, which lasts from one share of the whole to another."""
    return lambda done: report(begin + (end - begin) * done)
