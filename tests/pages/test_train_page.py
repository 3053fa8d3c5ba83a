"""The Train page on a bench without models."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.fake_bench import fake_weights, until
from tests.fake_laboratory import FakeLaboratory
from tests.pages.conftest import Opener

PAGE = "pages/prepare/train.py"


def _open(lab: FakeLaboratory, open_app: Opener) -> AppTest:
    app = open_app(lab).run()
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def test_time_and_memory_are_estimated_before(open_app: Opener) -> None:
    """What a training will take stands beside its button; with no weights the page says where they come from."""
    app = _open(FakeLaboratory(), open_app)
    assert any("1 min 21 s" in element.value and "GB" in element.value for element in app.markdown)
    assert any("None yet" in caption.value for caption in app.caption)


def test_a_training_is_started_as_ordered(open_app: Opener) -> None:
    """Rows and parameters on screen are those of the order, and its losses are on screen."""
    lab = FakeLaboratory()
    app = _open(lab, open_app)
    app.number_input(key="train_rows_fake-tickets").set_value(20)
    app.number_input(key="train_rank").set_value(4)
    app.number_input(key="train_seed").set_value(3)
    app.run()
    app.button(key="train_start").click().run()
    assert not app.exception
    training_id = app.session_state["training"]
    until(lambda: not lab.trainings.snapshot(training_id).goes_on)
    order = lab.trainings.snapshot(training_id).order
    assert (order.train_rows, order.spec.rank, order.spec.seed, order.seed) == (20, 4, 3, 3)
    app.run()
    assert not app.exception
    assert any(metric.label == "Loss" and metric.value == "0.500" for metric in app.metric)


def test_a_training_that_waits_can_be_cancelled(open_app: Opener) -> None:
    """While a run holds the machine, a training says that it waits, and can be taken back."""
    lab = FakeLaboratory()
    lab.bench.taken = True
    app = _open(lab, open_app)
    app.button(key="train_start").click().run()
    assert any("Queued" in element.value for element in app.markdown)
    app.button(key="train_cancel").click().run()
    until(lambda: not lab.trainings.snapshot(app.session_state["training"]).goes_on)
    app.run()
    assert any("Cancelled" in element.value for element in app.markdown)


def test_problems_block_the_button(open_app: Opener) -> None:
    """A training that cannot be started is told with its mend."""
    lab = FakeLaboratory()
    lab.problems = ("LoRA cannot be trained on architecture 'mamba'. Choose another model.",)
    app = _open(lab, open_app)
    assert app.button(key="train_start").disabled
    assert "another model" in app.error[0].value


def test_the_library_lists_what_is_kept(open_app: Opener) -> None:
    """Kept weights are listed with what they were made for, their quality before and after, and their canary."""
    lab = FakeLaboratory()
    lab.bench.library.kept = [fake_weights(), fake_weights(key="old", before=None, after=None, canary_change=None)]
    app = _open(lab, open_app)
    table = app.dataframe[0].value
    assert list(table["Trained for"]) == ["fake-tickets", "fake-tickets"]
    assert table["After"].iloc[0] == 90.0
    assert list(table["Canary"]) == ["moves a probability by 0.31", "not tried"]
