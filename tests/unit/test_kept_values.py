"""Values that cannot be: kept out of the store, and read from an old one without making its run unreadable."""

from __future__ import annotations

import json
import math
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.memo.html import memo_html
from adapters.storage.run_store import SqliteRunStore
from adapters.tabular.export import predictions_frame, to_csv
from engine.analysis.figures import run_figures
from engine.analysis.memo import gather_memo
from engine.analysis.report import assess
from engine.analysis.run_table import table_from_json
from engine.analysis.summary import summarize
from engine.core.limits import Limits
from engine.core.run.manifest import Manifest
from engine.core.run.prediction import Prediction, Usage
from engine.core.run.soundness import prediction_faults
from tests.made_runs import made_run
from tests.memory_lab import memory_task

IMPOSSIBLE = {
    "tokens": lambda record: record["usage"].update(prompt_tokens=-5, completion_tokens=10**30),
    "embedded tokens": lambda record: record["usage"].update(embedding_tokens=10**30),
    "many digits": lambda record: record["usage"].update(prompt_tokens=10**4500),
    "seconds": lambda record: record["timing"].update(total_s=float("inf"), ttft_s=-1.0, cpu_s=float("nan")),
    "score": lambda record: record.update(score=7.0, scores={"accuracy": float("nan")}),
    "probability": lambda record: record.update(probabilities={"x": float("inf"), "y": -2.0}),
    "half a character": lambda record: record.update(text="a\ud800", answer="a\ud800"),
    "kind of failure": lambda record: record.update(failure={"kind": "unheard-of", "message": ""}),
    "no record": lambda record: record.clear(),
}
MARKED: dict[str, Callable[[Prediction], bool]] = {
    "tokens": lambda made: made.usage.estimated,
    "embedded tokens": lambda made: made.usage.estimated,
    "seconds": lambda made: (made.timing.total_s, made.timing.ttft_s, made.timing.cpu_s) == (None, None, 0.0),
    "probability": lambda made: not made.probabilities,
    "half a character": lambda made: (made.text, made.answer) == ("a?", "a?"),
}
"""How the row is read; all others count as failed."""


@pytest.mark.parametrize(("name", "bend"), IMPOSSIBLE.items(), ids=IMPOSSIBLE)
def test_old_stores_with_impossible_values_are_read_with_these_marked(
    tmp_path: Path, name: str, bend: Callable[[dict[str, Any]], None]
) -> None:
    """A row that was kept before values were checked counts as unmeasured or failed; its run is reported and exported."""
    plan, made = made_run(4)
    path = tmp_path / "runs.sqlite3"
    store = SqliteRunStore(path)
    store.create_run(Manifest(plan=plan))
    store.add(made)
    with sqlite3.connect(path) as connection:
        sys.set_int_max_str_digits(5000)
        number, text = connection.execute("SELECT number, record FROM predictions ORDER BY number").fetchone()
        record = json.loads(text)
        bend(record)
        connection.execute("UPDATE predictions SET record = ? WHERE number = ?", (json.dumps(record), number))
        sys.set_int_max_str_digits(4300)
    read = store.predictions(plan.run_id)
    assert [made_now.example_id for made_now in read] == [before.example_id for before in made]
    assert all(next(prediction_faults(one), None) is None for one in read)
    assert MARKED.get(name, lambda made: made.outcome == "failed")(read[0])
    table = table_from_json([v.id for v in plan.variants], plan.test_ids, store.records(plan.run_id))
    assert table.predictions == len(made)
    assert all(np.isfinite(counts).all() for counts in table.tokens.values())
    task = memory_task(rows=4)
    report = assess(plan, task, table, Manifest(plan=plan).conditions, Limits())
    json.dumps(
        summarize(run_figures(plan, task, table, Manifest(plan=plan).conditions), task, read, Manifest(plan=plan))
    )
    memo_html(gather_memo(plan.run_id, report, task, table, Manifest(plan=plan), read[:1]))
    to_csv(predictions_frame(read, inputs={}, seed=1, marks={}))


def test_what_is_stored_is_clean(tmp_path: Path) -> None:
    """Impossible values of a prediction never reach the file, whichever part of the app they come from."""
    plan, made = made_run(1)
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.create_run(Manifest(plan=plan))
    odd = replace(
        made[0],
        text="half \udcff",
        usage=Usage(prompt_tokens=-1, completion_tokens=10**30),
        timing=replace(made[0].timing, total_s=math.nan, ttft_s=math.inf),
    )
    store.add([odd])
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        (text,) = connection.execute("SELECT record FROM predictions").fetchone()
    assert json.loads(text, parse_constant=pytest.fail)["text"] == "half ?"
    kept = store.predictions(plan.run_id)[0]
    assert (kept.usage, kept.timing.total_s, kept.timing.ttft_s) == (Usage(estimated=True), None, None)
