"""Predictions as tables: nothing is lost, and no spreadsheet runs anything."""

from __future__ import annotations

import csv
import io
import re

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.tabular.export import SCHEMA, to_csv, to_parquet
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing, Usage

COLUMNS = [
    "variant_id", "technique", "example_id", "target", "text", "answer", "score", "failure", "prompt_tokens",
    "cached_prompt_tokens", "completion_tokens", "retrieval_s", "ttft_s", "total_s",
]  # fmt: skip
FORMULA = re.compile(r"^\s*[=+\-@\t\r\n]")
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
nasty = st.builds(
    lambda space, sign, rest: space + sign + rest,
    st.sampled_from(["", " ", "\t", "\n", "\r\n", "\u00a0", "   "]),
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "", "'"]),
    any_text,
)


def prediction(text: str, **changes: object) -> Prediction:
    """Build a prediction that holds this text in every text column."""
    fields: dict[str, object] = {
        "run_id": "r", "variant_id": text, "technique": text, "example_id": text, "target": text, "text": text,
        "answer": text, "score": 1.0,
    }  # fmt: skip
    return Prediction(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_columns_are_those_of_the_issue() -> None:
    """Other programs read these files: the columns and their order are a promise."""
    assert list(SCHEMA) == COLUMNS
    assert pl.read_parquet(to_parquet([])).columns == COLUMNS
    assert to_csv([]).decode().splitlines() == [",".join(COLUMNS)]


@given(st.lists(nasty, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_no_csv_cell_is_a_formula(texts: list[str]) -> None:
    """No text cell begins like a formula, even behind spaces, and the original follows the apostrophe."""
    rows = list(csv.reader(io.StringIO(to_csv([prediction(text) for text in texts]).decode(), newline="")))[1:]
    assert len(rows) == len(texts)
    for cells, text in zip(rows, texts, strict=True):
        for cell in cells[:6]:
            assert not FORMULA.match(cell)
            assert cell in {text, "'" + text}


@given(st.lists(nasty, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_parquet_keeps_texts_as_they_are(texts: list[str]) -> None:
    """Parquet is for programs: not a character is changed."""
    frame = pl.read_parquet(to_parquet([prediction(text) for text in texts]))
    assert frame["text"].to_list() == texts
    assert frame["answer"].to_list() == texts


def test_figures_and_failures_are_kept() -> None:
    """A failure has its kind and no score; what was not measured is empty and not 0."""
    failed = prediction(
        "x", answer=None, score=None, failure=Failure(kind=FailureKind.UNPARSED, message="m"),
        usage=Usage(prompt_tokens=9, cached_prompt_tokens=4, completion_tokens=2), timing=Timing(total_s=0.5),
    )  # fmt: skip
    (row,) = pl.read_parquet(to_parquet([failed])).to_dicts()
    assert (row["failure"], row["score"], row["answer"]) == ("unparsed", None, None)
    assert (row["prompt_tokens"], row["cached_prompt_tokens"], row["completion_tokens"]) == (9, 4, 2)
    assert (row["total_s"], row["ttft_s"], row["retrieval_s"]) == (0.5, None, None)
    cells = to_csv([failed]).decode().splitlines()[1].split(",")
    assert cells == ["x", "x", "x", "x", "x", "", "", "unparsed", "9", "4", "2", "", "", "0.5"]
