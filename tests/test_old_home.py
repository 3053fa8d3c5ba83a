"""A home folder that an earlier version wrote still opens: runs are read, reported and resumed, nothing is lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.core.errors import AdaptLabError
from engine.core.limits import Limits
from engine.core.run.events import RunEnded
from engine.core.run.manifest import Purpose
from engine.ingest.columns import Roles
from engine.ingest.data_card import Fix
from engine.ingest.leaks.record import LeakFix
from engine.ingest.options import ImportOptions
from engine.services.lab import Lab
from tests.helpers import import_table
from wiring import open_lab

FROZEN = Path(__file__).parent / "fixtures" / "home_1"
RUNS = {
    "20261101-090000-aaaa": ("done", 40),
    "20261101-100000-bbbb": ("cancelled", 5),
    "20261101-110000-cccc": ("running", 7),
    "20261101-120000-dddd": ("done", 8),
    "20261101-130000-eeee": ("done", 16),
    "20261101-140000-ffff": ("done", 2),
}


@pytest.fixture
def lab(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Open a copy of the frozen home."""
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")
    shutil.copytree(FROZEN, home)
    opened = open_lab()
    yield opened
    opened.close()


def test_every_run_is_listed_and_read(lab: Lab) -> None:
    """Each kept run has its status, its answers, a snapshot and figures."""
    assert {info.run_id: (info.status, info.rows_done) for info in lab.runs.list()} == RUNS
    for run_id, (_status, rows) in RUNS.items():
        snapshot = lab.runs.snapshot(run_id)
        assert snapshot.rows_done == rows
        assert not snapshot.is_running
        assert len(lab.results.summary(run_id)["variants"]) == len(snapshot.plan.variants)
        assert lab.results.report(run_id, Limits()).figures


def test_tokens_that_were_told_stay_told(lab: Lab) -> None:
    """Counts that later versions added make no tokens of an older run estimates."""
    for run_id in RUNS:
        assert not any(made.usage.estimated for made in lab.results.predictions(run_id))
        assert not lab.results.table(run_id).tokens_estimated.any()
        assert all(one["tokens"]["rows_estimated"] == 0 for one in lab.results.summary(run_id)["variants"])


@pytest.mark.model
@pytest.mark.parametrize("run_id", ["20261101-100000-bbbb", "20261101-110000-cccc"])
def test_a_run_that_was_stopped_goes_on(lab: Lab, run_id: str) -> None:
    """A cancelled run and a broken one are resumed to their end, on the weights that were trained then."""
    kept = {(p.variant_id, p.example_id): p for p in lab.results.predictions(run_id)}
    events = list(lab.runs.carry_out(lab.plans.kept(run_id), threading.Event(), resume=True))
    assert events[-1] == RunEnded(status="done")
    made = lab.results.predictions(run_id)
    assert len(made) == len(lab.results.plan(run_id).test_ids) * len(lab.results.plan(run_id).variants)
    assert all(kept[p.variant_id, p.example_id] == p for p in made if (p.variant_id, p.example_id) in kept)


def _as_it_was_kept(home: Path, like: str, run_id: str, **plan: Any) -> None:
    """Put a run there as version 1 kept it: another one's manifest with another plan, and no word of a purpose."""
    with closing(sqlite3.connect(home / "runs.sqlite3")) as store, store:
        (text,) = store.execute("SELECT manifest FROM runs WHERE run_id = ?", (like,)).fetchone()
        manifest = json.loads(text)
        assert not {"version", "purpose", "split"} & manifest.keys()
        manifest["plan"] |= {"run_id": run_id, **plan}
        store.execute(
            "INSERT INTO runs VALUES (?, ?, 'done', ?)", (run_id, "2026-11-02T09:00:00", json.dumps(manifest))
        )


