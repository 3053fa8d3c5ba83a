"""Worn test rows: from the fifth run on the same rows on the verdict says so, and a deleted run still counts."""

from __future__ import annotations

from pathlib import Path

from tests.terminal.reading import Run


def looked(run: Run, *options: object) -> str:
    """Compare, and return the id of the run."""
    code, _, err = run("compare", *options, "--model", "scripted", "--variants", "zero-shot,few-shot")
    assert code == 0, err
    return err.split("run ", 1)[1].split()[0]


def told(run: Run, run_id: str, memo: Path) -> str:
    """Return the verdict on a run, as printed and as written."""
    code, out, err = run("report", run_id, "--out", memo)
    assert code == 0, err
    return out + memo.read_text(encoding="utf-8").replace("\\", "")


def test_the_fifth_look_at_the_same_rows_is_told(run: Run, table: list[object], tmp_path: Path) -> None:
    """Other examples on the same rows are further looks, kept or deleted; the fifth asks for fresh test rows."""
    memo = tmp_path / "memo.md"
    runs = [looked(run, *table, "--seed", seed) for seed in range(4)]
    assert "This is look" not in told(run, runs[3], memo)
    code, _, err = run("runs", "delete", runs[1], "--yes")
    assert code == 0, err
    fifth = told(run, looked(run, *table, "--seed", 4), memo)
    assert fifth.count("This is look 5 at these test rows, after 8 variants in 4 runs") == 2
    assert "is about 23 %" in fifth
    next_step = next(line for line in fifth.splitlines() if line.startswith("Next: "))
    # Where neither is surely quicker on this machine, nothing is chosen, and more rows are asked for: these are fresh.
    assert "fresh test rows" in next_step or "more rows" in next_step


def test_looks_at_less_than_half_of_the_rows_do_not_count(run: Run, table: list[object], tmp_path: Path) -> None:
    """Four runs on two of six rows leave a run on all six its first look; that one is a look at each two of them."""
    memo = tmp_path / "memo.md"
    for _ in range(4):
        looked(run, *table, "--limit", 2)
    assert "This is look" not in told(run, looked(run, *table), memo)
    assert "This is look 6 at" in told(run, looked(run, *table, "--limit", 2), memo)
