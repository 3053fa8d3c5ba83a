"""`cli.py study`: missing runs are made in the foreground, then the study's sentences and figures are told."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.core.run.events import Event, RunEnded
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.services.background import run_job
from tests.terminal.reading import ROOT, Run, begin, blocks, wait_until
from wiring import open_lab

pytestmark = pytest.mark.timeout(300)
CURVE = ("--model", "scripted", "--techniques", "few-shot", "--sizes", "0,3,6", "--draws", "2", "--test-rows", "4")


def made(purpose: Purpose) -> list[str]:
    """Return the ids of the runs that were made for a purpose."""
    return sorted(run.run_id for run in open_lab().runs.list() if run.purpose is purpose)


def test_a_learning_curve_is_measured_once(run: Run, table: list[object]) -> None:
    """Five runs are made and told as the page does; the same command makes none, and JSON holds the points."""
    code, out, err = run("study", "learning-curve", *table, *CURVE)
    assert code == 0, err
    assert "5 of 5 runs to go" in err
    sentences, points = blocks(out)
    assert "Few-shot:" in sentences[0]["in words"]
    assert "over 2 seeds" in sentences[0]["in words"] or "gains" in sentences[0]["in words"]
    assert [(row["technique"], row["training rows"]) for row in points] == [
        ("Zero-shot", "0"), ("Few-shot", "3"), ("Few-shot", "6"),
    ]  # fmt: skip
    assert all("%" in row["quality (sim.)"] for row in points)  # the scripted model is none
    before = made(Purpose.LEARNING_CURVE)
    assert len(before) == 5
    code, again, err = run("study", "learning-curve", *table, *CURVE)
    assert (code, again) == (0, out)
    assert "still to be made" not in err
    assert made(Purpose.LEARNING_CURVE) == before
    found = json.loads(run("study", "learning-curve", *table, *CURVE, "--json")[1])
    assert (found["version"], found["study"], found["missing"]) == (1, "learning curve", 0)
    assert sorted(found["runs"]) == before
    assert [(point["technique"], point["train_rows"], point["seeds"]) for point in found["points"]] == [
        ("zero-shot", 0, [0]), ("few-shot", 3, [0, 1]), ("few-shot", 6, [0, 1]),
    ]  # fmt: skip
    assert found["sentences"][0]["text"] == sentences[0]["in words"]
    assert {point["mark"] for point in found["points"]} == {"simulated"}


def test_what_is_kept_is_told_without_a_run(run: Run, table: list[object]) -> None:
    """`--kept-only` makes no run: it tells what there is, and of how many runs."""
    code, out, err = run("study", "learning-curve", *table, *CURVE, "--kept-only")
    assert (code, out) == (0, "")
    assert "Nothing has been measured" in err
    assert run("study", "learning-curve", *table, *CURVE[:5], "0,3", *CURVE[6:])[0] == 0
    code, out, err = run("study", "learning-curve", *table, *CURVE, "--kept-only")
    assert code == 0
    assert "From 3 of 5 runs." in err
    assert len(made(Purpose.LEARNING_CURVE)) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a Unix matter")
def test_ctrl_c_stops_a_study_and_the_same_command_goes_on(run: Run, kept: str) -> None:
    """SIGINT in the second run ends with 3; called again, the first run is kept and the second goes on."""
    process = begin("study", "seeds", kept, "--draws", 4, pace_s=0.4)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    runs = [line.split()[1] for line in (next(x for x in lines if x.startswith("run ")) for _ in range(2))]
    wait_until(lambda: any(one.run_id == runs[1] and one.rows_done for one in open_lab().runs.list()))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3, (out, err)
    assert out == ""
    assert "Traceback" not in err
    assert "The same command continues" in err
    before = {one.run_id: (one.status, one.rows_done) for one in open_lab().runs.list()}
    assert set(before) == {kept, *runs}
    assert before[runs[0]] == ("done", 8)
    assert before[runs[1]][0] == "cancelled"
    again = begin("study", "seeds", kept, "--draws", 4, "--json")
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert "2 of 3 runs to go" in err
    assert f"run {runs[0]}" not in err
    assert f"run {runs[1]}" in err
    found = json.loads(out)
    assert found["missing"] == 0
    assert set(runs) < set(found["runs"])
    assert len(made(Purpose.SEEDS)) == 3


def test_drift_tells_who_breaks(run: Run, kept: str) -> None:
    """A run's variants are measured on its rows worse written, each kind told in a sentence and in figures.

    The rows have one clause each: shuffling clauses changes none of them, and is left out.
    """
    code, out, err = run("study", "drift", "latest")
    assert code == 0, err
    assert "Left out, since they change none of these rows: shuffled clauses." in out + err
    sentences, changes = blocks(out)
    assert [row["in words"].split(" no variant")[0] for row in sentences] == [
        "With typos (sim.)", "With changed case (sim.)",
    ]  # fmt: skip
    assert {row["variant"] for row in changes} == {"Zero-shot", "Few-shot"}
    assert {row["compared"] for row in changes} == {"same rows"}
    assert len(made(Purpose.DRIFT)) == 2
    code, again, _ = run("study", "drift", kept)
    assert (code, again) == (0, out)
    found = json.loads(run("study", "drift", kept, "--json")[1])
    assert {change["kind"] for change in found["changes"]} == {"typos", "case"}
    (on_made_rows, *_) = made(Purpose.DRIFT)
    code, _, err = run("study", "drift", on_made_rows)
    assert code == 2
    assert "derived from other rows" in err


def test_other_draws_show_whether_a_run_was_lucky(run: Run, kept: str) -> None:
    """`study seeds RUN` makes the other draws on the same rows, and tells their scatter beside that of the rows."""
    code, out, err = run("study", "seeds", kept, "--draws", 3)
    assert code == 0, err
    assert "3 seeds: 0, 1, 2." in err
    ((first, second),) = blocks(out)
    assert (first["variant"], second["variant"]) == ("Zero-shot", "Few-shot")
    lab = open_lab()
    plans = [lab.results.plan(run_id) for run_id in made(Purpose.SEEDS)]
    base = lab.results.plan(kept)
    assert sorted(plan.seed for plan in plans) == [1, 2]
    assert all(plan.test_ids == base.test_ids for plan in plans)
    found = json.loads(run("study", "seeds", kept, "--json")[1])
    assert found["draws"]["Few-shot"]["seeds"] == [0, 1, 2]
    assert len(made(Purpose.SEEDS)) == 2


@pytest.mark.model
def test_passages_are_varied_in_number_and_place(run: Run) -> None:
    """The context study tells quality and cost by number of passages, and quality by place of the supporting one."""
    asked = ["--task", "policy-qa", "--model", "scripted", "--sizes", "1,2", "--passages", "3", "--test-rows", "4"]
    code, out, err = run("study", "context", *asked)
    assert code == 0, err
    sentences, numbers, places = blocks(out)
    assert sentences[0]["in words"].startswith("Quality is highest at")
    assert "Among 3 passages" in sentences[1]["in words"]
    assert [row["passages"] for row in numbers] == ["1", "2"]
    assert [row["place"] for row in places] == ["first", "middle", "last"]
    assert {"quality (sim.)", "per 1,000 (est.)"} <= set(numbers[0])
    assert "quality (sim.)" in places[0]
    found = json.loads(run("study", "context", *asked, "--json")[1])
    assert set(found["by_number"]) == {"1", "2"}
    assert set(found["by_place"]) == {"first", "middle", "last"}
    assert len(found["runs"]) == len(made(Purpose.CONTEXT)) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["learning-curve"], ["Which task"]),
        (["learning-curve", "--task", "suport-tickets"], ["Unknown task", "support-tickets"]),
        (["learning-curve", "--task", "support-tickets", "--techniques", "loora"], ["loora", "lora"]),
        (["learning-curve", "--task", "support-tickets", "--techniques", "zero-shot"], ["zero-shot", "few-shot"]),
        (["learning-curve", "--task", "policy-qa", "--techniques", "classifier"], ["classifier", "policy-qa"]),
        (["learning-curve", "--task", "support-tickets", "--sizes", "5,x"], ["5,x"]),
        (["learning-curve", "--task", "support-tickets", "--sizes", "-5"], ["-5"]),
        (["learning-curve", "--task", "support-tickets", "--sizes", "500"], ["500", "75"]),
        (["learning-curve", "--task", "support-tickets", "--draws", "0"], ["--draws", "at least 1"]),
        (["context", "--task", "order-extraction", "--model", "scripted"], ["no documents"]),
        (["context", "--task", "policy-qa", "--model", "scripted", "--sizes", "0"], ["of at least 1"]),
        (["drift", "latest"], ["There are no saved runs yet"]),
        (["drift"], ["RUN is missing"]),
        (["seeds", "20200101-000000-dead"], ["Unknown run"]),
        (["lerning-curve"], ["Did you mean learning-curve"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_wrong_usage_is_two_lines_and_exit_2(run: Run, arguments: list[str], words: list[str]) -> None:
    """A wrong name or number says what, with the nearest or the fix, before anything is run."""
    code, out, err = run("study", *arguments)
    assert (code, out) == (2, "")
    assert 1 <= len(err.strip().splitlines()) <= 2, err
    for word in words:
        assert word in err
    assert open_lab().runs.list() == []


def test_one_draw_has_no_scatter(run: Run, kept: str) -> None:
    """One draw alone is refused: there is nothing to compare it with."""
    code, _, err = run("study", "seeds", kept, "--draws", 1)
    assert code == 2
    assert "--draws 2" in err


def test_a_run_that_fails_does_not_end_a_study(run: Run, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run that cannot go on is told at the end with exit 1; the others are made and told."""
    real = run_job.run

    def fails(plan: RunPlan, *arguments: Any) -> Iterator[Event]:
        if plan.seed == 1:
            return iter([RunEnded(status="failed", message="The memory was too short.", fix="Close programs.")])
        return real(plan, *arguments)

    monkeypatch.setattr(run_job, "run", fails)
    code, out, err = run("study", "seeds", kept, "--draws", 3)
    assert code == 1, err
    assert "seed 1: The memory was too short." in err
    assert "2 seeds: 0, 2." in err
    assert [row["variant"] for row in blocks(out)[0]] == ["Zero-shot", "Few-shot"]


