"""Is prior correction worth it, and does `auto` know where? Four label sets, each balanced and with 60 % of one class.

    python -m benchmarks.prior [FOLDER] [--table]

Runs are written into `out/prior` by default, about an hour on two cores. What the table shows of finished ones is kept
in `benchmarks/measured/prior`, so that several sittings make one table; `--table` prints what is there.

A run with correction on tells all three ways of answering: its probabilities, the same with the prior put back, and the
figures that `auto` decides by. The sets are `support-tickets`, and of CLINC150 its banking intents and the first 6 and
the first 40 intents by name; the latter three need the tables that `benchmarks.data` names. Nothing is tuned on the
test rows that are counted here.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adapters.storage.task_folder import read_task, write_task
from benchmarks.data import DATA
from benchmarks.kept import FOLDER, ROOT, is_done
from engine.analysis.basis.choices import prior_sentence
from engine.core.run.label_prior import LabelPrior
from engine.core.task import AnswerKind, AnswerSpec, Example, Task
from engine.core.techniques import label
from engine.ingest.drafting import draft_instructions
from engine.metrics import wording as say
from engine.metrics.label_prior import likeliest
from engine.metrics.pairwise import LEVEL, Difference, compare_all, holm

TECHNIQUES = "zero-shot,few-shot,rag,lora"
MOST_TEST_ROWS = 200
SETS = (
    ("banking", "clinc150-banking", None),
    ("first-6", "clinc150-full", 6),
    ("first-40", "clinc150-full", 40),
)
"""Each with its file and how many intents are taken."""
SKEWED, SKEWED_SHARE = "-60", 0.6
NAMES = tuple(
    f"{name}{ending}"
    for name in ("support-tickets", *(f"clinc150-{name}" for name, _file, _most in SETS))
    for ending in ("", SKEWED)
)
"""Of all label sets, in the order of the table."""
KEPT = FOLDER / "prior"
SPLITS = {"train": 75, "validation": 25, "test": 150}
"""Rows of a skewed set, where there are enough of the common class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One technique on one set."""

    task: str
    technique: str
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
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default=str(ROOT / "out" / "prior"))
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if not asked.table:
        for task in _tasks():
            if not (KEPT / f"{task.id}.json").is_file():
                keep_cells(task.id, _measured(Path(asked.folder), task))
    cells = [cell for name in NAMES for cell in kept_cells(name)]
    return print_table(cells) if cells else 0


def print_table(cells: Sequence[Cell]) -> int:
    """Print the table; return 1 where `auto` does harm or gives the gain away."""
    gains = _against_off(cells, "on")
    autos = _against_off(cells, "auto")
    titles = ("labels", "technique", "off", "on", "auto", "on - off, points", "p", "what auto went by")
    print("\n| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    for cell, gain in zip(cells, gains, strict=True):
        shares = " | ".join(f"{100 * np.mean(scores):.0f} %" for scores in (cell.off, cell.on, cell.auto))
        effect = f"{say.signed_points(gain.effect.value)} ({say.span(gain.effect.low, gain.effect.high)})"
        told = (
            f"{say.share(cell.prior.right_without)} to {say.share(cell.prior.right_with)} "
            f"on {cell.prior.rows} {'validation' if cell.prior.split == 'validation' else 'training'} rows"
        )
        name = cell.task.replace(SKEWED, ", 60 % of one label")
        print(f"| {name} | {label(cell.technique)} | {shares} | {effect} | {say.probability(gain.p_holm)} | {told} |")
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
    generator = random.Random(1)
    for rows in by_label.values():
        generator.shuffle(rows)
    common, *others = sorted(by_label)
    scale = min(1.0, len(by_label[common]) / (SKEWED_SHARE * sum(SPLITS.values())))
    examples = []
    for split, size in SPLITS.items():
        count = int(size * scale)
        wanted = int(SKEWED_SHARE * count)
        names = [common] * wanted + [others[place % len(others)] for place in range(count - wanted)]
        examples += [replace(by_label[name].pop(), split=split) for name in names]
    return replace(task, id=f"{task.id}{SKEWED}", title=f"{task.title}, 60 % of one class", examples=tuple(examples))


def kept_cells(name: str) -> list[Cell]:
    """Read the cells of a label set back; none where it was not measured."""
    file = KEPT / f"{name}.json"
    if not file.is_file():
        return []
    return [
        Cell(
            task=name,
            technique=kept["technique"],
            prior=LabelPrior(**kept["prior"]),
            off=tuple(map(float, kept["off"])),
            on=tuple(map(float, kept["on"])),
        )
        for kept in json.loads(file.read_text(encoding="utf-8"))
    ]


def keep_cells(name: str, cells: Sequence[Cell]) -> None:
    """Keep the cells of a label set: of each row only whether it was right, as 0 or 1."""
    kept = [
        {
            "technique": cell.technique,
            "prior": asdict(cell.prior),
            "off": "".join(str(int(one)) for one in cell.off),
            "on": "".join(str(int(one)) for one in cell.on),
        }
        for cell in cells
    ]
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _measured(out: Path, task: Task) -> list[Cell]:
    """Run a label set with correction, and tell all three ways of answering from it."""
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
                task=task.id,
                technique=figures["technique"],
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
