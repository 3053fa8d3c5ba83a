"""Predictions as tables: nothing is lost, each row can be read on its own, and no spreadsheet runs anything."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.tabular.export import SCHEMA, predictions_frame, to_csv, to_parquet
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Passage, Prediction, Timing, Usage
from engine.metrics.marks import Mark
from engine.services.lab import Lab
from wiring import open_lab

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
FIRST_COLUMNS = [
    "variant_id", "technique", "example_id", "target", "text", "answer", "score", "failure", "prompt_tokens",
    "cached_prompt_tokens", "completion_tokens", "retrieval_s", "ttft_s", "total_s",
]  # fmt: skip
ADDED_COLUMNS = [
    "input", "probabilities", "passage_ids", "prompt", "attempts", "thinking", "prefill_s", "decode_s", "energy_wh",
    "memory_bytes", "seed", "marks",
]  # fmt: skip
FREE_TEXTS = ["variant_id", "technique", "example_id", "target", "text", "answer", "input", "prompt", "thinking"]
"""Columns whose text comes from outside."""
TYPES = {"text": pl.String(), "number": pl.Float64(), "whole number": pl.Int64()}
RUN, OTHER_RUN = "20261101-090000-aaaa", "20261101-120000-dddd"
"""Of the frozen home: one on a task of the user's, one on a task that ships."""
FORMULA = re.compile(r"^\s*[=+\-@\t\r\n]")
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
nasty = st.builds(
    lambda space, sign, rest: space + sign + rest,
    st.sampled_from(["", " ", "\t", "\n", "\r\n", "\u00a0", "   "]),
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "", "'"]),
    any_text,
)


def prediction(text: str, **changes: object) -> Prediction:
    """Build a prediction that holds this text wherever text can stand."""
    fields: dict[str, object] = {
        "run_id": "r", "variant_id": text, "technique": text, "example_id": text, "target": text, "text": text,
        "answer": text, "score": 1.0, "prompt": text, "thinking": text, "probabilities": {text: 1.0},
        "passages": (Passage(id=text, kind="example", text=text, score=1.0),),
    }  # fmt: skip
    return Prediction(**{**fields, **changes})  # type: ignore[arg-type]


