"""The rows that a run's variants learn from, and the labels that none of them shows. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.run.infos import RowOffer
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.metrics import wording as say

MOST_NAMED = 5
"""Labels named in a sentence; of more, the others are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRows:
    """What the variants of a run learn from."""

    rows: int
    """Training rows; 0 where no variant learns."""
    labels: int = 0
    """Of the task. 0 where nothing can be said of labels: the answers are not labels, no variant learns, or training
    rows of the run are no longer in the task."""
    labels_without_rows: tuple[str, ...] = ()
    """Labels that no training row of the run has, in the task's order."""
    labels_not_in_split: tuple[str, ...] = ()
    """Those of them that no row of the whole training split has, so that drawing more rows does not help."""
    test_rows_without: int = 0
    """Test rows of the run whose right answer is such a label."""
    highest_reachable: float | None = None
    """Share of the run's test rows, 0 to 1, whose label has a training row: the most that a variant can get right if it
    only knows labels that it has seen. None where nothing can be said of labels."""


def training_rows(plan: RunPlan, task: Task) -> TrainingRows:
    """Tell what a plan's variants learn from, and which labels they never see.

    Args:
        plan: of a run, made or not.
        task: of the plan. Test rows that it no longer has are left out.
    """
    if not any(variant.facts.learns for variant in plan.variants):
        return TrainingRows(rows=0)
    rows = len(plan.train_ids)
    targets = {example.id: example.target for example in task.examples}
    if not task.has_labels or not targets.keys() >= set(plan.train_ids):
        return TrainingRows(rows=rows)
    shown = {targets[example_id] for example_id in plan.train_ids}
    offered = {example.target for example in task.split("train")}
    without = tuple(name for name in task.answer.labels if name not in shown)
    tested = [targets[example_id] for example_id in plan.test_ids if example_id in targets]
    missed = sum(target not in shown for target in tested)
    return TrainingRows(
        rows=rows,
        labels=len(task.answer.labels),
        labels_without_rows=without,
        labels_not_in_split=tuple(name for name in without if name not in offered),
        test_rows_without=missed,
        highest_reachable=(len(tested) - missed) / len(tested) if tested else None,
    )


def training_note(training: TrainingRows, *, test_rows: int) -> str:
    """Say which labels have no training row, what that means for this run, and what helps; empty if each has one.

    The same words are used before a run, while it is in progress and after it.

    Args:
        training: of the run.
        test_rows: of the run.
    """
    without = training.labels_without_rows
    if not without:
        return ""
    have = "has" if len(without) == 1 else "have"
    told = f"{len(without)} of {training.labels} labels {have} no training row: {_named(without)}."
    if not training.test_rows_without or training.highest_reachable is None:
        told += " No test row of this run has such a label."
    else:
        have = "has" if training.test_rows_without == 1 else "have"
        told += (
            f" {say.number(training.test_rows_without)} of {say.number(test_rows)} test rows {have} such a label, so a "
            f"variant that only knows labels it has seen gets at most {say.share(training.highest_reachable)} right."
        )
    return f"{told} {_remedy(training)}"


def offer_note(offer: RowOffer) -> str:
    """Say what more training rows would take."""
    longer = f"about {say.duration(offer.extra_s)} longer" if offer.extra_s >= 1 else "hardly any longer"
    return (
        f"With {offer.per_label} training rows for each label ({say.number(offer.rows)} in all) the run would take "
        f"{longer}."
    )


def _named(labels: tuple[str, ...]) -> str:
    if len(labels) <= MOST_NAMED:
        return say.listed([f"'{name}'" for name in labels])
    first = labels[: MOST_NAMED - 1]
    return say.listed([*(f"'{name}'" for name in first), f"{len(labels) - len(first)} more"])


def _remedy(training: TrainingRows) -> str:
    missing = len(training.labels_not_in_split)
    in_split = training.labels - missing
    if missing == len(training.labels_without_rows):
        return "The training split has no rows of " + ("it." if missing == 1 else "them.") + " Add some to the task."
    told = f"With {say.number(in_split)} training rows or more, each label has one"
    return told + ("." if not missing else f", except {say.number(missing)} without a row in the training split.")
