"""MTEB's protocol for few labelled rows runs on any two tables, with the real embedder."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import pytest

from adapters.storage.task_folder import read_task
from benchmarks import few_rows

ROOT = Path(__file__).parents[2]


@pytest.mark.model
def test_both_heads_are_far_better_than_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four rows of each of five labels, three draws: MTEB's head and the app's get well over a fifth right."""
    task = read_task(ROOT / "data" / "tasks" / "support-tickets")
    for split in ("train", "test"):
        with (tmp_path / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows((row.input, row.target) for row in task.split(split))
    arguments = [str(tmp_path / "train.csv"), str(tmp_path / "test.csv"), "--rows", "4", "--draws", "3"]
    monkeypatch.setattr(sys, "argv", ["few_rows", *arguments])
    assert few_rows.main() == 0
    told = capsys.readouterr().out
    assert "5 labels, 4 rows a label" in told
    means = re.findall(r"^(.+): ([0-9.]+)%, from .* over 3 draws$", told, flags=re.MULTILINE)
    assert [name for name, _mean in means] == ["logistic regression as it comes", "the app's classifier"]
    assert all(40 < float(mean) < 100 for _name, mean in means)