def test_runs_of_before_are_sorted_when_the_home_is_opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift rows, a learning curve and passages are found out from what only a study does; what is kept stays so."""
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")
    shutil.copytree(FROZEN, home)
    base, drift = "20261101-120000-dddd", [f"st-drift-{number:03}" for number in range(1, 5)]
    _as_it_was_kept(home, base, "20261102-090000-0001", task_id="support-tickets", test_ids=drift)
    for size in (5, 10, 25):
        train = [f"oe-train-{number:03}" for number in range(1, size + 1)]
        _as_it_was_kept(home, base, f"20261102-1000{size:02}-0002", throughput=True, train_ids=train)
    rag = {"id": "rag", "technique": "rag", "retrieval": {"examples_k": 0, "passages_k": 2, "mode": "vector"}}
    _as_it_was_kept(home, base, "20261102-110000-0003", variants=[rag], context_tokens=4096)
    _as_it_was_kept(home, base, "20261102-120000-0004", task_id="gone")
    expected = {
        "20261101-090000-aaaa": (Purpose.COMPARISON, "test"),
        "20261101-130000-eeee": (Purpose.DRIFT, "test"),
        "20261101-140000-ffff": (Purpose.CONTEXT, "test"),
        "20261102-090000-0001": (Purpose.DRIFT, "drift"),
        "20261102-100005-0002": (Purpose.LEARNING_CURVE, "test"),
        "20261102-100010-0002": (Purpose.LEARNING_CURVE, "test"),
        "20261102-100025-0002": (Purpose.LEARNING_CURVE, "test"),
        "20261102-110000-0003": (Purpose.CONTEXT, "test"),
        "20261102-120000-0004": (Purpose.COMPARISON, ""),
    }
    for _ in range(2):  # the second time they are read as they were kept the first time
        with closing(open_lab()) as lab:
            found = {info.run_id: (info.purpose, info.split) for info in lab.runs.list()}
            assert {run_id: found[run_id] for run_id in expected} == expected
    with closing(sqlite3.connect(home / "runs.sqlite3")) as store:
        kept = dict(store.execute("SELECT run_id, json_extract(manifest, '$.purpose') FROM runs"))
    assert kept["20261102-090000-0001"] == "drift"


def test_kept_things_are_found(lab: Lab) -> None:
    """Tasks, LoRA weights, servers and notes are where they were."""
    assert "desk-1384a31c" in {info.id for info in lab.tasks.list()}
    (weights,) = lab.lora.library.weights()
    assert (weights.key, weights.rows) == ("e328c57a6400f602", 12)
    assert {server.name for server in lab.models.servers.states()} >= {"box"}
    assert lab.results.manifest("20261101-090000-aaaa").note == "the first one"


@pytest.mark.model
def test_indexes_of_before_are_used_again(lab: Lab) -> None:
    """A new run on the same rows builds neither index nor classifier; both count with the seconds that they once took."""
    plan = lab.results.plan("20261101-090000-aaaa")
    learnt = tuple(variant for variant in plan.variants if variant.id in ("rag", "classifier"))
    again = replace(plan, run_id="20261102-090000-aaaa", test_ids=plan.test_ids[:2], variants=learnt)
    assert list(lab.runs.carry_out(again, threading.Event(), resume=False))[-1] == RunEnded(status="done")
    prepared = lab.results.manifest(again.run_id).prepared
    assert {name: one.reused for name, one in prepared.items()} == {"rag": True, "classifier": True}


def test_an_upload_in_progress_becomes_the_same_task(lab: Lab) -> None:
    """The same file with the same choices gives the same rows, findings and leaks as it did then."""
    told = json.loads((FROZEN / "upload" / "choices.json").read_text())
    imported = import_table(
        lab.tables.read_path(FROZEN / "upload" / told["file"]),
        ImportOptions(
            roles=Roles(inputs=(told["input_column"],), target=told["target_column"], split=told["split_column"]),
            fixes={name: Fix(what) for name, what in told["mends"].items()},
            leaks=LeakFix(told["leaks"]),
            title=told["file"],
        ),
        task_id="desk",
    )
    assert [[f.id, len(f.lines), str(f.chosen)] for f in imported.card.findings] == told["findings"]
    for said in ("1 of 9 test rows is", "something that variants learn from", "Dropped: 1 test row."):
        assert said in told["leak_sentence"]
        assert said in imported.leaks.sentence()
    kept = lab.tasks.get(told["task_id"])
    assert imported.task.examples == kept.examples


def test_nothing_in_it_names_a_machine() -> None:
    """What is frozen holds no path of the machine that wrote it."""
    for path in FROZEN.rglob("*"):
        if path.is_file():
            assert b"/home/" not in path.read_bytes(), path


def test_a_changed_task_is_told(lab: Lab, home: Path) -> None:
    """A run whose task was edited since is not resumed on other rows."""
    rows = home / "tasks" / "desk-1384a31c" / "examples.jsonl"
    rows.write_text(rows.read_text().replace("stays black", "stays blue"))
    with pytest.raises(AdaptLabError, match="has changed"):
        lab.plans.kept("20261101-100000-bbbb")


def test_a_run_on_scores_of_an_earlier_rule_is_read_alone(lab: Lab) -> None:
    """Token F1 counted differently when this run was made: its scores are shown, and no row is added by today's rule."""
    run_id = "20261101-140000-ffff"
    assert lab.results.report(run_id, Limits()).figures
    with pytest.raises(AdaptLabError, match="scoring has changed"):
        lab.plans.kept(run_id)
    assert not lab.results.is_outdated("20261101-120000-dddd")
