"""`compare --race`: who is clearly behind leaves, it is told, and a run that goes on keeps them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.core.techniques import label
from tests.terminal.reading import WORDS, Run, begin, wait_until, write_desks
from wiring import open_lab

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
    lines = memo.read_text(encoding="utf-8").replace("\\", "").splitlines()
    heads = [cell.strip() for cell in next(line for line in lines if line.startswith("| variant |")).split("|")]
    for name, count in rows.items():
        (line,) = [one for one in lines if one.startswith(f"| {label(name)} |") and one.count("|") == len(heads) - 1]
        assert line.split("|")[heads.index("rows")].strip() == str(count)


def compared(run: Run, out: Path, *options: object) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Compare and return manifest, summary and what was said."""
    code, _, err = run("compare", *options, "--out", out)
    assert code == 0, err
    manifest, summary = (json.loads((out / name).read_text(encoding="utf-8")) for name in ("run.json", "summary.json"))
    return manifest, summary, err


@pytest.fixture
def desks(tmp_path: Path) -> list[object]:
    """Write a table on which two variants are alike and the third, which reads no examples, is at a loss."""
    path = write_desks(tmp_path / "desks.csv", WORDS, train=6, test=100)
    return [
        "--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split",
        "--model", "scripted", "--variants", "zero-shot,few-shot,rag", "--prior-correction", "off",
    ]  # fmt: skip


def test_what_a_race_saves_is_given_to_those_still_in_it(run: Run, desks: list[object], tmp_path: Path) -> None:
    """Those still in it answer further rows, the same ones; terminal, files and memo tell of rows and of the second look."""
    manifest, summary, err = compared(run, tmp_path / "out", *desks, "--limit", 60, "--race", "--spend-saved")
    plan, out = manifest["plan"], manifest["out"]
    assert set(out) == {"zero-shot"}
    given = (60 - out["zero-shot"]) // 2
    assert "up to 30 further test rows each, and never more than 180 answers in all" in err
    assert f"Few-shot and RAG answer {given} further rows each." in err
    assert (plan["saved_rows"], plan["looks"], len(plan["test_ids"])) == (given, 1, 60 + given)
    assert summary["saved_rows"] == given
    rows = {one["variant"]: one["n"] for one in summary["variants"]}
    assert rows == {"zero-shot": out["zero-shot"], "few-shot": 60 + given, "rag": 60 + given}
    memo = tmp_path / "memo.md"
    code, _, err = run("report", manifest["plan"]["run_id"], "--out", memo)
    assert code == 0, err
    told = memo.read_text(encoding="utf-8").replace("\\", "")
    assert f"{given} further rows were answered with what the race spared" in told
    assert f"Not all answered {60 + given} rows: Zero-shot {out['zero-shot']}." in told


def test_a_race_that_was_killed_amid_further_rows_is_resumed(desks: list[object], home: Path, tmp_path: Path) -> None:
    """Killed while they are answered, the run is resumed as it is named, and has each answer once."""
    options = ["compare", *desks, "--limit", 40, "--race", "--spend-saved", "--out", tmp_path / "out"]
    process = begin(*options, pace_s=0.02)
    try:
        wait_until(lambda: _further_rows(home) > 2)
    finally:
        process.kill()
        process.communicate()
    lab = open_lab()
    run_id = lab.runs.list()[0].run_id
    before = {(made.variant_id, made.example_id): made.answer for made in lab.results.predictions(run_id)}
    lab.close()
    resumed = begin("compare", "--resume", run_id, "--out", tmp_path / "out")
    assert resumed.communicate(timeout=280)[1].count("The race spared") == 0
    assert resumed.returncode == 0
    lab = open_lab()
    plan, made = lab.results.plan(run_id), lab.results.predictions(run_id)
    lab.close()
    assert plan.saved_rows > 2
    after = {(one.variant_id, one.example_id): one.answer for one in made}
    assert len(after) == len(made)
    assert before.items() <= after.items()
    assert sum(one.variant_id == "rag" for one in made) == len(plan.test_ids) == 40 + plan.saved_rows


def _further_rows(home: Path) -> int:
    """Count answers to rows that were added, of the only run."""
    if not (home / "runs.sqlite3").exists():
        return 0
    lab = open_lab()
    try:
        found = lab.runs.list()
        if not found:
            return 0
        ids = lab.results.plan(found[0].run_id).test_ids[40:]
        return sum(made.example_id in ids for made in lab.results.predictions(found[0].run_id))
    finally:
        lab.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--limit", 300), "the task has no further test rows: they are not used."),
        (("--limit", 4), "No variant left the race: it spared no answers, and no rows are added."),
    ],
)
def test_saved_answers_that_cannot_be_spent(
    run: Run, desks: list[object], tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    """Where the task has no further rows, or nobody left, the run is that of a race, and this is said."""
    manifest, summary, err = compared(run, tmp_path / "out", *desks, *options, "--race", "--spend-saved")
    assert words in err
    assert summary["saved_rows"] == manifest["plan"]["looks"] == 0


def test_a_run_ends_once_one_variant_is_clearly_the_best(run: Run, desks: list[object], tmp_path: Path) -> None:
    """The rows that are left are not answered, and terminal, files and memo say so; with all rows nothing is cut."""
    two = ["zero-shot,few-shot" if one == "zero-shot,few-shot,rag" else one for one in desks]
    manifest, summary, err = compared(run, tmp_path / "out", *two, "--limit", 60, "--stop-when-clear")
    stopped = manifest["stopped_early"]
    assert stopped["variant_id"] == "few-shot"
    assert stopped["rows"] < 60
    told = f"The run ended after {stopped['rows']} of 60 rows, when few-shot was clearly better than all its rivals."
    assert told in err
    assert {one["variant"]: one["n"] for one in summary["variants"]} == dict.fromkeys(
        ("zero-shot", "few-shot"), stopped["rows"]
    )
    memo = tmp_path / "memo.md"
    code, _, err = run("report", manifest["plan"]["run_id"], "--out", memo)
    assert code == 0, err
    assert told in memo.read_text(encoding="utf-8").replace("\\", "")
    whole, _, err = compared(run, tmp_path / "whole", *two, "--limit", 60)
    assert whole["stopped_early"] is None
    assert "ended after" not in err


def test_spending_needs_a_race(run: Run, desks: list[object]) -> None:
    """Without a race it is wrong usage, and the option is named."""
    code, _, err = run("compare", *desks, "--spend-saved")
    assert code == 2
    assert "--race" in err
