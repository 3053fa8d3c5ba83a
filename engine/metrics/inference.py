"""One rule of inference for every run: its verdict errs in at most 5 of 100 runs, however often the run is looked at.

The 5 % are spent in three parts, so that a run may be watched, judged at its end and given more rows:

* `WATCHED`: for stopping early and for runs that ended before their last row. Evidence that may be looked at after
  every row (`engine.metrics.early_stopping`).
* `PLANNED`: for the rows that were planned, once all are answered.
* `CONTINUED`: for rows added afterwards; the first addition may spend half of it, the next a quarter, and so on.

Each part bounds the error of its own looks, and the parts add up to the whole (Bonferroni's inequality). P-values are
multiplied by 5 % over the part that they may spend, so that every one of them compares with 5 %.
"""

from __future__ import annotations

RUN_ERROR = 0.05
"""Chance, at most, that a verdict calls something better that is not."""
WATCHED = 0.005
PLANNED = 0.035
CONTINUED = 0.01
CERTAIN_ERROR = 0.025
"""Chance, at most, that a verdict calls any limit certainly met or missed and errs."""


def level_of_look(earlier: int) -> float:
    """Return the error that a look at a complete run may spend.

    Args:
        earlier: looks before this one: 0 for the planned rows, 1 after rows were added once, and so on.
    """
    return PLANNED if earlier == 0 else CONTINUED / 2**earlier


def over_all_looks(p_value: float, level: float) -> float:
    """Return a p-value of one look so that it compares with 5 % over the whole run."""
    return min(1.0, p_value * RUN_ERROR / level)
