"""The measured tables of docs/results.md: every technique that applies, on the tasks that ship, over two seeds.

    python -m benchmarks.results OUT [TASK ...]       # about an hour on 2 cores; finished runs are kept

Prints one Markdown table per task. A seed decides the training rows, the shots and LoRA's initial weights. The test
rows are the whole test split, so they are the same for all seeds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("support-tickets", "policy-qa", "order-extraction", "house-style")
SEEDS = (0, 1)
DRAWN = "few-shot,lora,rag+lora"
"""Variants that depend on the seed enough to be run with each seed."""


def main() -> int:
    """Run what is missing and print the tables."""
    out, names = Path(sys.argv[1]), sys.argv[2:] or list(TASKS)
    for name in names:
        summaries = [_summary(out, name, seed) for seed in SEEDS]
        print(f"\n## {name}\n")
        print("\n".join(table(summaries)), flush=True)
        if name == "support-tickets":
            print("\ndrift\n")
            print("\n".join(table([_summary(out, name, 0, "--split", "drift")])), flush=True)
        if name == "house-style":
            print("\nthe style guide in every prompt\n")
            options = ("--examples", "0", "--passages", "6", "--search", "hybrid")
            print("\n".join(table([_summary(out, name, 0, *options, variants="rag")])), flush=True)
    return 0


def _summary(out: Path, name: str, seed: int, *options: str, variants: str = "") -> dict[str, Any]:
    labels = 'kind = "label"' in (ROOT / "data" / "tasks" / name / "task.toml").read_text(encoding="utf-8")
    applying = "zero-shot,few-shot,rag,lora,rag+lora" + (",classifier" if labels else "")
    wanted = variants or (applying if seed == SEEDS[0] else DRAWN)
    folder = out / "-".join([name, str(seed), *(option.strip("-") for option in options)])
    if not (folder / "summary.json").is_file():
        command = [sys.executable, "cli.py", "compare", "--task", name, "--seed", str(seed), "--variants", wanted]
        subprocess.run([*command, "--out", str(folder), *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return dict(json.loads((folder / "summary.json").read_text(encoding="utf-8")))


def table(summaries: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a Markdown table, one row per variant and seed; a variant's seeds are next to each other."""
    first = summaries[0]["variants"]
    scores = [name for name in first[0]["scores"] if not name.startswith("rule ")]
    head = [
        "variant", "seed", *(name.replace("_", " ") for name in scores), "first word", "p50", "p95", "tokens in/out",
        "set-up time", "¢ per 1,000", "failed",
    ]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for variant in first:
        for summary in summaries:
            found = next((item for item in summary["variants"] if item["variant"] == variant["variant"]), None)
            if found is None:
                continue
            cells = [
                found["variant"],
                str(summary["seed"]),
                *(_score(found["scores"][name]) for name in scores),
                f"{found['ttft_s']['p50']:.3f} s",
                f"{found['total_s']['p50']:.3f} s",
                f"{found['total_s']['p95']:.3f} s",
                f"{found['tokens']['prompt_mean']:.0f} / {found['tokens']['completion_mean']:.0f}",
                f"{found['prepare_s'] or 0:.0f} s",
                f"{found['cost_usd_per_1k'] * 100:.2f}",
                str(found["n_failed"]),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def _score(score: dict[str, float | None]) -> str:
    value, low, high = score["value"], score.get("ci_low"), score.get("ci_high")
    if value is None:
        return ""
    if low is None or high is None:
        return f"{100 * value:.0f}"
    return f"{100 * value:.0f} ({100 * low:.0f} to {100 * high:.0f})"


if __name__ == "__main__":
    sys.exit(main())
