"""`compare --draws 3`: each row is answered with one of three draws, and the memo says so."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.terminal.reading import Run


def test_draws_are_shared_out_and_told(run: Run, tmp_path: Path) -> None:
    """The prompts of few-shot show three sets of examples in turn, and the verdict calls it an average."""
    out, memo = tmp_path / "out", tmp_path / "memo.md"
    task = ("--task", "support-tickets", "--model", "scripted", "--limit", 9)
    code, _, err = run("compare", *task, "--variants", "few-shot", "--draws", 3, "--out", out)
    assert code == 0, err
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    beginnings = {row["prompt"][: row["prompt"].rindex(row["input"])] for row in rows}
    assert len(beginnings) == 3
    run_id = json.loads((out / "run.json").read_text(encoding="utf-8"))["plan"]["run_id"]
    code, _, err = run("report", run_id, "--least-quality", 0, "--out", memo)
    assert code == 0, err
    assert "averaged over 3 draws" in memo.read_text(encoding="utf-8")


def test_too_many_draws_are_refused(run: Run) -> None:
    """Six trainings are more than anybody waits for: wrong usage, with what is possible."""
    code, _, err = run("compare", "--task", "support-tickets", "--model", "scripted", "--draws", 6)
    assert code == 2
    assert "Ask for 1 to 5" in err
