"""How worn the test rows of a run are: who looked at them before, and what that does to the error. Pure functions.

A verdict allows itself to be wrong in 5 % of runs. That holds for variants that were chosen without knowing these test
rows. Whoever looks at results, changes a prompt, and looks again on the same rows takes another chance at a lucky win
each time, and the best of many tries is in part the luckiest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]

from engine.core.run.looks import Look, on_same_task

LEVEL = 0.05
"""Share of runs in which a verdict on rows that nobody has looked at may be wrong."""
LEAST_OVERLAP = 0.5
"""Share of a run's test rows that another run must have had to count as a look at them."""
_GRID = np.linspace(-9.0, 9.0, 3601)
"""Standard deviations over which the expected maximum is integrated; beyond them lies less than 1e-18."""


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


def chance_of_luck(looks: int, *, level: float = LEVEL) -> float:
    """Estimate the chance that at least one of several looks names a winner that only was lucky.

    1 - (1 - level) ** looks, with `level` the error of a single look: 5 % for one, 23 % for five, 40 % for ten. It is
    exact if looks err independently of each other (Šidák 1967). Looks at the same rows err together, which makes it
    less; variants that are chosen by these very rows, on purpose, can exceed it. A look at the same variants again adds
    nothing.
    """
    return float(1 - (1 - level) ** looks)


def expected_lead_by_luck(variants: int, standard_error: float) -> float:
    """Return by how much the best of several equally good variants is expected to exceed the truth.

    It is the expected maximum of n independent normal values with the given standard deviation,

        standard_error * integral of x * n * phi(x) * Phi(x) ** (n - 1) dx,

    with the density phi and the distribution Phi of the standard normal (David and Nagaraja 2003, *Order Statistics*,
    section 3.1): 0.56 standard errors for 2 variants, 1.16 for 5, 1.54 for 10, 2.25 for 50.

    Args:
        variants: how many were looked at, at least one.
        standard_error: of one variant's quality on these rows, in the unit of the result. Variants on the same rows
            rise and fall together, and only the part in which they differ counts: with a correlation r between the
            scores of two variants it is sqrt(1 - r) times the standard error of one.
    """
    density = np.exp(-(_GRID**2) / 2) / np.sqrt(2 * np.pi)
    largest = _GRID * variants * density * ndtr(_GRID) ** (variants - 1)
    return float(np.trapezoid(largest, _GRID) * standard_error)
