"""Rows that a user adds to a task: what ships stays as it was, and older runs can be read but not resumed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.reading import Run
from wiring import open_lab

SHIPPED = "support-tickets"


def compared(run: Run, task: str, out: Path) -> str:
    """Compare on two rows; return the run's id."""
    asked = ("--model", "scripted", "--variants", "zero-shot", "--limit", 2, "--out", out)
    code, _, err = run("compare", "--task", task, *asked)
    assert code == 0, err
    run_id: str = json.loads((out / "run.json").read_text(encoding="utf-8"))["run_id"]
    return run_id


def add_row(task: str, text: str) -> str:
    """Add a row as the Playground does; return the task that has it."""
    with closing(open_lab()) as lab:
        return lab.tasks.add_row(task, text=text, target="billing_refund", split="train")


def listed(run: Run) -> dict[str, dict[str, Any]]:
    """Return the tasks as they are listed, by id."""
    code, out, err = run("tasks", "--json")
    assert code == 0, err
    return {task["id"]: task for task in json.loads(out)["tasks"]}


@pytest.fixture
def on_shipped(run: Run, tmp_path: Path) -> str:
    """Make a run on the task that ships, and return its id."""
    return compared(run, SHIPPED, tmp_path / "shipped")


def test_a_shipped_task_and_its_runs_do_not_change(run: Run, on_shipped: str, tmp_path: Path) -> None:
    """The row goes into a copy under a name of its own; the run on the original is reported and resumed as before."""
    before = listed(run)
    assert add_row(SHIPPED, "my new complaint") == f"{SHIPPED}-own"
    after = listed(run)
    assert after.keys() - before.keys() == {f"{SHIPPED}-own"}
    assert after[SHIPPED] == before[SHIPPED]
    rows = before[SHIPPED]["rows"]
    assert after[f"{SHIPPED}-own"]["rows"] == {**rows, "train": rows["train"] + 1}
    assert run("report", on_shipped, "--out", tmp_path / "memo.md")[0] == 0
    code, _, err = run("compare", "--resume", on_shipped)
    assert code == 0, err


def test_a_task_of_the_users_grows_in_place(run: Run, home: Path, on_shipped: str, tmp_path: Path) -> None:
    """A run from before is reported with its figures, and refused where it would go on; added rows are marked."""
    own = add_row(SHIPPED, "my new complaint")
    old = compared(run, own, tmp_path / "own")
    assert add_row(own, "my second complaint") == own
    lines = (home / "tasks" / own / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    added = [row["input"] for row in map(json.loads, lines) if row["metadata"].get("own") is True]
    assert added == ["my new complaint", "my second complaint"]
    code, out, err = run("report", old, "--out", tmp_path / "memo.md")
    assert code == 0, err
    assert "2 test rows" in (tmp_path / "memo.md").read_text(encoding="utf-8")
    code, out, err = run("compare", "--resume", old)
    assert (code, out) == (2, "")
    assert "has changed since run" in err
    code, _, err = run("compare", "--resume", on_shipped)
    assert code == 0, err
