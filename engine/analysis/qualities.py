"""What the variants of a run scored, each with its one interval. Pure functions."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.analysis.run_table import RunTable
from engine.core.interval import Interval
from engine.core.run.plan import RunPlan
from engine.core.variant import Variant
from engine.metrics.intervals import corrected_for_choice, mean_interval


class Scored(Protocol):
    """A variant with its score, such as its figures."""

    @property
    def variant(self) -> Variant:
        """Of the plan."""
        ...

    @property
    def rows(self) -> int:
        """It answered or failed on so many."""
        ...

    @property
    def quality(self) -> Interval:
        """Mean primary score over them."""
        ...


AnyScored = TypeVar("AnyScored", bound=Scored)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Score:
    variant: Variant
    rows: int
    quality: Interval


def qualities(plan: RunPlan, table: RunTable) -> dict[str, Interval]:
    """Return what each variant that has rows scored, by its id, as its figures say.

    Args:
        plan: of the run.
        table: the run's predictions as columns.
    """
    found = []
    for variant in plan.variants:
        line = table.place(variant.id)
        scores = table.score[line, table.made[line]]
        if len(scores):
            found.append(_Score(variant=variant, rows=len(scores), quality=mean_interval(scores)))
    intervals = corrected(found, len(plan.test_ids), left_race(plan, table))
    return {item.variant.id: interval for item, interval in zip(found, intervals, strict=True)}


def left_race(plan: RunPlan, table: RunTable) -> frozenset[str]:
    """Return the variants of a race with fewer rows than another, by their ids: none of them is best.

    Args:
        plan: of the run.
        table: the run's predictions as columns.
    """
    rows = {variant.id: int(table.made[table.place(variant.id)].sum()) for variant in plan.variants}
    most = max(rows.values(), default=0)
    return frozenset(name for name, done in rows.items() if plan.race and 0 < done < most)


def best_of(items: Sequence[AnyScored], out: Container[str] = ()) -> AnyScored:
    """Return the one with the highest quality; of equals, the simplest.

    One that left a race is surely behind, whatever it scored on the rows that it had; it is the best of none but such.
    """
    going = [item for item in items if item.variant.id not in out]
    return max(going or items, key=lambda item: (item.quality.value, -item.variant.facts.upkeep))


def corrected(items: Sequence[Scored], planned_rows: int, out: Container[str] = ()) -> list[Interval]:
    """Return the qualities in order, the best one's interval corrected for its having come out on top.

    Args:
        items: with their scores.
        planned_rows: of the run.
        out: ids of those that left a race.
    """
    if len(items) < 2:
        return [item.quality for item in items]
    best = best_of(items, out)
    others = [item.quality for item in items if item is not best]
    quality = corrected_for_choice(best.quality, others, stopped=best.rows < planned_rows)
    return [quality if item is best else item.quality for item in items]
