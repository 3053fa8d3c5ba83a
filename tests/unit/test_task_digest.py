"""The digest of a task: all that decides a run's figures is in it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.storage.task_folder import read_task, write_task
from engine.core import task as task_module
from engine.core.errors import UsageError
from engine.core.run.events import RunEnded
from engine.core.task import SCORER_VERSIONS, AnswerKind, AnswerSpec, Document, Example, Rule, Task, task_digest
from engine.core.techniques import Technique
from engine.metrics.scoring import RUN_SCORERS, SCORERS
from tests.helpers import small_task
from tests.memory_lab import MODEL, memory_lab, memory_task, script

TASK = replace(
    small_task(kind=AnswerKind.SHORT, documents=[Document(name="help.md", text="Turn it off and on.")]),
    rules=(Rule(name="kind", pattern="please"),),
)


def with_row(**changes: Any) -> Task:
    """Change the last test row."""
    *others, last = TASK.examples
    return replace(TASK, examples=(*others, replace(last, **changes)))


def test_other_answers_that_are_accepted_make_another_task() -> None:
    """`metadata.accept` decides scores: a run must not be resumed or read against other answers."""
    accepting, more = with_row(metadata={"accept": ["sofa"]}), with_row(metadata={"accept": ["sofa", "couch"]})
    assert len({task_digest(task) for task in (TASK, accepting, more)}) == 3


@pytest.mark.parametrize(
    "changed",
    [
        replace(TASK, instructions="Otherwise."),
        replace(TASK, answer=AnswerSpec(kind=AnswerKind.TEXT)),
        replace(TASK, answer=replace(TASK.answer, refusal="No answer.")),
        replace(TASK, answer=replace(TASK.answer, labels=("a",))),
        replace(TASK, answer=replace(TASK.answer, json_schema={"type": "object"})),
        replace(TASK, primary_scorer="exact_match"),
        replace(TASK, scorers=TASK.scorers[:1]),
        replace(TASK, rules=()),
        replace(TASK, rules=(replace(TASK.rules[0], pattern="thanks"),)),
        replace(TASK, documents=()),
        replace(TASK, documents=(Document(name="help.md", text="Leave it on."),)),
        replace(TASK, examples=TASK.examples[1:]),
        replace(TASK, examples=TASK.examples[::-1]),
        with_row(input="other"),
        with_row(target="other"),
        with_row(split="train"),
        with_row(id="other"),
        with_row(metadata={"supporting": [{"document": "help.md", "passage": "off"}]}),
    ],
)
def test_whatever_decides_figures_is_in_it(changed: Task) -> None:
    """A change of what models are asked or answers are scored against is another digest."""
    assert task_digest(changed) != task_digest(TASK)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TASK, title="Another title"),
        replace(TASK, summary="Another summary."),
        replace(TASK, card={"provenance": "made up"}),
        replace(TASK, title="Another title", card={"provenance": "made up"}),
        replace(TASK, licence="CC0-1.0"),
        replace(TASK, source={"leak_guard": {"leaks": 0}}),
        replace(TASK, id="another-id"),
        replace(TASK, digest="ab" * 32),
    ],
)
def test_what_is_only_said_of_a_task_is_not_in_it(changed: Task) -> None:
    """A run goes on and is reported although title, card, licence or source were written otherwise since."""
    assert task_digest(changed) == task_digest(TASK)


def test_the_order_of_metadata_does_not_matter() -> None:
    """The same facts of a row are the same task, however a file puts them."""
    first, second = {"accept": ["sofa"], "difficulty": "hard"}, {"difficulty": "hard", "accept": ["sofa"]}
    assert task_digest(with_row(metadata=first)) == task_digest(with_row(metadata=second))


def test_a_scorer_that_counts_differently_makes_another_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only tasks that use the scorer, as primary score or beside it, have another digest."""
    labels, primary = small_task(), replace(TASK, primary_scorer="chrf", scorers=("exact_match",))
    before = [task_digest(task) for task in (TASK, labels, primary)]
    monkeypatch.setattr(task_module, "SCORER_VERSIONS", {**SCORER_VERSIONS, "token_f1": 3, "chrf": 2})
    assert [task_digest(task) == old for task, old in zip((TASK, labels, primary), before, strict=True)] == [
        False,
        True,
        False,
    ]


def test_tasks_whose_scorers_never_changed_keep_their_digest() -> None:
    """Runs on labels that an earlier release has kept are still resumed: this digest is one that it wrote."""
    digest = "b5f2523325fd28d8e2bda3fbc8cba851f76a09da7d5e228d655ffa09eecc8c00"
    assert task_digest(small_task(labels=("a", "b"))) == digest


def test_versions_name_scorers_that_there_are() -> None:
    """A scorer that was renamed does not lose its version unnoticed."""
    assert set(SCORER_VERSIONS) <= set(SCORERS) | set(RUN_SCORERS)
    assert min(SCORER_VERSIONS.values()) > 1


def test_a_task_that_was_read_carries_its_digest(tmp_path) -> None:
    """A folder's digest is that of the task in it, written and read again the same."""
    write_task(TASK, tmp_path / TASK.id)
    read = read_task(tmp_path / TASK.id)
    assert read.digest == task_digest(read)
    write_task(read, tmp_path / "again" / TASK.id)
    assert read_task(tmp_path / "again" / TASK.id).digest == read.digest


def test_a_run_is_resumed_on_its_own_task_alone() -> None:
    """After a change of accepted answers a kept run does not go on; after a change of title and card it does."""
    lab, task = memory_lab(speed=200), memory_task()
    plan = lab.plans.make(task_id=task.id, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    lab.play(plan, [])
    lab.memory.tasks.keep(replace(task, title="Another title", card={"provenance": "made up"}))
    assert lab.plans.kept(plan.run_id) == plan
    first: Example = task.examples[0]
    accepting = replace(first, metadata={"accept": ["sofa"]})
    lab.memory.tasks.keep(replace(task, examples=(accepting, *task.examples[1:])))
    with pytest.raises(UsageError, match="has changed") as caught:
        lab.plans.kept(plan.run_id)
    assert caught.value.fix


def test_a_run_scored_by_another_rule_is_read_but_not_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its scores; it is neither resumed nor taken for a run of today, which would mix two rules in one figure."""
    lab, task = memory_lab(speed=200), memory_task()
    plan = lab.plans.make(task_id=task.id, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    lab.play(plan, [*script(plan, task), RunEnded(status="done")])
    made = lab.results.predictions(plan.run_id)
    assert len(made) == 3
    assert lab.studies.kept([plan])[0] is not None
    monkeypatch.setattr(task_module, "SCORER_VERSIONS", {"accuracy": 2})
    lab.memory.tasks.keep(task)
    with pytest.raises(UsageError, match="scoring has changed"):
        lab.plans.kept(plan.run_id)
    assert lab.results.is_outdated(plan.run_id)
    assert lab.studies.kept([plan]) == [None]
    assert lab.results.predictions(plan.run_id) == made
