"""`study drift` on a task that has drift rows: variants answer those, other rows than the run's, and are compared."""

from __future__ import annotations

import json

from engine.core.run.manifest import Purpose
from tests.terminal.reading import Run, blocks
from wiring import open_lab


def test_drift_rows_of_the_task_are_answered(run: Run) -> None:
    """All 60 of them, beside the run's own rows worse written; the table says which rows are others."""
    asked = ("--model", "scripted", "--variants", "zero-shot", "--limit", 4)
    code, _, err = run("compare", "--task", "support-tickets", *asked)
    assert code == 0, err
    code, out, err = run("study", "drift", "latest", "--json")
    assert code == 0, err
    changes = json.loads(out)["changes"]
    on_drift_rows = [change for change in changes if change["kind"] == "drift"]
    assert [change["variant_id"] for change in on_drift_rows] == ["zero-shot"]
    assert {(change["rows"], change["paired"]) for change in on_drift_rows} == {(60, False)}
    assert {(change["rows"], change["paired"]) for change in changes if change["kind"] != "drift"} == {(4, True)}
    lab = open_lab()
    task = lab.tasks.get("support-tickets")
    runs = [info.run_id for info in lab.runs.list() if info.purpose is Purpose.DRIFT]
    answered = [set(lab.results.plan(run_id).test_ids) for run_id in runs]
    lab.close()
    assert {example.id for example in task.split("drift")} in answered
    code, out, err = run("study", "drift", "latest")
    assert code == 0, err
    sentences, table = blocks(out)
    assert any("the task's drift rows" in row["in words"] for row in sentences)
    assert [row["compared"] for row in table].count("other rows") == 1
