"""What a run learns from, and the labels that it never sees: counted, told, and remedied."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.basis.training_rows import TrainingRows, offer_note, training_note, training_rows
from engine.core.limits import Limits
from engine.core.run.events import RunEnded
from engine.core.run.infos import RowOffer
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind, AnswerSpec, Task
from engine.core.techniques import Technique
from engine.running.planning import plan_run
from tests.memory_lab import LABELS, MODEL, TASK, memory_lab, memory_model, memory_task, script

MANY = tuple(f"intent_{number:02}" for number in range(77))


def many_labels(per_label: int = 10) -> Task:
    """Build a task of 77 labels with so many rows of each in either split."""
    return memory_task(MANY, rows=len(MANY) * per_label)


def planned(task: Task, *techniques: Technique, test_rows: int = 80, train_rows: int | None = None) -> RunPlan:
    """Plan a run of the classifier, unless other techniques are named."""
    return plan_run(
        task, memory_model(), techniques=techniques or [Technique.CLASSIFIER], limit=test_rows, train_rows=train_rows
    )


def test_the_default_run_knows_every_label() -> None:
    """77 labels in the split are 77 training rows, and every test row can be answered right."""
    task = many_labels()
    assert training_rows(planned(task), task) == TrainingRows(rows=77, labels=77, highest_reachable=1.0)


@given(st.integers(1, 90), st.integers(1, 100))
def test_labels_without_rows_are_counted(train_rows: int, test_rows: int) -> None:
    """The labels, the test rows that they touch and the highest figure agree with a count by hand."""
    task = many_labels(per_label=2)
    plan = planned(task, test_rows=test_rows, train_rows=train_rows)
    targets = {example.id: example.target for example in task.examples}
    shown = {targets[example_id] for example_id in plan.train_ids}
    right = [targets[example_id] in shown for example_id in plan.test_ids]
    found = training_rows(plan, task)
    assert found.rows == train_rows
    assert set(found.labels_without_rows) == set(MANY) - shown
    assert len(found.labels_without_rows) == max(77 - train_rows, 0)
    assert found.test_rows_without == right.count(False)
    assert found.highest_reachable == pytest.approx(sum(right) / len(right))


def test_a_label_that_the_split_lacks_is_told_apart_from_one_that_was_not_drawn() -> None:
    """More rows help against the one, only new rows against the other."""
    task = many_labels()
    poor = replace(task, examples=tuple(e for e in task.examples if e.split != "train" or e.target != MANY[3]))
    by_default = training_rows(planned(poor), poor)
    assert (by_default.rows, by_default.labels_without_rows) == (76, (MANY[3],))
    assert by_default.labels_not_in_split == (MANY[3],)
    assert "The training split has no rows of it. Add some" in training_note(by_default, test_rows=80)
    few = training_rows(planned(poor, train_rows=70), poor)
    assert (len(few.labels_without_rows), few.labels_not_in_split) == (7, (MANY[3],))
    assert training_note(few, test_rows=80).endswith(
        "With 76 training rows or more, each label has one, except 1 without a row in the training split."
    )


def test_nothing_is_said_of_labels_where_there_is_nothing_to_say() -> None:
    """Other answers have no labels, a bare prompt learns nothing, and rows that are gone are not guessed."""
    short = memory_task(answer=AnswerSpec(kind=AnswerKind.SHORT))
    assert training_rows(planned(short, Technique.RAG), short) == TrainingRows(rows=50)
    task = many_labels()
    assert training_rows(planned(task, Technique.ZERO_SHOT), task) == TrainingRows(rows=0)
    gone = replace(task, examples=tuple(e for e in task.examples if e.split != "train"))
    assert training_rows(planned(task, train_rows=10), gone) == TrainingRows(rows=10)
    assert training_note(TrainingRows(rows=10), test_rows=80) == ""


def test_the_note_says_how_many_which_what_follows_and_what_helps() -> None:
    """Five labels are named, of more the first four; the share is the one that a classifier can reach."""
    found = TrainingRows(
        rows=50, labels=77, labels_without_rows=MANY[:27], test_rows_without=34, highest_reachable=46 / 80
    )
    assert training_note(found, test_rows=80) == (
        "27 of 77 labels have no training row: 'intent_00', 'intent_01', 'intent_02', 'intent_03' and 23 more. "
        "34 of 80 test rows have such a label, so a variant that only knows labels it has seen gets at most 57 % right. "
        "With 77 training rows or more, each label has one."
    )
    single = replace(found, labels_without_rows=MANY[:1], test_rows_without=0, highest_reachable=1.0)
    assert training_note(single, test_rows=80) == (
        "1 of 77 labels has no training row: 'intent_00'. No test row of this run has such a label. "
        "With 77 training rows or more, each label has one."
    )


def test_eight_rows_per_label_are_offered_with_their_time() -> None:
    """The offer is the estimate of that very run less the estimate of this one."""
    lab = memory_lab(task=many_labels())
    choices = {"task_id": TASK, "model_id": MODEL, "techniques": [Technique.CLASSIFIER, Technique.LORA]}
    plan, more = lab.plans.make(**choices), lab.plans.make(**choices, rows_per_label=8)
    offer = lab.plans.row_offer(plan)
    assert offer is not None
    assert (offer.per_label, offer.rows) == (8, 616) == (8, len(more.train_ids))
    assert offer.extra_s == pytest.approx(lab.plans.preflight(more).estimated_s - lab.plans.preflight(plan).estimated_s)
    assert offer.extra_s > lab.plans.preflight(plan).estimated_training_s
    assert lab.plans.row_offer(more) is None


@pytest.mark.parametrize(
    ("techniques", "train_rows", "offered"),
    [
        ([Technique.CLASSIFIER], None, True),
        ([Technique.CLASSIFIER], 50, True),
        ([Technique.CLASSIFIER], 200, False),
        ([Technique.ZERO_SHOT], None, False),
        ([Technique.FEW_SHOT], None, True),
    ],
)
def test_more_rows_are_offered_where_they_are_of_use(
    techniques: list[Technique], train_rows: int | None, offered: bool
) -> None:
    """Not to a bare prompt, and not to a user who chose another number that covers the labels."""
    lab = memory_lab(task=many_labels())
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=techniques, train_rows=train_rows)
    assert (lab.plans.row_offer(plan) is not None) is offered


def test_few_labels_have_enough_rows_already() -> None:
    """Five labels have ten rows each by default: nothing is offered."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.CLASSIFIER])
    assert len(plan.train_ids) == 50
    assert lab.plans.training(plan) == TrainingRows(rows=50, labels=len(LABELS), highest_reachable=1.0)
    assert lab.plans.row_offer(plan) is None


def test_the_offer_says_how_much_longer_it_takes() -> None:
    """Seconds that round to nothing are not counted out."""
    assert offer_note(RowOffer(per_label=8, rows=616, extra_s=185.0)) == (
        "With 8 training rows for each label (616 in all) the run would take about 3 min 5 s longer."
    )
    assert offer_note(RowOffer(per_label=8, rows=64, extra_s=0.2)).endswith("would take hardly any longer.")


def test_report_and_summary_hold_what_was_learned_from() -> None:
    """The verdict and the memo read the report, the terminal and the exports the summary: the same counts."""
    lab = memory_lab(task=many_labels(per_label=2))
    task = lab.tasks.get(TASK)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.CLASSIFIER], limit=60, train_rows=50)
    run_id = lab.play(plan, [*script(plan, task), RunEnded(status="done")])
    training = training_rows(plan, task)
    assert training.labels_without_rows
    assert lab.results.report(run_id, Limits()).training == training
    assert lab.results.summary(run_id)["training"]["labels_without_rows"] == training.labels_without_rows
