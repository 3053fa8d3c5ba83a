"""What is the same effort worth to each technique? Default and tuned on the same test rows, five tasks, two seeds.

    python -m benchmarks.effort [FOLDER] [--effort 180] [--model NAME] [--tasks a,b] [--seeds 0,1] [--table]

`out/effort` by default. A cell is one task with one seed: all techniques with `compare --effort`, some 25 minutes on
two cores. Finished cells are kept, so that several sittings make one table; `--table` prints what is there and runs
nothing. `clinc150-banking` needs the table that `benchmarks.data` names.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.data import DATA
from engine.core.run.effort import SearchEnd
from engine.core.techniques import TECHNIQUES, label
from engine.metrics import wording as say
from engine.metrics.intervals import mean_interval

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("support-tickets", "policy-qa", "order-extraction", "house-style", "clinc150-banking")
MODEL = "smollm2-135m-instruct"
EFFORT_S = 180.0
LIMIT = 100
"""Test rows."""
COLUMNS = ("--input-column", "text", "--target-column", "intent", "--split-column", "split")
MOST_WORSE = -0.02
"""Nowhere may tuned be more than 2 points worse with its interval below zero."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One technique on one task with one seed."""

    task: str
    seed: int
    technique: str
    search: dict[str, Any]
    default: tuple[float, ...]
    """Score of each test row."""
    tuned: tuple[float, ...]
    """The default's where that was kept."""

    @property
    def gains(self) -> np.ndarray:
        """Tuned less default, row by row."""
        return np.array(self.tuned) - np.array(self.default)

    @property
    def changed(self) -> bool:
        """Tell whether another setting is used."""
        return bool(self.search["chosen"])

    @property
    def seconds(self) -> float:
        """Of search."""
        return sum(trial["seconds"] for trial in self.search["trials"].values())


def main() -> int:
    """Run what is missing, print the tables, and fail where tuning does harm."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default=str(ROOT / "out" / "effort"))
    parser.add_argument("--effort", type=float, default=EFFORT_S)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    cells: list[Cell] = []
    verdicts: list[str] = []
    for task in asked.tasks.split(","):
        for seed in map(int, asked.seeds.split(",")):
            out = Path(asked.folder) / cell_name(task, seed, asked.model, asked.effort)
            if not (out / "summary.json").is_file() and not asked.table:
                run_cell(out, task, seed, asked.model, asked.effort)
            if (out / "summary.json").is_file():
                cells += _cells(out, task, seed)
                verdicts.append(f"| {task} | {seed} | {_verdict(out)} |")
    if not cells:
        return 0
    _print_cells(cells)
    _print_techniques(cells)
    print("\n| task | seed | verdict |\n|---|---|---|\n" + "\n".join(verdicts))
    return int(bool(list(_harmed(cells))))


def cell_name(task: str, seed: int, model: str = MODEL, effort_s: float = EFFORT_S) -> str:
    """Return the name of a cell's folder."""
    return f"{model}-{effort_s:g}-{task}-{seed}"


def run_cell(out: Path, task: str, seed: int, model: str = MODEL, effort_s: float = EFFORT_S) -> None:
    """Run a cell, with all techniques that apply, and write its summary, predictions and memo into `out`."""
    path = DATA / f"{task}.csv"
    if task == "clinc150-banking" and not path.is_file():
        print(f"  {task} is left out: {path.name} is not there")
        return
    named = (str(path), *COLUMNS) if task == "clinc150-banking" else (task,)
    command = [sys.executable, "cli.py", "compare", "--task", *named, "--model", model, "--seed", str(seed)]
    command += ["--limit", str(LIMIT), "--effort", f"{effort_s:g}", "--out", str(out)]
    if task not in {"support-tickets", "clinc150-banking"}:
        command += ["--variants", ",".join(name for name, facts in TECHNIQUES.items() if not facts.needs_labels)]
    print(f"  {task}, seed {seed} …", flush=True)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    memo = [sys.executable, "cli.py", "report", "latest", "--out", str(out / "memo.md")]
    subprocess.run(memo, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _cells(out: Path, task: str, seed: int) -> Iterator[Cell]:
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    rows = pl.read_parquet(out / "predictions.parquet", columns=["variant", "example_id", "score"])
    scores = {
        name: dict(zip(part["example_id"].to_list(), part["score"].fill_null(0.0).to_list(), strict=True))
        for (name,), part in rows.group_by(["variant"])
    }
    for search in summary["effort"]["searches"].values():
        default = scores[search["technique"]]
        tuned = scores.get(f"{search['technique']}-tuned", default)
        yield Cell(
            task=task,
            seed=seed,
            technique=search["technique"],
            search=search,
            default=tuple(default.values()),
            tuned=tuple(tuned[row] for row in default),
        )


def _verdict(out: Path) -> str:
    """Return the sentence of the memo that names the effort."""
    memo = out / "memo.md"
    text = memo.read_text(encoding="utf-8").replace("\\", "") if memo.is_file() else ""
    start = text.find("Settings were searched for")
    return text[start:].split(" All of this")[0].split("\n")[0] if start >= 0 else say.MISSING


def _print_cells(cells: Sequence[Cell]) -> None:
    titles = ("task", "seed", "technique", "default", "tuned", "gain (95 %)", "settings", "answers", "search", "ended")
    print("\n| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for cell in cells:
        gain = mean_interval(cell.gains)
        trials = cell.search["trials"].values()
        means = (float(np.mean(cell.default)), float(np.mean(cell.tuned)))
        told = f"{say.signed_points(gain.value)} ({say.span(gain.low, gain.high)})" if cell.changed else "default kept"
        answers = sum(len(trial["row_scores"]) for trial in trials)
        print(
            f"| {cell.task} | {cell.seed} | {label(cell.technique)} | {say.share(means[0])} | {say.share(means[1])} "
            f"| {told} | {len(trials)} | {answers} | {say.duration(cell.seconds)} | {cell.search['ended']} |"
        )


def _print_techniques(cells: Sequence[Cell]) -> None:
    titles = ("technique", "cells", "mean gain", "settings changed", "mean search")
    print("\n| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for technique in dict.fromkeys(cell.technique for cell in cells):
        own = [cell for cell in cells if cell.technique == technique]
        gain = float(np.mean([cell.gains.mean() for cell in own]))
        changed = sum(cell.changed for cell in own)
        seconds = float(np.mean([cell.seconds for cell in own]))
        print(
            f"| {label(technique)} | {len(own)} | {say.signed_points(gain)} | {changed} of {len(own)} "
            f"| {say.duration(seconds)} |"
        )
    for cell in _harmed(cells):
        print(f"\nworse: {cell.task}, seed {cell.seed}, {label(cell.technique)}: {cell.gains.mean():+.3f}")
    short = [cell for cell in cells if cell.search["ended"] not in {SearchEnd.EXHAUSTED, SearchEnd.IMPOSSIBLE}]
    spread = [cell.seconds for cell in short]
    if spread:
        print(f"\nseconds of search where something was left to try: {min(spread):.0f} to {max(spread):.0f}")


def _harmed(cells: Sequence[Cell]) -> Iterator[Cell]:
    for cell in cells:
        gain = mean_interval(cell.gains)
        if cell.changed and gain.value < MOST_WORSE and gain.high < 0:
            yield cell


if __name__ == "__main__":
    sys.exit(main())
