"""How worn the test rows of a run are: who looked at them before, and what that does to the error. Pure functions.

A verdict allows itself to be wrong in 5 % of runs. That holds for variants that were chosen without knowing these test
rows. Whoever looks at results, changes a prompt, and looks again on the same rows takes another chance at a lucky win
each time, and the best of many tries is in part the luckiest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.run.looks import Look, on_same_task
from engine.metrics.inference import RUN_ERROR

LEAST_OVERLAP = 0.5
"""Share of a run's test rows that another run must have had to count as a look at them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLooks:
    """What was seen of a run's test rows before the run."""

    runs: int = 0
    """Earlier runs on at least half of these rows; a run and those that continued it are one."""
    variants: int = 0
    """Variants of these runs, added up."""

    @property
    def number(self) -> int:
        """Which look at these rows this run is: 1 for the first."""
        return self.runs + 1

    @property
    def chance_of_luck(self) -> float:
        """About the chance that this look or an earlier one names a winner that only was lucky, 0 to 1."""
        return chance_of_luck(self.number)


def row_looks(this: Look, others: Iterable[Look]) -> RowLooks:
    """Count the earlier looks at a run's test rows.

    Args:
        this: the run.
        others: runs that have shown results, kept or deleted, of whatever purpose; the run itself may be among them.

    A look counts if it was on the same task, began no later, and had at least half of this run's test rows. Runs that
    this one continues do not count, since their rows are judged together with it.
    """
    earlier = {
        look.run_id: look
        for look in others
        if look.run_id != this.run_id
        and on_same_task(look, this)
        and look.started_at <= this.started_at
        and len(look.rows & this.rows) >= LEAST_OVERLAP * len(this.rows)
    }
    continued = {look.parent_run for look in (this, *earlier.values())}
    # A parent's own parent stays hidden behind it: each has been continued by the next.
    counted = [look for look in earlier.values() if look.run_id not in continued]
    return RowLooks(runs=len(counted), variants=sum(look.variants for look in counted))


def chance_of_luck(looks: int) -> float:
    """Estimate the chance that at least one of several looks names a winner that only was lucky.

    1 - (1 - `RUN_ERROR`) ** looks: 5 % for one, 23 % for five, 40 % for ten. It is
    exact if looks err independently of each other (Šidák 1967). Looks at the same rows err together, which makes it
    less; variants that are chosen by these very rows, on purpose, can exceed it. A look at the same variants again adds
    nothing.
    """
    return float(1 - (1 - RUN_ERROR) ** looks)
