"""Is prior correction worth it, and does `auto` know where? Four label sets, each balanced and with 60 % of one class.

    python -m benchmarks.prior [FOLDER]       # out/prior by default; about an hour on 2 cores, finished runs are kept

A run with correction on tells all three ways of answering: its probabilities, the same with the prior put back, and the
figures that `auto` decides by. The sets are `support-tickets`, and of CLINC150 its banking intents and the first 6 and
the first 40 intents by name; the latter three need the tables that `benchmarks.data` names. Nothing is tuned on the
test rows that are counted here.
"""

from __future__ import annotations

import csv
import json
import math
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adapters.storage.task_folder import read_task, write_task
from benchmarks.data import DATA
from benchmarks.kept import is_done
from engine.analysis.basis.choices import prior_sentence
from engine.core.run.label_prior import LabelPrior
from engine.core.task import AnswerKind, AnswerSpec, Example, Task
from engine.ingest.drafting import draft_instructions
from engine.metrics import wording as say
from engine.metrics.label_prior import likeliest
from engine.metrics.pairwise import LEVEL, Difference, compare_all, holm

ROOT = Path(__file__).resolve().parents[1]
TECHNIQUES = "zero-shot,few-shot,rag,lora"
MOST_TEST_ROWS = 200
SETS = (
    ("banking", "clinc150-banking", None),
    ("first-6", "clinc150-full", 6),
    ("first-40", "clinc150-full", 40),
)
"""Each with its file and how many intents are taken."""
SKEWED_SHARE = 0.6
SPLITS = {"train": 75, "validation": 25, "test": 150}
"""Rows of a skewed set, where there are enough of the common class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One technique on one set."""

    name: str
    prior: LabelPrior
    off: tuple[float, ...]
    """Right or wrong for each test row."""
    on: tuple[float, ...]

    @property
    def auto(self) -> tuple[float, ...]:
        """What `auto` would have answered."""
        return self.on if self.prior.worth_it else self.off


def main() -> int:
    """Run what is missing, print the table, and fail where `auto` does harm or gives the gain away."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out" / "prior"
    cells = []
    for task in _tasks():
        cells += _cells(out, task)
    if not cells:
        return 0
    gains = _against_off(cells, "on")
    autos = _against_off(cells, "auto")
    titles = ("set and technique", "off", "on", "auto", "on - off", "p (Holm)", "what auto went by")
    print("\n| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for cell, gain in zip(cells, gains, strict=True):
        shares = " | ".join(f"{100 * np.mean(scores):.0f} %" for scores in (cell.off, cell.on, cell.auto))
        effect = f"{say.signed_points(gain.effect.value)} ({say.span(gain.effect.low, gain.effect.high)})"
        print(f"| {cell.name} | {shares} | {effect} | {gain.p_holm:.3f} | {prior_sentence('', [cell.prior])[2:]} |")
    worse = [item for item in autos if item.p_holm < LEVEL and item.effect.value < 0]
    won = [
        (gain.effect.value, auto.effect.value) for gain, auto in zip(gains, autos, strict=True) if gain.effect.value > 0
    ]
    kept = sum(auto for _gain, auto in won) / sum(gain for gain, _auto in won) if won else math.nan
    print(f"\nauto is significantly worse than off in {len(worse)} of {len(cells)} cells")
    print(f"auto keeps {kept:.0%} of what on gains where it gains ({len(won)} cells)")
    return int(bool(worse) or kept < 2 / 3)


def _tasks() -> list[Task]:
    whole = [read_task(ROOT / "data" / "tasks" / "support-tickets")]
    for name, file, most in SETS:
        if (path := DATA / f"{file}.csv").is_file():
            whole.append(intents(path, f"clinc150-{name}", most))
        else:
            print(f"  clinc150-{name} is left out: {path.name} is not there")
    return [task for one in whole for task in (_fewer_test_rows(one), _skewed(one))]


def intents(path: Path, name: str, most: int | None) -> Task:
    """Make a task of the first intents by name, without the rows of no intent."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["intent"] != "oos"]
    labels = tuple(sorted({line["intent"] for line in lines}))[:most]
    examples = [
        Example(id=f"row-{number}", input=line["text"], target=line["intent"], split=line["split"])
        for number, line in enumerate(lines)
        if line["intent"] in labels
    ]
    answer = AnswerSpec(kind=AnswerKind.LABEL, labels=labels)
    return Task(
        id=name,
        title=name,
        summary=name,
        instructions=draft_instructions(answer, target="intent"),
        answer=answer,
        primary_scorer="accuracy",
        scorers=("accuracy",),
        examples=tuple(examples),
    )


