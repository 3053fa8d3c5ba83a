"""Trainings from the screen: what is told, measured and noted."""

from __future__ import annotations

from engine.core.variant import LoraSpec
from engine.services.jobs import Errand
from engine.services.trainings import TrainingOrder, Trainings, TrainingSnapshot, rows_to_measure_on
from tests.fake_bench import FakeBench, until
from tests.fake_laboratory import fake_model, fake_task


def _trained(bench: FakeBench, **changes: object) -> TrainingSnapshot:
    trainings = Trainings(bench)
    training_id = trainings.start(
        TrainingOrder(task_id="fake-tickets", model_id="fake-135m", spec=LoraSpec(), **changes)
    )  # type: ignore[arg-type]
    until(lambda: not trainings.snapshot(training_id).goes_on)
    snapshot = trainings.snapshot(training_id)
    assert snapshot is not None
    return snapshot


def test_losses_are_kept_as_they_come() -> None:
    """Every step's loss, and the loss of rows held out, can be drawn while the training goes on and afterwards."""
    snapshot = _trained(FakeBench(fake_task(), fake_model()), train_rows=20)
    assert [step for step, _ in snapshot.losses] == [1, 2, 3, 4]
    assert snapshot.validation == ((4, 0.7),)


def test_weights_that_change_nothing_are_told() -> None:
    """The canary of weights without effect fails the training, with its mend; the task is noted all the same."""
    bench = FakeBench(fake_task(), fake_model())
    snapshot = _trained(bench, train_rows=20)
    assert snapshot.status == "failed"
    assert "change nothing" in snapshot.message
    assert bench.library.notes[snapshot.weights_key]["task_id"] == "fake-tickets"


def test_the_same_order_is_found_again() -> None:
    """A second training of the same rows and parameters makes nothing twice."""
    bench = FakeBench(fake_task(), fake_model())
    _trained(bench, train_rows=20)
    assert _trained(bench, train_rows=20).reused
    assert len(bench.library.kept) == 1


def test_quality_is_never_measured_on_rows_trained_or_tested_on() -> None:
    """Rows for before and after come from validation, or from training rows that were left out."""
    task = fake_task(rows=40)
    rows, split = rows_to_measure_on(task, TrainingOrder(task_id=task.id, model_id="m", spec=LoraSpec(), train_rows=30))
    assert (len(rows), split) == (10, "train")
    assert not rows_to_measure_on(task, TrainingOrder(task_id=task.id, model_id="m", spec=LoraSpec(), train_rows=40))[0]


def test_an_errand_that_waits_can_be_stopped() -> None:
    """Work that waits for the machine ends when it is cancelled, without having begun."""
    bench = FakeBench(fake_task(), fake_model())
    bench.taken = True
    begun: list[int] = []
    errand: Errand[int] = Errand(
        "x", machine=bench.machine_lock, work=lambda _cancel: iter(begun), take=begun.append, waits=True
    )
    errand.start()
    errand.cancel()
    errand.wait(5)
    assert (errand.status, begun) == ("cancelled", [])
