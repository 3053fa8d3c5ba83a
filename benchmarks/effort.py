"""What is the same effort worth to each technique? Default and tuned on the same test rows, five tasks, two seeds.

    python -m benchmarks.effort [FOLDER] [--effort 180] [--model NAME] [--tasks a,b] [--seeds 0,1] [--table]

A cell is one task with one seed: all techniques with `compare --effort`, some 25 minutes on two cores, written into
`out/effort` by default. Finished cells are kept in `benchmarks/measured` and those that were stopped go on, so that
several sittings make one table; `--table` prints what is there and runs nothing. To measure a cell again, delete its
file and its folder. `clinc150-banking` needs the table that `benchmarks.data` names.

Fails where tuning harms: a technique's mean gain is below 0, or tuned is more than 2 points worse in a cell with its
95 % interval below 0. With no effect at all, one cell in 40 has its interval below 0, and of the techniques that were
changed every second one has a mean below 0.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA
from benchmarks.kept import FOLDER, ROOT, KeptRun, is_done, keep, summary_of
from engine.core.run.effort import SearchEnd
from engine.core.techniques import TECHNIQUES, label
from engine.core.variant import TUNED_ENDING
from engine.metrics import wording as say
from engine.metrics.pairwise import LEVEL, Difference, compare_all, holm

OUT = ROOT / "out" / "effort"
TASKS = ("support-tickets", "policy-qa", "order-extraction", "house-style", "clinc150-banking")
MODEL = "smollm2-135m-instruct"
EFFORT_S = 180.0
LIMIT = 100
"""Test rows."""
COLUMNS = ("--input-column", "text", "--target-column", "intent", "--split-column", "split")
MOST_WORSE = -0.02
ALIKE = 0.1
"""Seconds of search are alike within this share of the effort, where something was left to try."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One technique on one task with one seed."""

    task: str
    seed: int
    technique: str
    search: Mapping[str, Any]
    record: str
    """What the search came to, in a sentence."""
    gain: Difference
    """Tuned less default on the test rows; of nothing where the default was kept."""
    default: tuple[float, ...]
    """Score of each test row."""
    tuned: tuple[float, ...]
    """The default's where that was kept."""

    @property
    def changed(self) -> bool:
        """Tell whether another setting is used."""
        return bool(self.search["chosen"])

    @property
    def seconds(self) -> float:
        """Of search: of all trials, and of one that was given up."""
        given_up_s = self.search.get("given_up_s") or 0.0
        return float(sum(trial["seconds"] for trial in self.search["trials"]) + given_up_s)

    @property
    def is_too_small(self) -> bool:
        """Tell whether no setting would have ended in time beside the default, as the search's own record says."""
        return (
            len(self.search["trials"]) == 1
            and self.search["ended"] == SearchEnd.TIME
            and not self.search.get("given_up_s")
        )

    @property
    def has_more(self) -> bool:
        """Tell whether something was left to try."""
        return self.search["ended"] not in {SearchEnd.EXHAUSTED, SearchEnd.IMPOSSIBLE}


