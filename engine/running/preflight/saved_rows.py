"""What a race saves, given to the variants still in it: how many further rows, and what they can cost. Pure functions.

A variant that leaves a race saves the answers that it would have given to the planned rows. They are shared out evenly
among those still in it, which all answer the same further rows: a run never gives more answers than it would have given
without a race. The rows are added as `engine.running.preflight.more_rows` adds them, and judged as added rows are.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.variant import variant_names
from engine.metrics import wording as say
from engine.running.preflight.more_rows import rows_left

KEPT_IN_HAND = 3.0
"""Standard deviations of the cost of further rows that a spending limit must have room for, beside their mean."""
LEAST_IN_RACE = 2
"""With fewer variants left a race is over."""


def answers_saved(plan: RunPlan, out: Mapping[str, int]) -> int:
    """Return how many answers to the planned rows a race has saved.

    Args:
        plan: with its planned rows.
        out: after how many rows variants left the race.
    """
    return sum(len(plan.test_ids) - rows for rows in out.values())


def rows_each(plan: RunPlan, task: Task, out: Mapping[str, int]) -> int:
    """Return how many further rows the saved answers buy each variant still in the race; 0 where they buy none.

    What does not divide evenly is not spent, and neither is what the task has no rows for.
    """
    going = len(plan.variants) - len(out)
    if going < LEAST_IN_RACE:
        return 0
    return min(answers_saved(plan, out) // going, len(rows_left(plan, task)))


def most_rows(plan: RunPlan, task: Task) -> int:
    """Return how many further rows a variant can be given before anything is known: where all but two leave at once."""
    if not plan.spend_saved or plan.looks:
        return 0
    given = len(plan.test_ids) * max(len(plan.variants) - LEAST_IN_RACE, 0)
    return min(given // LEAST_IN_RACE, len(rows_left(plan, task)))


def rows_at_most(plan: RunPlan, task: Task, row_usd: Mapping[str, float]) -> dict[str, int]:
    """Return how many rows each variant answers, by id, where a run costs as much as it can.

    Without a race that spends what it saves these are the planned rows. With it the run gives as many answers in all,
    but the dearest variants may be those that are left: they are counted first, each with all rows it can be given.

    Args:
        plan: of the run.
        task: whose rows may be added.
        row_usd: what one row costs, by variant.
    """
    planned, more = len(plan.test_ids), most_rows(plan, task)
    left, rows = planned * len(plan.variants), {}
    for variant in sorted(plan.variants, key=lambda variant: -row_usd.get(variant.id, 0.0)):
        rows[variant.id] = min(planned + more, left)
        left -= rows[variant.id]
    return rows


def affordable(count: int, *, row_usd: Sequence[float], left_usd: float | None) -> int:
    """Return how many of the rows fit into what may still be spent, even if they are dearer than those before.

    A run that reaches its limit amid rows that it gives itself would end as failed, with rows that not all have
    answered. Three standard deviations of what so many rows cost, as far as the answered ones tell, are kept in hand.

    Args:
        count: rows.
        row_usd: what each row so far has cost, with all variants that will answer the others.
        left_usd: what may still be spent; None where nothing stops the run.
    """
    answered, mean = len(row_usd), sum(row_usd) / max(len(row_usd), 1)
    if left_usd is None or mean <= 0:
        return count
    spread = statistics.stdev(row_usd) if answered > 1 else mean
    most = min(count, math.floor(left_usd / mean))
    return next(
        (
            rows
            for rows in range(most, 0, -1)
            if rows * mean + KEPT_IN_HAND * spread * math.sqrt(rows * (1 + rows / answered)) <= left_usd
        ),
        0,
    )


def plan_note(plan: RunPlan, task: Task) -> str:
    """Say before the run what can be done with saved answers; empty where nobody asked for that."""
    if not plan.spend_saved or plan.looks:
        return ""
    if len(plan.variants) <= LEAST_IN_RACE:
        return "A race of two ends once one leaves: nobody is left to take the spared answers."
    if not rows_left(plan, task):
        return "The task has no further test rows: answers that the race spares are not used."
    most, whole = say.number(most_rows(plan, task)), say.number(len(plan.test_ids) * len(plan.variants))
    return (
        f"Answers that the race spares go to the variants still in it: up to {most} further test rows each, and never "
        f"more than {whole} answers in all."
    )


def ended_note(plan: RunPlan, out: Mapping[str, int]) -> str:
    """Say what becomes of saved answers where a race ended before its last planned row."""
    saved = answers_saved(plan, out)
    return f"The race is decided: the {say.number(saved)} answers that it spared are not used." if saved else ""


def spent_note(plan: RunPlan, task: Task, out: Mapping[str, int], *, best: str, given: int) -> str:
    """Say after the planned rows what becomes of the answers that the race has saved.

    Args:
        plan: with its planned rows.
        task: of the run.
        out: after how many rows variants left the race.
        best: the name of the variant that is better than each other one still in the race; empty if none is.
        given: further rows for each variant still in the race.
    """
    names = [name for variant_id, name in variant_names(plan.variants).items() if variant_id not in out]
    saved, rows = say.number(answers_saved(plan, out)), rows_each(plan, task, out)
    if not out:
        return "No variant left the race: it spared no answers, and no rows are added."
    if best:
        return (
            f"{best} is better than each other variant still in the race after {say.number(len(plan.test_ids))} rows: "
            f"the {saved} answers that the race spared are not needed."
        )
    if given:
        capped = " (the task has no more)" if rows == given == len(rows_left(plan, task)) else ""
        capped = " (the spending limit allows no more)" if given < rows else capped
        going = say.listed(names)
        return f"The race spared {saved} answers: {going} answer {say.number(given)} further rows each{capped}."
    if not rows_left(plan, task):
        return f"The race spared {saved} answers, but the task has no further test rows: they are not used."
    if rows:
        return f"The race spared {saved} answers, but the spending limit leaves no room for them."
    return f"The race spared {saved} answers, too few for a further row of each of the {len(names)} still in it."
