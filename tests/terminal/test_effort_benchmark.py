"""The tables of what the same effort is worth are made from what `compare --effort` writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from scipy.stats import kendalltau

from benchmarks import prior
from benchmarks.effort import TASKS, cell_file, cells_of, main, print_tables
from benchmarks.kept import FOLDER, ROOT, KeptRun, is_done, keep
from benchmarks.results import table
from engine.core.interval import Interval
from engine.core.variant import TUNED_ENDING
from engine.metrics.wording import MISSING
from tests.terminal.reading import Run


def test_a_finished_run_makes_the_tables(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each technique is a cell, whether or not it was changed; both have the same rows; nothing is left out."""
    out = tmp_path / cell_file("support-tickets", 3).stem
    arguments = ("--task", "support-tickets", "--limit", 20, "--train-rows", 20, "--model", "scripted", "--seed", 3)
    code, _, err = run("compare", *arguments, "--variants", "zero-shot,few-shot", "--trials", 9, "--out", out)
    assert code == 0, err
    assert is_done(out)
    _tune(out, "zero-shot")
    keep(out, tmp_path / "kept" / "cell.json")
    kept = KeptRun.read(tmp_path / "kept" / "cell.json")
    assert kept.headline
    assert kept.told != MISSING
    cells = list(cells_of(kept, "support-tickets"))
    assert [(cell.technique, cell.changed) for cell in cells] == [("zero-shot", True), ("few-shot", False)]
    for cell in cells:
        assert len(cell.default) == len(cell.tuned) == 20
        effect = cell.gain.effect
        assert effect.value == pytest.approx(sum(cell.tuned) / 20 - sum(cell.default) / 20)
        assert effect.low <= effect.value <= effect.high
    assert cells[0].tuned == (1.0,) * 20
    assert cells[1].tuned == cells[1].default
    capsys.readouterr()
    assert print_tables(cells, ["| support-tickets | 3 | it | that |"], 180.0) == 0
    told = capsys.readouterr().out
    assert told.count("| support-tickets | 3 |") == len(cells) + 1
    assert "significantly better by Holm's method over the cells that changed: 1 of 2 cells" in told
    for cell in cells:
        assert cell.record in told
    given_up = replace(cells[0], search={**cells[0].search, "given_up_s": 60.0})
    assert given_up.seconds == pytest.approx(cells[0].seconds + 60.0)
    worse = replace(
        cells[0], tuned=cells[0].default, gain=replace(cells[0].gain, effect=Interval(value=-0.5, low=-0.7, high=-0.2))
    )
    assert print_tables([worse, cells[1]], [], 180.0) == 1
    assert "worse: support-tickets, seed 3, Zero-shot: −50.0 (−70 to −20)" in capsys.readouterr().out
    lines = table([kept, replace(kept, seed=4, variants=kept.variants[:1])])
    assert len(lines) == 2 + len(kept.variants) + 1
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:4]] == ["zero-shot", "zero-shot"]


@pytest.mark.parametrize(
    ("heading", "asked"),
    [
        ("## Three minutes of search", ()),
        (
            "## The same three minutes with a second model",
            ("--model", "gemma3-270m", "--seeds", "0", "--tasks", "support-tickets,clinc150-banking"),
        ),
    ],
)
def test_the_published_tables_are_those_of_the_kept_cells(
    heading: str, asked: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/results.md has every kept cell's line, every technique's and every verdict's, and no other."""
    monkeypatch.setattr("sys.argv", ["effort", "--table", *asked])
    main()
    made = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    section = page[page.index(heading) :]
    section = section[: section.index("\n## ", 3)]
    assert [line for line in section.splitlines() if line.startswith("|")] == made
    assert len(made) > 2 * len(TASKS)


def test_every_kept_cell_is_published() -> None:
    """No cell is left out of the tables: they are of two models, and of these tasks and seeds."""
    kept = {path.name for path in FOLDER.glob("*.json")}
    told = {cell_file(task, seed).name for task in TASKS for seed in (0, 1)}
    told |= {cell_file(task, 0, "gemma3-270m").name for task in ("support-tickets", "clinc150-banking")}
    assert kept == told


def _tune(out: Path, technique: str) -> None:
    """Have a technique use its second trial, and its tuned variant get every row right."""
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    next(one for one in summary["effort"]["searches"].values() if one["technique"] == technique)["chosen"] = 1
    (out / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    rows = pl.read_parquet(out / "predictions.parquet")
    own = rows.filter(pl.col("variant_id") == technique)
    tuned = own.with_columns(pl.lit(f"{technique}-tuned").alias("variant_id"), pl.lit(1.0).alias("score"))
    pl.concat([rows, tuned]).write_parquet(out / "predictions.parquet")


def test_a_run_that_was_stopped_is_not_finished(tmp_path: Path) -> None:
    """It has written what it had, and goes on."""
    assert not is_done(tmp_path)
    (tmp_path / "summary.json").write_text('{"status": "interrupted", "run_id": "r"}', encoding="utf-8")
    assert not is_done(tmp_path)


def test_the_published_table_of_prior_correction_is_that_of_the_kept_cells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/results.md has a line for each technique on each of the eight label sets, and what auto keeps."""
    monkeypatch.setattr("sys.argv", ["prior", "--table"])
    assert prior.main() == 0, "auto does harm, or gives the gain away"
    told = capsys.readouterr().out.splitlines()
    made = [line for line in told if line.startswith("|")]
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    section = page[page.index("## Prior correction and chosen examples") :]
    tables = [line for line in section[: section.index("\n## ", 3)].splitlines() if line.startswith("|")]
    assert tables[: len(made)] == made
    assert {cell.task for name in prior.NAMES for cell in prior.kept_cells(name)} == set(prior.NAMES)


def test_the_published_orders_of_two_models_are_those_of_the_kept_cells() -> None:
    """Accuracy of every default with its interval, and how far the models agree on the order."""
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    text = text.partition("## Does the ranking of techniques hold when the model changes?")[2]
    lines = {
        line.split(" | ")[0].removeprefix("| ").split(",")[0].lower(): line for line in text.splitlines() if "%" in line
    }
    for task in ("support-tickets", "clinc150-banking"):
        scores: list[dict[str, float]] = []
        for model in ("smollm2-135m-instruct", "gemma3-270m"):
            kept = json.loads(cell_file(task, 0, model).read_text(encoding="utf-8"))
            found = {
                one["variant"]: one["scores"]["accuracy"]
                for one in kept["variants"]
                if not one["variant"].endswith(TUNED_ENDING)
            }
            scores.append({name: one["value"] for name, one in found.items()})
            for name, one in found.items():
                low, high = (round(100 * one[end]) for end in ("ci_low", "ci_high"))
                assert f"{one['value'] * 100:.0f} % ({low} to {high})" in lines[name.replace("+", " + ")], (task, name)
        tau = kendalltau(*([one[name] for name in scores[0]] for one in scores)).statistic
        assert f"{tau:.2f}" in text
