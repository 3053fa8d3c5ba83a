"""What a kept run is: how whole, a comparison or not, which one a page shows, and which belong to one study."""

from __future__ import annotations

import pytest

from engine.analysis.basis.wholeness import answers_in_words
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.standing import RunState, choose_run, is_comparison, state_of
from engine.core.techniques import Technique
from engine.studies.context import number_plans, place_plans
from engine.studies.drift import drift_plans
from engine.studies.study_runs import aside_in_words, measured_in_words, original_task, studies_of
from tests.made_runs import made_run
from tests.memory_lab import marked_task, memory_model, memory_task

SEVERAL = (str(Technique.ZERO_SHOT), str(Technique.RAG))


def run(run_id: str = "r1", **fields: object) -> RunInfo:
    """Return a whole comparison, but for what a test sets."""
    facts = {"task_id": "tickets", "model_id": "m", "status": "done", "started_at": "", "rows_done": 400}
    return RunInfo(**{**facts, "run_id": run_id, "rows_total": 400, "techniques": SEVERAL, "split": "test", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        ({}, RunState.DONE, "400 answers"),
        ({"rows_done": 380}, RunState.ENDED_EARLY, "380 of 400 answers, ended early"),
        ({"status": "cancelled", "rows_done": 34}, RunState.STOPPED, "34 of 400 answers, stopped"),
        ({"status": "failed", "rows_done": 34}, RunState.FAILED, "34 of 400 answers, failed"),
        ({"status": "running", "rows_done": 34}, RunState.INTERRUPTED, "34 of 400 answers, interrupted"),
        ({"status": "cancelled", "rows_done": 0}, RunState.STOPPED, "no answers, stopped"),
        ({"rows_done": 1, "rows_total": 1}, RunState.DONE, "1 answer"),
        ({"rows_done": 1234, "rows_total": 2000, "status": "cancelled"}, RunState.STOPPED, "1,234 of 2,000 answers, stopped"),
    ],
)  # fmt: skip
def test_each_run_says_how_whole_it_is(fields: dict[str, object], state: RunState, words: str) -> None:
    """A run that was stopped, failed or broke off says so in the same words everywhere, with its answers of how many."""
    assert state_of(run(**fields)) is state
    assert answers_in_words(run(**fields)) == words


def test_a_run_in_progress_is_told_from_one_that_broke_off() -> None:
    """What this process carries out is running; the same status without a process is an interruption."""
    going = run(status="running", rows_done=34)
    assert answers_in_words(going, "r1") == "34 of 400 answers so far"
    assert answers_in_words(run(status="running", rows_done=0), "r1") == "no answers yet"
    assert state_of(going, "r2") is RunState.INTERRUPTED


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"purpose": Purpose.DRIFT, "split": "drift"}, "Drift rows: not the task's test rows."),
        ({"split": "validation"}, "Validation rows: not the task's test rows."),
        ({"purpose": Purpose.DRIFT, "task_id": "tickets--typos"}, "Rows made for a study: not the task's test rows."),
        ({"task_id": "policy-qa--context-2-middle"}, "Rows made for a study: not the task's test rows."),
        ({"purpose": Purpose.SEEDS, "seed": 3}, "A run of a study of seeds: the comparison again, with seed 3."),
        ({"purpose": Purpose.LEARNING_CURVE}, "A run of a learning curve: one number of training rows, and quality alone."),
        ({"purpose": Purpose.CONTEXT}, "A run of a context study: one variant with one number of passages."),
        ({"purpose": Purpose.TUNING}, "A run of a search for settings, not a comparison."),
    ],
)  # fmt: skip
def test_only_a_comparison_on_test_rows_has_the_verdict(fields: dict[str, object], words: str) -> None:
    """Any other run says what it is, and is never chosen by itself, though it is the newest."""
    other, comparison = run("r2", **fields), run("r1")
    assert not is_comparison(other)
    assert aside_in_words(other) == words
    assert choose_run([other, comparison]) is comparison
    assert choose_run([other]) is None
    assert choose_run([other, comparison], "r2") is other
    assert aside_in_words(comparison) == ""


def test_a_run_of_before_without_a_split_is_a_comparison() -> None:
    """Where the task is gone nothing speaks against a run, so it stays where it was."""
    assert is_comparison(run(split=""))


def test_whole_comparisons_come_before_newer_ones_that_were_stopped() -> None:
    """A page opens on a run that can carry a verdict; a stopped one only where there is none, or where it was asked for."""
    stopped = run("r3", status="cancelled", rows_done=34)
    alone = run("r2", techniques=(str(Technique.RAG),))
    whole, sample = run("r1"), run("sample")
    assert choose_run([stopped, alone, whole]) is whole
    assert choose_run([stopped, alone]) is alone
    assert choose_run([stopped], or_else=sample) is stopped
    assert choose_run([stopped, whole], "r3") is stopped
    assert choose_run([run("r4", rows_done=0)], "r4", or_else=sample) is sample


def test_runs_of_one_study_stand_together() -> None:
    """Runs of one kind on one task with one model are one study, on rows made from the task too; two bases are two."""
    of_first = [
        run("r5", purpose=Purpose.DRIFT, task_id="tickets--typos", studied_run="r1", status="cancelled"),
        run("r4", purpose=Purpose.DRIFT, studied_run="r1"),
    ]
    of_second = run("r3", purpose=Purpose.DRIFT, studied_run="r2")
    curve = run("r6", purpose=Purpose.LEARNING_CURVE)
    found = studies_of([curve, *of_first, of_second, run("r1")])
    assert [(study.purpose, study.task_id, [one.run_id for one in study.runs], study.whole) for study in found] == [
        (Purpose.LEARNING_CURVE, "tickets", ["r6"], 1),
        (Purpose.DRIFT, "tickets", ["r5", "r4"], 1),
        (Purpose.DRIFT, "tickets", ["r3"], 1),
    ]
    assert original_task("policy-qa--context-2-middle") == "policy-qa"


def test_context_and_drift_name_what_they_measure() -> None:
    """Their runs differ by passages and by rows, not by training rows and seed."""
    task, model = marked_task(8), memory_model()
    options = {"rows": 4, "decoding": made_run(4)[0].decoding}
    numbers = number_plans(task, model, sizes=(1, 2), **options)  # type: ignore[arg-type]
    assert [measured_in_words(Purpose.CONTEXT, plan) for plan in numbers.values()] == ["1 passage", "2 passages"]
    places = place_plans(task, model, passages=4, **options)  # type: ignore[arg-type]
    assert [measured_in_words(Purpose.CONTEXT, plan) for _task, plan in places.values()] == [
        "supporting passage first of 4",
        "supporting passage middle of 4",
        "supporting passage last of 4",
    ]
    base, _made = made_run(6)
    drift = [measured_in_words(Purpose.DRIFT, plan) for _task, plan in drift_plans(memory_task(), base).values()]
    assert drift == ["typos", "changed case", "shuffled clauses"]
    assert measured_in_words(Purpose.SEEDS, base) == "seed 1"
    assert measured_in_words(Purpose.LEARNING_CURVE, base) == f"{len(base.train_ids)} training rows, seed 1"
