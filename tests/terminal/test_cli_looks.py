"""Worn test rows: from the fifth run on the same rows on the verdict says so, and a deleted run still counts."""

from __future__ import annotations

import json
from pathlib import Path

from tests.terminal.reading import Run


def looked(run: Run, *options: object) -> str:
    """Compare, and return the id of the run."""
    code, _, err = run("compare", *options, "--model", "scripted", "--variants", "zero-shot,few-shot")
    assert code == 0, err
    return err.split("run ", 1)[1].split()[0]


def told(run: Run, run_id: str, memo: Path, *limits: object) -> str:
    """Return the verdict on a run, as printed and as written."""
    code, out, err = run("report", run_id, "--out", memo, *limits)
    assert code == 0, err
    return out + memo.read_text(encoding="utf-8").replace("\\", "")


def between(run: Run, run_id: str) -> float:
    """Return a quality that one of the run's two variants reaches and the other does not."""
    code, out, err = run("runs", "show", run_id, "--json")
    assert code == 0, err
    low, high = sorted(one["quality"]["value"] for one in json.loads(out)["summary"]["variants"])
    assert low < high
    return (low + high) / 2


def test_the_fifth_look_at_the_same_rows_is_told(run: Run, tmp_path: Path) -> None:
    """Other examples on the same rows are further looks, kept or deleted; the fifth asks for fresh test rows.

    Only one variant meets the limit, whichever is quicker on this machine: which is chosen does not hang on it.
    """
    memo = tmp_path / "memo.md"
    rows = ("--task", "support-tickets")
    runs = [looked(run, *rows, "--seed", seed) for seed in range(4)]
    assert "This is look" not in told(run, runs[3], memo)
    code, _, err = run("runs", "delete", runs[1], "--yes")
    assert code == 0, err
    last = looked(run, *rows, "--seed", 4)
    fifth = told(run, last, memo, "--least-quality", between(run, last))
    assert fifth.count("This is look 5 at these test rows, after 8 variants in 4 runs") == 2
    assert "is about 23 %" in fifth
    next_step = next(line for line in fifth.splitlines() if line.startswith("Next: "))
    assert "fresh test rows" in next_step


def test_looks_at_less_than_half_of_the_rows_do_not_count(run: Run, table: list[object], tmp_path: Path) -> None:
    """Four runs on two of six rows leave a run on all six its first look; that one is a look at each two of them."""
    memo = tmp_path / "memo.md"
    for _ in range(4):
        looked(run, *table, "--limit", 2)
    assert "This is look" not in told(run, looked(run, *table), memo)
    assert "This is look 6 at" in told(run, looked(run, *table, "--limit", 2), memo)