def frame(predictions: Sequence[Prediction], inputs: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Return the table of predictions whose inputs are their ids, unless told others."""
    inputs = {item.example_id: item.example_id for item in predictions} if inputs is None else inputs
    marks = {item.variant_id: {"memory_bytes": Mark.SHARED, "total_s": Mark.MEASURED} for item in predictions}
    return predictions_frame(predictions, inputs=inputs, seed=7, marks=marks)


def csv_rows(predictions: Sequence[Prediction]) -> list[dict[str, str]]:
    """Read the CSV of predictions as a spreadsheet would."""
    return list(csv.DictReader(io.StringIO(to_csv(frame(predictions)).decode(), newline="")))


def documented(title: str) -> list[list[str]]:
    """Return the rows of the tables under a title of the document, without their heads."""
    part = DOCUMENT.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines() if line.startswith("| ")]
    return [cells for cells in lines if cells[0] not in {"---", "key", "column"}]


def test_the_columns_are_a_promise() -> None:
    """Other programs read these files: what was there keeps its name and place, and new columns follow."""
    assert list(SCHEMA) == FIRST_COLUMNS + ADDED_COLUMNS
    assert pl.read_parquet(to_parquet(frame([]))).schema == pl.Schema(SCHEMA)
    assert to_csv(frame([])).decode().splitlines() == [",".join(SCHEMA)]


def test_every_column_is_documented_as_it_is() -> None:
    """The document names the columns in their order with their types, and each has a meaning."""
    rows = documented("predictions.parquet and predictions.csv")
    assert [name.strip("`") for name, *_ in rows] == list(SCHEMA)
    assert {name.strip("`"): TYPES[kind] for name, kind, *_ in rows} == SCHEMA
    assert all(meaning for *_, meaning in rows)
    for name, _, unit, _ in rows:
        ending = name.strip("`").rpartition("_")[2]
        assert unit == {"s": "s", "wh": "Wh", "bytes": "bytes", "tokens": "tokens"}.get(ending, unit)


def test_every_key_of_the_manifest_is_documented() -> None:
    """`run.json` holds what the document says, no more and no less."""
    plan = RunPlan(run_id="r", task_id="t", model_id="m", variants=(), test_ids=(), train_ids=())
    names = [name.strip("`") for name, *_ in documented("run.json")]
    assert sorted(names) == sorted({"run_id", *Manifest(plan=plan).to_dict()})


@given(st.lists(nasty, min_size=1, max_size=5))
@settings(max_examples=200)
def test_no_csv_cell_is_a_formula(texts: list[str]) -> None:
    """No text cell begins like a formula, even behind spaces, and the original follows the apostrophe."""
    rows = csv_rows([prediction(text) for text in texts])
    assert len(rows) == len(texts)
    for row, text in zip(rows, texts, strict=True):
        for name, cell in row.items():
            assert SCHEMA[name] != pl.String() or not FORMULA.match(cell)
        assert all(row[name] in {text, "'" + text} for name in FREE_TEXTS)


@given(st.lists(nasty, min_size=1, max_size=5))
@settings(max_examples=50)
def test_parquet_keeps_texts_as_they_are(texts: list[str]) -> None:
    """Parquet is for programs: not a character is changed, and what is JSON reads back."""
    kept = pl.read_parquet(to_parquet(frame([prediction(text) for text in texts])))
    for name in ("text", "answer", "input"):
        assert kept[name].to_list() == texts
    assert [json.loads(cell) for cell in kept["probabilities"]] == [{text: 1.0} for text in texts]
    assert [json.loads(cell) for cell in kept["passage_ids"]] == [[text] for text in texts]


def test_figures_and_failures_are_kept() -> None:
    """A failure has its kind and no score, and every figure is in its column."""
    failed = prediction(
        "x", answer=None, score=None, failure=Failure(kind=FailureKind.UNPARSED, message="m"), attempts=2,
        usage=Usage(prompt_tokens=9, cached_prompt_tokens=4, completion_tokens=2), rss_bytes=123,
        timing=Timing(total_s=0.5, prefill_s=0.2, decode_s=0.1, energy_wh=0.03),
    )  # fmt: skip
    (row,) = pl.read_parquet(to_parquet(frame([failed]))).to_dicts()
    assert (row["failure"], row["score"], row["answer"]) == ("unparsed", None, None)
    assert (row["prompt_tokens"], row["cached_prompt_tokens"], row["completion_tokens"]) == (9, 4, 2)
    assert (row["total_s"], row["prefill_s"], row["decode_s"], row["energy_wh"]) == (0.5, 0.2, 0.1, 0.03)
    assert (row["attempts"], row["memory_bytes"], row["seed"]) == (2, 123, 7)
    assert json.loads(row["marks"]) == {"memory_bytes": "shared"}
    (cells,) = csv_rows([failed])
    assert [cells[name] for name in FIRST_COLUMNS] == [
        "x", "x", "x", "x", "x", "", "", "unparsed", "9", "4", "2", "", "", "0.5",
    ]  # fmt: skip


def test_what_was_not_measured_is_empty() -> None:
    """What there is not is null, never 0 and never an empty list or text."""
    bare = Prediction(run_id="r", variant_id="v", technique="t", example_id="e", target="x")
    (row,) = frame([bare], inputs={}).to_dicts()
    nothing = {name for name, value in row.items() if value is None}
    assert nothing == {*ADDED_COLUMNS, "retrieval_s", "ttft_s", "total_s", "answer", "score", "failure"} - {
        "attempts",
        "seed",
    }


@pytest.fixture
def lab(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Open a copy of a home folder with runs in it."""
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")
    shutil.copytree(ROOT / "tests" / "fixtures" / "home_1", home)
    opened = open_lab()
    yield opened
    opened.close()


def exported(lab: Lab, run_id: str) -> pl.DataFrame:
    """Return a run's predictions as they are taken away."""
    return pl.read_parquet(io.BytesIO(lab.exports.export(run_id)["predictions.parquet"]))


@pytest.mark.parametrize("run_id", [RUN, OTHER_RUN])
def test_a_run_can_be_read_on_its_own(lab: Lab, run_id: str) -> None:
    """Each prediction carries what was asked, with which prompt and seed."""
    plan = lab.results.plan(run_id)
    inputs = {example.id: example.input for example in lab.tasks.get(plan.task_id).examples}
    kept = exported(lab, run_id)
    assert kept["input"].to_list() == [inputs[example_id] for example_id in kept["example_id"]]
    assert set(kept["seed"]) == {plan.seed}
    asked = kept.filter(pl.col("technique") != "classifier")
    assert asked["prompt"].null_count() == 0


def test_a_task_that_has_changed_lends_no_inputs(lab: Lab, home: Path) -> None:
    """A row of today is not shown as what was asked then; all else is still there."""
    task_id = lab.results.plan(RUN).task_id
    before = exported(lab, RUN)
    rows = home / "tasks" / task_id / "examples.jsonl"
    rows.write_text(rows.read_text(encoding="utf-8").replace('"input": "', '"input": "Dear all, ', 1), encoding="utf-8")
    after = exported(lab, RUN)
    assert before["input"].null_count() == 0
    assert after["input"].null_count() == after.height
    assert after.drop("input").equals(before.drop("input"))
    assert "summary.json" in lab.exports.export(RUN)


def test_a_run_whose_task_is_gone_can_still_be_taken_away(lab: Lab, home: Path) -> None:
    """Predictions and manifest need no task; inputs and the summary do."""
    shutil.rmtree(home / "tasks" / lab.results.plan(RUN).task_id)
    files = lab.exports.export(RUN)
    assert set(files) == {"run.json", "predictions.parquet", "predictions.csv"}
    assert exported(lab, RUN)["input"].null_count() == exported(lab, RUN).height


def test_the_summary_is_documented(lab: Lab) -> None:
    """Every key of `summary.json`, of the run and of its variants, stands in the document with the form's version."""
    summary = json.loads(lab.exports.export(RUN)["summary.json"])
    names = {name for row in documented("summary.json") for name in re.findall(r"`(\w+)`", row[0])}
    assert names == {*summary, *(key for variant in summary["variants"] for key in variant)}
    for title, data in (("run.json", json.loads(lab.exports.export(RUN)["run.json"])), ("summary.json", summary)):
        assert f"now {data['version']}." in DOCUMENT.split(f"\n## {title}\n")[1].split("\n## ")[0]
