"""Runs that the tables of docs/results.md are made of: each in one small file, so that several sittings make a table.

A kept run has what the tables show and nothing of the rows but their ids and scores. `FOLDER` has the ones that the
published tables are made of.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import polars as pl

from engine.metrics import wording as say

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks" / "measured"
VERSION = 1
DIGITS = 6
RUN_FIGURES = ("task", "model", "seed", "machine", "test_rows", "train_rows")
VARIANT_FIGURES = (
    "variant", "n", "n_failed", "scores", "ttft_s", "total_s", "tokens", "prepare_s", "cost_usd_per_1k", "label_priors",
)  # fmt: skip
SEARCH_FIGURES = ("technique", "ended", "chosen", "best", "standard_error", "reason", "next_s", "passed", "given_up_s")
TRIAL_FIGURES = (
    "setting", "standing", "score", "seconds", "prompt_tokens", "trainings", "shots", "prior", "corrected",
    "best_epoch", "found_s", "trained_s", "weights_s", "loading_s",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptRun:
    """What is kept of a finished run."""

    seed: int
    variants: Sequence[Mapping[str, Any]]
    """As in `summary.json`, but for what no table shows."""
    searches: Sequence[Mapping[str, Any]]
    """Of each technique, with the number of rows in place of their scores; empty without an effort."""
    records: Sequence[str]
    """What each search came to, in a sentence."""
    scores: Mapping[str, Mapping[str, float]]
    """Of each variant's rows by id; 0 where a row failed."""
    headline: str
    """What to choose."""
    told: str
    """What of that the effort changed."""

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read it back."""
        kept = json.loads(file.read_text(encoding="utf-8"))
        return cls(seed=kept["run"]["seed"], **{one.name: kept[one.name] for one in fields(cls) if one.name != "seed"})


def is_done(out: Path) -> bool:
    """Tell whether a run was finished; one that was stopped has written what it had."""
    return summary_of(out).get("status") == "done"


def summary_of(out: Path) -> dict[str, Any]:
    """Return what `compare --out` wrote there, empty where it wrote nothing."""
    file = out / "summary.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def keep(out: Path, file: Path) -> None:
    """Keep what `compare --out` wrote of a finished run in one file."""
    summary = summary_of(out)
    effort = summary["effort"] or {"searches": {}, "sentences": []}
    headline, told = _verdict(out, summary["run_id"])
    rows = pl.read_parquet(out / "predictions.parquet", columns=["variant_id", "example_id", "score"])
    scores = {
        name: dict(zip(part["example_id"].to_list(), part["score"].fill_null(0.0).to_list(), strict=True))
        for (name,), part in sorted(rows.group_by(["variant_id"]))
    }
    kept = {
        "version": VERSION,
        "run": {name: summary[name] for name in RUN_FIGURES},
        "headline": headline,
        "told": told,
        "records": effort["sentences"],
        "searches": [_search(one) for one in effort["searches"].values()],
        "variants": [{name: item.get(name) for name in VARIANT_FIGURES} for item in summary["variants"]],
        "scores": scores,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(_rounded(kept), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _search(search: Mapping[str, Any]) -> dict[str, Any]:
    trials = [
        {name: trial.get(name) for name in TRIAL_FIGURES}
        | {"rows": sum(score is not None for score in trial["row_scores"])}
        for trial in (search["trials"][number] for number in sorted(search["trials"], key=int))
    ]
    return {name: search[name] for name in SEARCH_FIGURES} | {"trials": trials}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _verdict(out: Path, run_id: str) -> tuple[str, str]:
    """Return what to choose, and what of that the effort changed."""
    command = [sys.executable, "cli.py", "report", run_id, "--out", str(out / "memo.md"), "--json"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    verdict = json.loads(told.stdout)["verdict"]
    sentences = [one for one in verdict["effort"]["text"].split(". ") if "default" in one]
    return verdict["headline"], f"{sentences[0].rstrip('.')}." if sentences else say.MISSING
