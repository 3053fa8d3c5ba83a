"""The Train page on a bench without models."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from engine.core.techniques import Technique
from engine.metrics import wording as say
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_model, memory_weights, until
from tests.pages.conftest import Opener

PAGE = "pages/prepare/train.py"


def _open(lab: MemoryLab, open_app: Opener) -> AppTest:
    app = open_app(lab).run()
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def test_time_and_memory_are_estimated_before(open_app: Opener) -> None:
    """What a training will take stands beside its button; with no weights the page says where they come from."""
    lab = memory_lab()
    app = _open(lab, open_app)
    plan = lab.runs.plan(task_id=TASK, model_id=MODEL, techniques=[Technique.LORA], limit=1)
    estimate = say.duration(lab.runs.preflight(plan).estimated_training_s)
    assert any(f"**{estimate}**" in element.value and "GB" in element.value for element in app.markdown)
    assert any("None yet" in caption.value for caption in app.caption)


def test_a_training_is_started_as_ordered(open_app: Opener) -> None:
    """Rows and parameters on screen are those of the order, and its losses are on screen."""
    lab = memory_lab()
    app = _open(lab, open_app)
    app.number_input(key="train_rows_tickets").set_value(20)
    app.number_input(key="train_rank").set_value(4)
    app.number_input(key="train_seed").set_value(3)
    app.run()
    app.button(key="train_start").click().run()
    assert not app.exception
    training_id = app.session_state["training"]
    until(lambda: not lab.lora.snapshot(training_id).is_running)
    order = lab.lora.snapshot(training_id).order
    assert (order.train_rows, order.spec.rank, order.spec.seed, order.seed) == (20, 4, 3, 3)
    app.run()
    assert not app.exception
    assert any(metric.label == "Loss" and metric.value == "0.500" for metric in app.metric)


def test_a_training_that_waits_can_be_cancelled(open_app: Opener) -> None:
    """While a run holds the machine, a training says that it waits, and can be taken back."""
    lab = memory_lab()
    lab.memory.machine.taken = True
    app = _open(lab, open_app)
    app.button(key="train_start").click().run()
    assert any("Queued" in element.value for element in app.markdown)
    app.button(key="train_cancel").click().run()
    until(lambda: not lab.lora.snapshot(app.session_state["training"]).is_running)
    app.run()
    assert any("Stopped" in element.value for element in app.markdown)


def test_problems_block_the_button(open_app: Opener) -> None:
    """A training that cannot be started is told with its fix."""
    app = _open(memory_lab(models=[memory_model(architecture="mamba")]), open_app)
    assert app.button(key="train_start").disabled
    assert "another model" in app.error[0].value


def test_the_library_lists_what_is_kept(open_app: Opener) -> None:
    """Kept weights are listed with what they were made for, their quality before and after, and their canary."""
    lab = memory_lab()
    lab.memory.library.kept = [memory_weights(), memory_weights(key="old", before=None, after=None, canary_change=None)]
    app = _open(lab, open_app)
    table = app.dataframe[0].value
    assert list(table["Trained for"]) == ["tickets", "tickets"]
    assert table["After"].iloc[0] == 90.0
    assert list(table["Canary"]) == ["changes a probability by 0.31", "not tested"]
