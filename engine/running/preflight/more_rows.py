"""More test rows for a run that is whole: which come next, and the plan with them. Pure functions.

Rows that were answered keep their order; what follows is what a larger limit would have taken. The judging of such a
run is told in `engine.metrics.inference`: every addition is a look that spends a part of the error of its own.
"""

from __future__ import annotations

from dataclasses import replace

from engine.core.errors import UsageError
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.metrics import wording as say
from engine.running.sampling import choose_test_rows
from engine.running.search.folds import seal_of


def rows_left(plan: RunPlan, task: Task) -> tuple[str, ...]:
    """Return the ids of the rows that may be added, in the order in which they are.

    They are of the split that the run answers. A row that variants learn from, or that settings were judged on, is
    never among them.
    """
    splits = {example.id: example.split for example in task.examples}
    tested = {splits[row_id] for row_id in plan.test_ids if row_id in splits}
    taken = {*plan.test_ids, *plan.train_ids, *(plan.effort.pool_ids if plan.effort else ())}
    return tuple(
        example.id
        for name in sorted(tested)
        for example in choose_test_rows(task.split(name), None, seed=plan.seed)
        if example.id not in taken
    )


def with_more_rows(plan: RunPlan, task: Task, count: int) -> RunPlan:
    """Return the plan with the next rows; the verdict on them counts as one more look at the run.

    Raises:
        UsageError: fewer than one row is asked for, or more than there are.
    """
    left = rows_left(plan, task)
    if count < 1:
        raise UsageError(f"{count} more rows cannot be run.", "Ask for at least one.")
    if count > len(left):
        raise UsageError(
            f"Run {plan.run_id} can take {say.number(len(left))} more rows, not {say.number(count)}: "
            f"{say.number(count - len(left))} labelled rows are missing.",
            f"Ask for {len(left)} or fewer." if left else "Add labelled rows to the task, and start a new run.",
        )
    ids = (*plan.test_ids, *left[:count])
    effort = plan.effort and replace(plan.effort, sealed=seal_of(task.rows(ids)))
    return replace(plan, test_ids=ids, looks=plan.looks + 1, effort=effort)
