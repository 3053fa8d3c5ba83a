"""`compare --race`: who is clearly behind leaves, it is told, and a run that goes on keeps them out."""

from __future__ import annotations

import json
from pathlib import Path

from engine.core.techniques import label
from tests.terminal.reading import Run

TASK = ("--task", "support-tickets", "--model", "scripted", "--variants", "zero-shot,few-shot,classifier")


def test_a_race_saves_rows_and_says_who_left(run: Run, tmp_path: Path) -> None:
    """The classifier, which learns, beats answers by rule; whoever is out has fewer rows, in the terminal and the files."""
    code, _, err = run("compare", *TASK, "--race", "--out", tmp_path)
    assert code == 0, err
    manifest = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert manifest["plan"]["race"] is True
    assert manifest["out"]
    assert "classifier" not in manifest["out"]
    rows = {one["variant"]: one["n"] for one in json.loads((tmp_path / "summary.json").read_text("utf-8"))["variants"]}
    for name, left_after in manifest["out"].items():
        assert rows[name] == left_after < len(manifest["plan"]["test_ids"])
        assert f"{label(name)} was clearly behind: out of the race after {left_after} rows." in err
    memo = tmp_path / "memo.md"
    code, _, err = run("report", manifest["plan"]["run_id"], "--out", memo)
    assert code == 0, err