def test_a_run_of_another_file_of_the_model_is_made_again(run: Run, kept: str) -> None:
    """It could not go on where it was stopped, and does not count where it is done; a study of one is refused."""
    assert run("study", "seeds", kept, "--draws", 3)[0] == 0
    store = open_lab()._workspace.store
    other = {"model": {"digest": "another"}}
    for run_id, status in zip(made(Purpose.SEEDS), ("cancelled", "done"), strict=True):
        store.update_run(run_id, status=status, manifest=other)
    code, _, err = run("study", "seeds", kept, "--draws", 3)
    assert code == 0, err
    assert "3 seeds: 0, 1, 2." in err
    assert len(made(Purpose.SEEDS)) == 4
    store.update_run(kept, manifest=other)
    for command in ("seeds", "drift"):
        code, out, err = run("study", command, kept)
        assert (code, out) == (2, "")
        assert "has changed since run" in err


def test_a_draw_by_other_scores_is_left_out_and_made_again(run: Run, kept: str) -> None:
    """Runs whose task or scoring has changed since count for no study."""
    assert run("study", "seeds", kept, "--draws", 3)[0] == 0
    lab = open_lab()
    (outdated,) = [run_id for run_id in made(Purpose.SEEDS) if lab.results.plan(run_id).seed == 2]
    lab._workspace.store.update_run(outdated, manifest={"task_digest": "ab" * 32})
    code, _, err = run("study", "seeds", kept, "--draws", 2)
    assert code == 0, err
    assert "2 seeds: 0, 1." in err
    code, _, err = run("study", "seeds", kept, "--draws", 3)
    assert code == 0, err
    assert "3 seeds: 0, 1, 2." in err
    assert len(made(Purpose.SEEDS)) == 3


def test_a_study_of_a_changed_task_is_refused(run: Run, tmp_path: Path) -> None:
    """A run is only compared with runs on the very rows that it was made on."""
    folder = shutil.copytree(ROOT / "data" / "tasks" / "support-tickets", tmp_path / "mine")
    asked = ["--task", folder, "--model", "scripted", "--variants", "zero-shot", "--limit", 2]
    assert run("compare", *asked)[0] == 0
    rows = (folder / "examples.jsonl").read_text()
    (folder / "examples.jsonl").write_text(rows.replace("service fee", "service charge", 1))
    for command in ("seeds", "drift"):
        code, out, err = run("study", command, "latest")
        assert (code, out) == (2, "")
        assert "has changed since run" in err
    assert len(open_lab().runs.list()) == 1
