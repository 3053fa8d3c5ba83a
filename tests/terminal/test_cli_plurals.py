"""What there is one of is not told in the plural in the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.storage.task_folder import write_task
from tests.memory_lab import memory_task
from tests.terminal.reading import Run


def test_one_of_each_is_one(run: Run, tmp_path: Path) -> None:
    """A document, a training row, an added test row."""
    task = memory_task(rows=3)
    rows = [example for example in task.examples if example.split == "test" or example.id.endswith("000")]
    folder = tmp_path / "small"
    write_task(replace(task, id="small", examples=tuple(rows)), folder)
    code, out, err = run("tasks", "check", folder)
    assert code == 0, err
    assert out.strip() == "small: 4 rows, 1 document. No errors."
    asked = ("--task", folder, "--model", "scripted")
    _code, _out, err = run("study", "learning-curve", *asked, "--sizes", "5")
    assert "'small' has 1 training row, not 5." in err
    code, _out, err = run("compare", *asked, "--variants", "zero-shot", "--limit", 1)
    assert code == 0, err
    code, _out, err = run("compare", "--resume", "latest", "--more-rows", 1)
    assert code == 0, err
    assert "1 more test row, 2 in all." in err
