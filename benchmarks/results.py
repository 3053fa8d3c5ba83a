"""The measured tables of docs/results.md: every technique that applies, on the tasks that ship, over two seeds.

    python -m benchmarks.results [TASK ...]       # finished runs are kept in benchmarks/measured

Prints one Markdown table per task, of the same runs as `benchmarks.effort`: variants with their default settings and
with those that a search found. A seed decides the training rows, the shots, LoRA's initial weights and which test rows.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.effort import LIMIT, MODEL, OUT, cell_file, run_cell
from benchmarks.kept import FOLDER, ROOT, KeptRun, keep
from engine.core.techniques import TECHNIQUES, Technique
from engine.core.variant import TUNED_ENDING

TASKS = ("support-tickets", "policy-qa", "order-extraction", "house-style")
SEEDS = (0, 1)


def main() -> int:
    """Run what is missing and print the tables."""
    for name in sys.argv[1:] or list(TASKS):
        print(f"\n## {name}\n")
        made = [kept for seed in SEEDS if (kept := _cell(name, seed))]
        print("\n".join(table(made)) if made else "not measured yet", flush=True)
        if name == "support-tickets":
            print("\ndrift\n")
            print("\n".join(table([_default(name, "drift", "--split", "drift")])), flush=True)
        if name == "house-style":
            print("\nthe style guide in every prompt\n")
            options = ("--variants", "rag", "--examples", "0", "--passages", "6", "--search", "hybrid")
            print("\n".join(table([_default(name, "style-guide", *options)])), flush=True)
    return 0


def _cell(name: str, seed: int) -> KeptRun | None:
    """Return a cell; None where it was not finished, as `run_cell` says."""
    if not (found := cell_file(name, seed)).is_file():
        run_cell(OUT / found.stem, name, seed)
    return KeptRun.read(found) if found.is_file() else None


def _default(name: str, part: str, *options: str) -> KeptRun:
    """Return a run with one seed and without a search."""
    if not (found := FOLDER / f"{MODEL}-{name}-{part}.json").is_file():
        out = OUT / found.stem
        command = [sys.executable, "cli.py", "compare", "--task", name, "--model", MODEL, "--seed", "0"]
        command += ["--limit", str(LIMIT), "--out", str(out), *options]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        keep(out, found)
    return KeptRun.read(found)


def table(runs: Sequence[KeptRun]) -> list[str]:
    """Return the lines of a Markdown table, one row per variant and seed; a variant's seeds are next to each other."""
    variants = dict.fromkeys(item["variant"] for run in runs for item in run.variants)
    scores = [name for name in runs[0].variants[0]["scores"] if not name.startswith("rule ")]
    head = [
        "variant", "seed", *(name.replace("_", " ") for name in scores), "first word", "p50", "p95", "tokens in/out",
        "set-up time", "¢ per 1,000", "failed",
    ]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for variant in sorted(variants, key=_place):
        for run in runs:
            found = next((item for item in run.variants if item["variant"] == variant), None)
            if found is None:
                continue
            cells = [
                found["variant"],
                str(run.seed),
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
