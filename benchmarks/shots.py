"""Are chosen examples better than drawn ones, and less a matter of luck? Few-shot on validation rows, over seeds.

    python -m benchmarks.shots [FOLDER]       # out/shots by default; half an hour on 2 cores, finished runs are kept

A seed draws the training rows, and with `drawn` the examples among them. Only validation rows are answered: what is
decided here is a default.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("support-tickets", "policy-qa", "order-extraction", "house-style")
SEEDS = (0, 1, 2, 3)
CHOICES = ("drawn", "covering")


def main() -> int:
    """Run what is missing and print the table."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out" / "shots"
    print("| task | score | drawn | chosen |\n|---|---|---|---|")
    for task in TASKS:
        found = {choice: [_quality(out, task, choice, seed) for seed in SEEDS] for choice in CHOICES}
        metric = found["drawn"][0][0].replace("_", " ")
        cells = " | ".join(_written([quality for _metric, quality in found[choice]]) for choice in CHOICES)
        print(f"| `{task}` | {metric} | {cells} |", flush=True)
    return 0


def _quality(out: Path, task: str, choice: str, seed: int) -> tuple[str, float]:
    folder = out / f"{task}-{choice}-{seed}"
    if not (folder / "summary.json").is_file():
        command = [
            sys.executable,
            "cli.py",
            "compare",
            "--task",
            task,
            "--split",
            "validation",
            "--variants",
            "few-shot",
        ]
        command += ["--shot-choice", choice, "--seed", str(seed), "--throughput", "--out", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    quality = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["variants"][0]["quality"]
    return str(quality["metric"]), float(quality["value"])


def _written(values: Sequence[float]) -> str:
    return f"{fmean(values):.0%} ({min(values):.0%} to {max(values):.0%})"


if __name__ == "__main__":
    sys.exit(main())
