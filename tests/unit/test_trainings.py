"""Trainings from the screen: what is told, measured and noted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.core.errors import CancelledError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.variant import LoraSpec
from engine.services.trainings import TrainingOrder, TrainingSnapshot, rows_to_measure_on
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_task, until
from tests.memory_lab_models import MemoryModel


def _trained(lab: MemoryLab, *, train_rows: int, seed: int = 0) -> TrainingSnapshot:
    order = TrainingOrder(task_id=TASK, model_id=MODEL, spec=LoraSpec(seed=seed), train_rows=train_rows)
    training_id = lab.lora.start(order)
    until(lambda: not lab.lora.snapshot(training_id).is_running)
    snapshot = lab.lora.snapshot(training_id)
    assert snapshot is not None
    return snapshot


def test_losses_are_kept_as_they_come() -> None:
    """Every step's loss, and the loss of rows held out, can be drawn while the training goes on and afterwards."""
    snapshot = _trained(memory_lab(speed=100), train_rows=20)
    assert [step for step, _ in snapshot.losses] == [1, 2, 3, 4]
    assert snapshot.validation == ((4, 0.7),)
    assert snapshot.tokens_per_s == 640.0


def test_what_weights_are_good_for_is_noted_beside_them() -> None:
    """Task, model, seed, canary and the quality before and after on rows not trained on stand with the weights."""
    lab = memory_lab(speed=100)
    snapshot = _trained(lab, train_rows=20, seed=3)
    assert snapshot.status == "done", snapshot.message
    (kept,) = lab.lora.library.weights()
    assert (kept.key, kept.task_id, kept.model_id, kept.seed) == (snapshot.weights_key, TASK, MODEL, 3)
    assert kept.canary_change > 0
    assert (kept.before.rows, kept.after.rows, kept.before.split) == (30, 30, "train")
    assert kept.before.metric == "accuracy"


def test_weights_that_change_nothing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary of weights without effect fails the training, with its fix; the task is noted all the same."""
    generate = MemoryModel.generate

    def bare(model: MemoryModel, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        yield from generate(model, replace(request, lora=None), cancel=cancel)

    monkeypatch.setattr(MemoryModel, "generate", bare)
    lab = memory_lab(speed=100)
    snapshot = _trained(lab, train_rows=20)
    assert snapshot.status == "failed"
    assert "change nothing" in snapshot.message
    assert snapshot.fix
    (kept,) = lab.lora.library.weights()
    assert (kept.key, kept.task_id, kept.canary_change) == (snapshot.weights_key, TASK, None)


def test_the_same_order_is_found_again() -> None:
    """A second training of the same rows and parameters makes nothing twice."""
    lab = memory_lab(speed=100)
    assert not _trained(lab, train_rows=20).reused
    assert _trained(lab, train_rows=20).reused
    assert len(lab.memory.library.kept) == 1


def test_quality_is_never_measured_on_rows_trained_or_tested_on() -> None:
    """Rows for before and after come from validation, or from training rows that were left out."""
    task = memory_task(rows=40)
    rows, split = rows_to_measure_on(task, TrainingOrder(task_id=task.id, model_id="m", spec=LoraSpec(), train_rows=30))
    assert (len(rows), split) == (10, "train")
    assert not rows_to_measure_on(task, TrainingOrder(task_id=task.id, model_id="m", spec=LoraSpec(), train_rows=40))[0]


def test_a_training_in_the_terminal_waits_for_the_machine_too() -> None:
    """Beside a run it would lengthen every answer that is measured, and two trainings share the memory of one."""
    lab, cancel = memory_lab(speed=500), threading.Event()
    order = TrainingOrder(task_id=TASK, model_id=MODEL, spec=LoraSpec(), train_rows=8)
    lab.memory.machine.taken = True
    steps = lab.lora.train(order, cancel)
    assert next(steps).stage == "Waiting for a run or another training to end"
    lab.memory.machine.taken = False
    for _step in steps:
        with lab.memory.machine.lock() as free:
            assert not free
    assert len(lab.memory.library.kept) == 1
    lab.memory.machine.taken = True
    steps = lab.lora.train(replace(order, spec=LoraSpec(rank=4)), cancel)
    next(steps)
    cancel.set()
    with pytest.raises(CancelledError):
        next(steps)
    assert len(lab.memory.library.kept) == 1


def test_a_training_that_waits_can_be_stopped() -> None:
    """Work that waits for the machine ends when it is cancelled, without having begun; so it does not stay queued."""
    lab = memory_lab()
    lab.memory.machine.taken = True
    training_id = lab.lora.start(TrainingOrder(task_id=TASK, model_id=MODEL, spec=LoraSpec()))
    assert lab.lora.current_id() == training_id
    lab.lora.cancel(training_id)
    until(lambda: lab.lora.current_id() is None)
    snapshot = lab.lora.snapshot(training_id)
    assert snapshot is not None
    assert (snapshot.status, snapshot.losses, snapshot.progress) == ("cancelled", (), None)
    assert lab.memory.library.kept == []
