"""The measured tables of docs/results.md: every technique that applies, on the tasks that ship, over two seeds.

    python -m benchmarks.results [FOLDER] [TASK ...]       # out/effort by default; finished runs are kept

Prints one Markdown table per task, of the same runs as `benchmarks.effort`: variants with their default settings and
with those that a search found. A seed decides the training rows, the shots, LoRA's initial weights and which test rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.effort import LIMIT, ROOT, cell_name, is_done, run_cell
from engine.core.techniques import TECHNIQUES, Technique
from engine.core.variant import TUNED_ENDING

TASKS = ("support-tickets", "policy-qa", "order-extraction", "house-style")
SEEDS = (0, 1)


def main() -> int:
    """Run what is missing and print the tables."""
    folder, names = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "out" / "effort"), sys.argv[2:] or list(TASKS)
    for name in names:
        print(f"\n## {name}\n")
        made = [found for seed in SEEDS if (found := _cell(folder, name, seed))]
        print("\n".join(table(made)) if made else "not measured yet", flush=True)
        if name == "support-tickets":
            print("\ndrift\n")
            print("\n".join(table([_default(folder, name, "--split", "drift")])), flush=True)
        if name == "house-style":
            print("\nthe style guide in every prompt\n")
            options = ("--variants", "rag", "--examples", "0", "--passages", "6", "--search", "hybrid")
            print("\n".join(table([_default(folder, name, *options)])), flush=True)
    return 0


def _cell(folder: Path, name: str, seed: int) -> dict[str, Any] | None:
    """Return the summary of a cell; None where it was not finished, as `run_cell` says."""
    out = folder / cell_name(name, seed)
    if not is_done(out):
        run_cell(out, name, seed)
    return _read(out) if is_done(out) else None


def _default(folder: Path, name: str, *options: str) -> dict[str, Any]:
    out = folder / "-".join([name, *(option.strip("-") for option in options)])
    if not is_done(out):
        command = [sys.executable, "cli.py", "compare", "--task", name, "--seed", "0", "--limit", str(LIMIT)]
        subprocess.run([*command, "--out", str(out), *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return _read(out)


def _read(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "summary.json").read_text(encoding="utf-8")))


def table(summaries: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a Markdown table, one row per variant and seed; a variant's seeds are next to each other."""
    variants = dict.fromkeys(item["variant"] for summary in summaries for item in summary["variants"])
    scores = [name for name in summaries[0]["variants"][0]["scores"] if not name.startswith("rule ")]
    head = [
        "variant", "seed", *(name.replace("_", " ") for name in scores), "first word", "p50", "p95", "tokens in/out",
        "set-up time", "¢ per 1,000", "failed",
    ]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for variant in sorted(variants, key=_place):
        for summary in summaries:
            found = next((item for item in summary["variants"] if item["variant"] == variant), None)
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


def _place(variant: str) -> tuple[int, bool]:
    """Order variants by technique, the tuned one behind the default."""
    technique = variant.removesuffix(TUNED_ENDING)
    return list(TECHNIQUES).index(Technique(technique)), technique != variant


def _score(score: dict[str, float | None]) -> str:
    value, low, high = score["value"], score.get("ci_low"), score.get("ci_high")
    if value is None:
        return ""
    if low is None or high is None:
        return f"{100 * value:.0f}"
    return f"{100 * value:.0f} ({100 * low:.0f} to {100 * high:.0f})"


if __name__ == "__main__":
    sys.exit(main())