def main() -> int:
    """Run what is missing, print the tables, and fail where tuning does harm."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default=str(OUT))
    parser.add_argument("--effort", type=float, default=EFFORT_S)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    cells: list[Cell] = []
    verdicts: list[str] = []
    for seed in map(int, asked.seeds.split(",")):
        for task in asked.tasks.split(","):
            found = cell_file(task, seed, asked.model, asked.effort)
            if not found.is_file() and not asked.table:
                run_cell(Path(asked.folder) / found.stem, task, seed, asked.model, asked.effort)
            if found.is_file():
                kept = KeptRun.read(found)
                cells += cells_of(kept, task)
                verdicts.append(f"| {task} | {seed} | {kept.headline} | {kept.told} |")
    return print_tables(cells, verdicts, asked.effort) if cells else 0


def cell_file(task: str, seed: int, model: str = MODEL, effort_s: float = EFFORT_S) -> Path:
    """Return where a cell is kept."""
    return FOLDER / f"{model}-{effort_s:g}-{task}-{seed}.json"


def run_cell(out: Path, task: str, seed: int, model: str = MODEL, effort_s: float = EFFORT_S) -> None:
    """Run a cell with all techniques that apply, in the folder `out`, and keep it."""
    path = DATA / f"{task}.csv"
    if task == "clinc150-banking" and not path.is_file():
        print(f"  {task} is left out: {path.name} is not there")
        return
    print(f"  {task}, seed {seed} …", flush=True)
    if is_done(out):
        keep(out, cell_file(task, seed, model, effort_s))
        return
    if stopped := summary_of(out).get("run_id"):
        given = ["--resume", stopped]
    else:
        named = (str(path), *COLUMNS) if task == "clinc150-banking" else (task,)
        given = ["--task", *named, "--model", model, "--seed", str(seed), "--limit", str(LIMIT)]
        given += ["--effort", f"{effort_s:g}"]
        if task not in {"support-tickets", "clinc150-banking"}:
            given += ["--variants", ",".join(name for name, facts in TECHNIQUES.items() if not facts.needs_labels)]
    command = [sys.executable, "cli.py", "compare", *given, "--out", str(out)]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if ended.returncode:
        print(f"  {task}, seed {seed}, was not finished:\n{ended.stderr[-1_000:]}", flush=True)
    if is_done(out):
        keep(out, cell_file(task, seed, model, effort_s))


def cells_of(kept: KeptRun, task: str) -> Iterator[Cell]:
    """Yield the cells of a finished run, one for each technique that was searched."""
    for search, record in zip(kept.searches, kept.records, strict=True):
        default = kept.scores[search["technique"]]
        tuned = kept.scores[f"{search['technique']}{TUNED_ENDING}"] if search["chosen"] else default
        both = np.array([[tuned[row] for row in default], list(default.values())])
        (gain,) = compare_all(["tuned", "default"], both, np.ones(both.shape, dtype=bool))
        yield Cell(
            task=task,
            seed=kept.seed,
            technique=search["technique"],
            search=search,
            record=record,
            gain=gain,
            default=tuple(both[1].tolist()),
            tuned=tuple(both[0].tolist()),
        )


def print_tables(cells: Sequence[Cell], verdicts: Sequence[str], effort_s: float) -> int:
    """Print all tables; return 1 where tuning does harm."""
    cells = _corrected(cells)
    _print_cells(cells)
    _print_techniques(cells)
    print("\n| task | seed | verdict | what the effort changed |\n|---|---|---|---|\n" + "\n".join(verdicts))
    print("\nWhat each search came to:")
    for cell in cells:
        print(f"* {cell.task}, seed {cell.seed}. {cell.record}")
    harmed = [
        cell for cell in cells if cell.changed and cell.gain.effect.value < MOST_WORSE and cell.gain.effect.high < 0
    ]
    for cell in harmed:
        print(f"\nworse: {cell.task}, seed {cell.seed}, {label(cell.technique)}: {_effect(cell.gain)}")
    gained = [cell for cell in cells if cell.changed and cell.gain.p_holm < LEVEL and cell.gain.effect.value > 0]
    print(f"\nsignificantly better by Holm's method over the cells that changed: {len(gained)} of {len(cells)} cells")
    _print_seconds(cells, effort_s)
    means = {one: _mean_gain(cells, one) for one in _techniques(cells)}
    behind = {one: mean for one, mean in means.items() if mean < -1e-9}
    for one, mean in behind.items():
        print(f"worse on average: {label(one)}, {say.signed_points(mean)} points")
    return int(bool(harmed or behind))


def _mean_gain(cells: Sequence[Cell], technique: str) -> float:
    return float(np.mean([cell.gain.effect.value for cell in cells if cell.technique == technique]))


def _corrected(cells: Sequence[Cell]) -> list[Cell]:
    """Correct the changed cells' p-values for their number."""
    changed = [cell for cell in cells if cell.changed]
    adjusted = iter(holm([cell.gain.p_value for cell in changed]))
    return [replace(cell, gain=replace(cell.gain, p_holm=next(adjusted))) if cell.changed else cell for cell in cells]


def _effect(gain: Difference) -> str:
    effect = gain.effect
    return f"{say.signed_points(effect.value)} ({say.span(effect.low, effect.high)})"


def _print_cells(cells: Sequence[Cell]) -> None:
    titles = (
        "task",
        "seed",
        "technique",
        "default",
        "tuned",
        "gain (95 %)",
        "p",
        "settings",
        "answers",
        "search",
        "ended",
    )
    print("\n| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for cell in cells:
        trials = cell.search["trials"]
        told = f"{_effect(cell.gain)} | {say.probability(cell.gain.p_holm)}" if cell.changed else "default kept | "
        answers = sum(trial["rows"] for trial in trials)
        print(
            f"| {cell.task} | {cell.seed} | {label(cell.technique)} | {say.share(float(np.mean(cell.default)))} "
            f"| {say.share(float(np.mean(cell.tuned)))} | {told} | {len(trials)} | {answers} "
            f"| {say.duration(cell.seconds)} | {cell.search['ended']} |"
        )


def _techniques(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.technique for cell in cells))


def _print_techniques(cells: Sequence[Cell]) -> None:
    titles = ("technique", "cells", "mean gain (lowest to highest)", "settings changed", "mean search")
    print("\n| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for technique in _techniques(cells):
        own = [cell for cell in cells if cell.technique == technique]
        gains = [cell.gain.effect.value for cell in own]
        gain = f"{say.signed_points(float(np.mean(gains)))} ({say.span(min(gains), max(gains))})"
        seconds = float(np.mean([cell.seconds for cell in own]))
        print(
            f"| {label(technique)} | {len(own)} | {gain} "
            f"| {sum(cell.changed for cell in own)} of {len(own)} | {say.duration(seconds)} |"
        )


def _print_seconds(cells: Sequence[Cell], effort_s: float) -> None:
    """Say in which cells the seconds of search were other than the effort, and why."""
    short = [cell for cell in cells if cell.has_more]
    far = [cell for cell in short if abs(cell.seconds / effort_s - 1) > ALIKE]
    alike = len(short) - len(far)
    print(f"within {ALIKE:.0%} of {effort_s:g} s: {alike} of {len(short)} searches with something left to try")
    small = sum(cell.is_too_small for cell in far)
    print(f"of the others, the effort was too small for a setting beside the default: {small} of {len(far)}")
    for cell in far:
        told = f", another would have taken {cell.search['next_s']:.0f} s" if cell.search.get("next_s") else ""
        print(f"  {cell.task}, seed {cell.seed}, {label(cell.technique)}: {cell.seconds:.0f} s{told}")


if __name__ == "__main__":
    sys.exit(main())
