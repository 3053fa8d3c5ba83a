"""Pausing, and stopping when the leader is clear, in the runner and the lab, without a model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from adapters.storage.run_store import SqliteRunStore
from engine.analysis.figures import run_figures
from engine.analysis.run_table import table_from_predictions
from engine.analysis.summary import summarize
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.events import LeaderClear, PredictionMade, RunEnded
from engine.core.run.manifest import MachineFacts, Manifest
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import Variant
from engine.running.runner import Ports, run
from engine.services.recorded import fold
from tests.helpers import small_task
from tests.memory_lab import until
from tests.memory_lab_training import NoMeter
from wiring import open_lab

TASK = small_task(train=6, test=60)
RIGHT = {example.input: example.target for example in TASK.examples}


class OneIsBetter(ScriptedModel):
    """Answers right in the slot `few-shot` and wrong in every other one."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by slot."""
        target = RIGHT[request.messages[-1].content]
        label = target if request.slot == "few-shot" else next(x for x in TASK.answer.labels if x != target)
        for piece in super().generate(request, cancel=cancel):
            yield replace(piece, text=label)


def _plan(*, throughput: bool = False, stop_when_clear: bool = True) -> RunPlan:
    variants = tuple(
        Variant(id=technique.value, technique=technique, shots_k=3 if technique is Technique.FEW_SHOT else 0)
        for technique in (Technique.ZERO_SHOT, Technique.FEW_SHOT)
    )
    return RunPlan(
        run_id="r", task_id="small", model_id="m", variants=variants,
        test_ids=tuple(e.id for e in TASK.split("test")), train_ids=tuple(e.id for e in TASK.split("train")),
        throughput=throughput, batch_rows=8, stop_when_clear=stop_when_clear,
    )  # fmt: skip


def _ports(tmp_path: Path, plan: RunPlan) -> Ports:
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.create_run(Manifest(plan=plan, machine=MachineFacts(cores=2)))
    return Ports(model=OneIsBetter(), retriever=None, trainer=None, store=store, meter=NoMeter())  # type: ignore[arg-type]


@pytest.mark.parametrize("throughput", [False, True])
def test_a_run_ends_when_the_leader_is_clear(throughput: bool, tmp_path: Path) -> None:
    """With a variant that is always right against one that is always wrong, few rows do, and the run is marked."""
    plan = _plan(throughput=throughput)
    ports = _ports(tmp_path, plan)
    events = list(run(plan, TASK, ports, threading.Event()))
    clear = next(event for event in events if isinstance(event, LeaderClear))
    assert clear.variant_id == "few-shot"
    assert clear.rows < 20
    kept = ports.store.predictions(plan.run_id)
    assert len(kept) == 2 * clear.rows
    manifest = ports.store.manifest(plan.run_id)
    assert manifest.stopped_early is not None
    assert manifest.stopped_early.variant_id == "few-shot"
    table = table_from_predictions([variant.id for variant in plan.variants], plan.test_ids, kept)
    figures = run_figures(plan, TASK, table, manifest.conditions)
    assert summarize(figures, TASK, kept, manifest)["stopped_early"]["rows"] == clear.rows
    assert fold(manifest, kept).snapshot().clear_leader == "few-shot"


def test_it_runs_to_its_end_unless_asked_to_stop(tmp_path: Path) -> None:
    """The same run without the wish answers every row and is not marked."""
    plan = _plan(stop_when_clear=False)
    ports = _ports(tmp_path, plan)
    events = list(run(plan, TASK, ports, threading.Event()))
    assert len(ports.store.predictions(plan.run_id)) == 120
    assert not [event for event in events if isinstance(event, LeaderClear)]


def test_a_run_that_stopped_early_is_over(tmp_path: Path) -> None:
    """Carrying it out once more makes no further prediction: the error rate would be lost."""
    plan = _plan()
    ports = _ports(tmp_path, plan)
    list(run(plan, TASK, ports, threading.Event()))
    made = len(ports.store.predictions(plan.run_id))
    again = list(run(plan, TASK, ports, threading.Event()))
    assert len(ports.store.predictions(plan.run_id)) == made
    assert isinstance(again[-1], RunEnded)
    assert all(event.kept for event in again if isinstance(event, PredictionMade))


def test_a_resumed_run_counts_the_rows_from_before(tmp_path: Path) -> None:
    """A run that was cancelled in between stops at the row at which one left alone stops."""
    plan = _plan()
    for name in ("alone", "resumed"):
        (tmp_path / name).mkdir()
    alone = list(run(plan, TASK, _ports(tmp_path / "alone", plan), threading.Event()))
    at = next(event.rows for event in alone if isinstance(event, LeaderClear))
    ports = _ports(tmp_path / "resumed", plan)
    cancel = threading.Event()
    for event in run(plan, TASK, ports, cancel):
        if isinstance(event, PredictionMade) and len(ports.store.predictions("r")) == 7:
            cancel.set()
    resumed = list(run(plan, TASK, ports, threading.Event()))
    assert next(event.rows for event in resumed if isinstance(event, LeaderClear)) == at


def test_a_paused_run_stands_still_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between pause and go-on no prediction is made; afterwards the run ends as if nothing had been."""
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")
    monkeypatch.setenv("ADAPTLAB_SCRIPTED_PACE_S", "0.01")
    lab = open_lab(tmp_path)
    plan = lab.plans.make(
        task_id="support-tickets", model_id="scripted", techniques=[Technique.ZERO_SHOT, Technique.FEW_SHOT], limit=12
    )
    run_id = lab.runs.start(plan)
    until(lambda: lab.runs.snapshot(run_id).rows_done >= 2)
    lab.runs.pause(run_id)
    until(lambda: lab.runs.snapshot(run_id).status == "paused")
    done = lab.runs.snapshot(run_id).rows_done
    assert 2 <= done < 24
    lab.runs.go_on(run_id)
    until(lambda: not lab.runs.snapshot(run_id).is_running)
    assert (lab.runs.snapshot(run_id).status, lab.runs.snapshot(run_id).rows_done) == ("done", 24)
    lab.close()
