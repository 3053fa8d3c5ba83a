"""`compare --shot-choice`: which examples few-shot shows, and how that was decided."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.reading import Run, write_desks

NAMES = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath")


@pytest.fixture
def desks(tmp_path: Path) -> list[object]:
    """Write a table with more labels than few-shot shows examples: which of them a row gets makes a difference."""
    texts = {f"desk {name}": f"{name} {name} case" for name in NAMES}
    path = write_desks(tmp_path / "desks.csv", texts, train=3, test=2)
    return ["--task", path, "--model", "scripted", "--variants", "few-shot", "--prior-correction", "off"]


def compared(run: Run, out: Path, *options: object) -> tuple[dict[str, Any], set[str]]:
    """Compare; return few-shot's figures and the different examples that rows had before their input."""
    code, _, err = run("compare", *options, "--out", out)
    assert code == 0, err
    (figures,) = json.loads((out / "summary.json").read_text(encoding="utf-8"))["variants"]
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return figures, {row["prompt"][: row["prompt"].rindex(row["input"])] for row in rows}


def test_examples_are_the_same_for_all_rows_or_the_nearest_to_each(
    run: Run, desks: list[object], tmp_path: Path
) -> None:
    """`covering` and `drawn` show one set; `nearest` another for each; the summary says which way was taken."""
    found = {
        choice: compared(run, tmp_path / choice, *desks, "--shot-choice", choice)
        for choice in ("covering", "drawn", "nearest")
    }
    assert {choice: len(shown) for choice, (_, shown) in found.items() if choice != "nearest"} == {
        "covering": 1, "drawn": 1,
    }  # fmt: skip
    assert len(found["nearest"][1]) > 1
    told = {choice: (figures["shots"] or {}).get("choice") for choice, (figures, _) in found.items()}
    assert told == {"covering": "covering", "nearest": "nearest", "drawn": None}


def test_where_labels_outnumber_examples_both_ways_are_compared(run: Run, desks: list[object], tmp_path: Path) -> None:
    """`auto` answers training rows both ways; both shares are in the summary and in the memo."""
    figures, _ = compared(run, tmp_path / "out", *desks, "--shots", 4)
    record = figures["shots"]
    assert record["choice"] in {"covering", "nearest"}
    assert 0 <= record["right_covering"] <= 1
    assert 0 <= record["right_nearest"] <= 1
    assert record["rows"] > 0
    memo = tmp_path / "memo.md"
    code, _, err = run("report", "latest", "--out", memo)
    assert code == 0, err
    told = memo.read_text(encoding="utf-8").replace("\\", "")
    assert "right with the same ones in every prompt" in told
    assert f"with the nearest, on {record['rows']} " in told


def test_a_choice_that_does_not_exist_is_wrong_usage(run: Run, desks: list[object]) -> None:
    """Two lines that name the option."""
    code, out, err = run("compare", *desks, "--shot-choice", "nearst")
    assert (code, out) == (2, "")
    assert "--shot-choice" in err
