"""`compare` with options of retrieval: what is retrieved goes by them, and its quality is told where the docs say."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.terminal.reading import Run, blocks

ASKED = ("compare", "--task", "policy-qa", "--model", "scripted", "--variants", "rag", "--limit", 3)
OPTIONS = ("--passages", 2, "--chunk-words", 60, "--chunk-overlap", 0, "--search", "hybrid", "--reranker", "mrr")


@pytest.mark.model
def test_retrieval_goes_by_its_options_and_its_quality_is_told(run: Run, tmp_path: Path) -> None:
    """Two passages of at most 60 words for each row; recall, MRR and causes in the summary and below the results."""
    out = tmp_path / "out"
    code, told, err = run(*ASKED, *OPTIONS, "--out", out)
    assert code == 0, err
    (variant,) = json.loads((out / "run.json").read_text(encoding="utf-8"))["plan"]["variants"]
    kept = variant["retrieval"]
    names = ("passages_k", "chunk_words", "chunk_overlap_words", "mode", "reranker")
    assert [kept[name] for name in names] == [2, 60, 0, "hybrid", "mrr"]
    rows = pl.read_parquet(out / "predictions.parquet")
    assert [len(json.loads(ids)) for ids in rows["passage_ids"]] == [2, 2, 2]

    quality = json.loads((out / "summary.json").read_text(encoding="utf-8"))["variants"][0]["retrieval"]
    assert all(0 <= quality[name]["value"] <= 1 for name in ("recall_at_k", "mrr"))
    below = blocks(told)[-1]
    assert [row["variant"] for row in below] == ["RAG"]
    assert any("recall" in heading for heading in below[0])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--chunk-words", 0, "--chunk-words"), ("--search", "vectors", "vector"), ("--reranker", "rff", "rrf")],
)
def test_options_of_retrieval_that_cannot_be_are_refused(run: Run, option: str, value: object, words: str) -> None:
    """The option or the nearest name is told in at most two lines, and nothing is run."""
    code, out, err = run(*ASKED, option, value)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) <= 2