def _fewer_test_rows(task: Task) -> Task:
    tests = [example.id for example in task.split("test")]
    chosen = set(random.Random(0).sample(tests, min(MOST_TEST_ROWS, len(tests))))
    kept = (example for example in task.examples if example.split != "test" or example.id in chosen)
    return replace(task, examples=tuple(kept))


def _skewed(task: Task) -> Task:
    """Share all rows out again, so that the first class by name has 60 % of each split."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in task.examples:
        if example.split in SPLITS:
            by_label[example.target].append(example)
    dice = random.Random(1)
    for rows in by_label.values():
        dice.shuffle(rows)
    common, *others = sorted(by_label)
    scale = min(1.0, len(by_label[common]) / (SKEWED_SHARE * sum(SPLITS.values())))
    examples = []
    for split, size in SPLITS.items():
        count = int(size * scale)
        wanted = int(SKEWED_SHARE * count)
        names = [common] * wanted + [others[place % len(others)] for place in range(count - wanted)]
        examples += [replace(by_label[name].pop(), split=split) for name in names]
    return replace(task, id=f"{task.id}-60", title=f"{task.title}, 60 % of one class", examples=tuple(examples))


def _cells(out: Path, task: Task) -> list[Cell]:
    folder = out / task.id
    if not is_done(folder):
        write_task(task, out / "tasks" / task.id)
        command = [
            sys.executable,
            "cli.py",
            "compare",
            "--task",
            str(out / "tasks" / task.id),
            "--variants",
            TECHNIQUES,
        ]
        command += ["--prior-correction", "on", "--throughput", "--out", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    rows = pl.read_parquet(folder / "predictions.parquet").sort("example_id").to_dicts()
    cells = []
    for figures in summary["variants"]:
        own = [row for row in rows if row["variant_id"] == figures["variant"] and row["probabilities"]]
        (found,) = figures["label_priors"]
        prior = LabelPrior(**found)
        if not prior.measured:
            print(f"  {task.id}, {prior_sentence(figures['variant'], [prior])}")
            continue
        cells.append(
            Cell(
                name=f"{task.id}, {figures['variant']}",
                prior=prior,
                off=tuple(float(_put_back(row, prior) == row["target"]) for row in own),
                on=tuple(float(row["answer"] == row["target"]) for row in own),
            )
        )
    return cells


def _put_back(row: dict[str, Any], prior: LabelPrior) -> str:
    """Return what the model would have answered without correction."""
    corrected = json.loads(row["probabilities"])
    return likeliest({label: p * math.exp(prior.log_prior[label]) for label, p in corrected.items()})


def _against_off(cells: Sequence[Cell], way: str) -> list[Difference]:
    """Compare a way of answering with off in each cell, corrected for all cells."""
    found = []
    for cell in cells:
        scores = np.array([getattr(cell, way), cell.off])
        found.append(compare_all([way, "off"], scores, np.ones(scores.shape, dtype=bool))[0])
    return [replace(item, p_holm=p) for item, p in zip(found, holm([item.p_value for item in found]), strict=True)]


if __name__ == "__main__":
    sys.exit(main())
