"""`runs export` of a run whose task is gone or has changed: what is still there is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.terminal.reading import ROOT, Run

FOLDER = ROOT / "data" / "tasks" / "support-tickets"


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    """Make a run on a task folder of the user's own; return the folder."""
    copied = shutil.copytree(FOLDER, tmp_path / "mine")
    code, _, err = run("compare", "--task", copied, "--model", "scripted", "--variants", "zero-shot", "--limit", 3)
    assert code == 0, err
    return copied


def exported(run: Run, out: Path) -> set[str]:
    """Export the run and return the names of the files, but for the packed one."""
    code, _, err = run("runs", "export", "latest", "--out", out)
    assert code == 0, err
    return {path.name for path in out.iterdir() if path.suffix != ".zip"}


def inputs(out: Path) -> list[str | None]:
    """Read what the variant was given, of each prediction."""
    found = pl.read_parquet(out / "predictions.parquet")["input"].to_list()
    from_csv = pl.read_csv(out / "predictions.csv")["input"].to_list()
    assert from_csv == found
    return found


def test_a_run_whose_task_is_gone_is_three_files(run: Run, folder: Path, tmp_path: Path) -> None:
    """Without the task there is no summary and no input; manifest and predictions are written all the same."""
    whole = {"run.json", "predictions.parquet", "predictions.csv", "summary.json"}
    assert exported(run, tmp_path / "before") == whole
    assert all(inputs(tmp_path / "before"))
    shutil.rmtree(folder)
    assert exported(run, tmp_path / "after") == whole - {"summary.json"}
    assert inputs(tmp_path / "after") == [None] * 3
    kept = [json.loads((tmp_path / name / "run.json").read_text(encoding="utf-8")) for name in ("before", "after")]
    assert kept[0] == kept[1]


def test_a_run_whose_task_has_changed_has_no_inputs(run: Run, folder: Path, tmp_path: Path) -> None:
    """One row reworded since makes every input unknown; the answers and the summary stay."""
    rows = (folder / "examples.jsonl").read_text(encoding="utf-8")
    assert "service fee" in rows
    (folder / "examples.jsonl").write_text(rows.replace("service fee", "service charge", 1), encoding="utf-8")
    assert "summary.json" in exported(run, tmp_path / "out")
    assert inputs(tmp_path / "out") == [None] * 3
    assert pl.read_parquet(tmp_path / "out" / "predictions.parquet")["answer"].null_count() == 0
