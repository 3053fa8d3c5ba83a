"""The Train page on a bench without models."""

from __future__ import annotations

import re
from dataclasses import asdict

from streamlit.testing.v1 import AppTest

from components.ui import state
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, PriorCorrection, TrainingPrompts
from engine.metrics import wording as say
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_model, memory_weights, until
from tests.memory_lab_training import TRAIN_STEPS
from tests.pages.conftest import Opener

PAGE = "pages/prepare/train.py"


def _open(lab: MemoryLab, open_app: Opener) -> AppTest:
    app = open_app(lab).run()
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def test_time_and_memory_are_estimated_before(open_app: Opener) -> None:
    """Seconds beside the button hold training and measuring; with no weights the page says where they come from."""
    lab = memory_lab()
    app = _open(lab, open_app)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.LORA], limit=1)
    training = lab.plans.preflight(plan)
    (told,) = (element.value for element in app.markdown if "GB" in element.value)
    assert training.estimated_training_s < training.estimated_s
    assert f"**{say.about_duration(training.estimated_training_s)}**" not in told
    answers = lab.plans.make(
        task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT, Technique.LORA], limit=10, test_split="train",
        prior_correction=PriorCorrection.OFF,
    )  # fmt: skip
    assert f"**{say.about_duration(lab.plans.preflight(answers).estimated_s)}**" in told
    assert any("None yet" in caption.value for caption in app.caption)


def test_a_training_is_started_as_ordered(open_app: Opener) -> None:
    """Rows and parameters on screen are those of the order."""
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
    assert (order.train_rows, order.spec.rank, order.spec.seed) == (20, 4, 3)
    app.run()
    assert not app.exception


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
    assert list(table["After"]) == ["90 %", "not measured"]
    assert list(table["Effect"]) == ["changes a probability by 0.31", "not tested"]


def test_the_step_and_the_number_of_steps_are_told(open_app: Opener) -> None:
    """While it trains, the badge says which step of how many it is at."""
    lab = memory_lab(speed=0.2)
    app = _open(lab, open_app)
    app.button(key="train_start").click().run()
    training_id = app.session_state[state.TRAINING]
    until(lambda: lab.lora.snapshot(training_id).losses)
    app.run()
    assert any(re.search(rf"step [1-4] of {TRAIN_STEPS}", element.value) for element in app.markdown)
    lab.lora.cancel(training_id)


def test_new_weights_are_opened_with_both_figures_and_the_next_steps(open_app: Opener) -> None:
    """Once a training is done its weights are open: quality before and after, each with its interval, and two ways on.

    What the user opens afterwards stays open.
    """
    lab = memory_lab()
    app = _open(lab, open_app)
    lab.memory.library.kept = [memory_weights(key="old")]
    app.button(key="train_start").click().run()
    until(lambda: not lab.lora.snapshot(app.session_state[state.TRAINING]).is_running)
    app.run()
    assert not app.exception
    key = lab.lora.snapshot(app.session_state[state.TRAINING]).weights_key
    assert app.selectbox(key=state.WEIGHTS_OPEN).value == key
    figures = {metric.label: metric.value for metric in app.metric}
    assert {"Before", "After"} <= figures.keys()
    assert sum("95 % interval" in caption.value for caption in app.caption) == 2
    app.selectbox(key=state.WEIGHTS_OPEN).set_value("old").run()
    app.run()
    assert app.selectbox(key=state.WEIGHTS_OPEN).value == "old"


def test_weights_are_tried_in_the_playground(open_app: Opener) -> None:
    """'Try it' opens the Playground on these very weights, though others that fit are newer."""
    lab = memory_lab()
    lab.memory.library.kept = [memory_weights(key="newer"), memory_weights()]
    app = _open(lab, open_app)
    app.selectbox(key=state.WEIGHTS_OPEN).set_value(memory_weights().key).run()
    app.button(key="weights_try").click().run()
    assert not app.exception
    assert app.selectbox(key=state.PLAY_WEIGHTS).value == memory_weights().key


def test_weights_are_compared_with_what_they_were_trained_on(open_app: Opener) -> None:
    """'Compare' opens Run on the task, model, training rows and seed of the weights, so that the run reuses them."""
    lab = memory_lab()
    lab.memory.library.kept = [memory_weights(rows=20, seed=3)]
    app = _open(lab, open_app)
    app.selectbox(key=state.WEIGHTS_OPEN).set_value(memory_weights().key).run()
    app.button(key="weights_compare").click().run()
    assert not app.exception
    assert [field.value for field in app.number_input if field.label == "Training rows"] == [20]
    assert app.number_input(key=state.SEED).value == 3


def test_weights_are_compared_as_they_were_trained(open_app: Opener) -> None:
    """With another rank the usual training would make other weights: Run trains as these were, says so, and can leave it."""
    lab = memory_lab()
    usual = asdict(LoraSpec())
    lab.memory.library.kept = [memory_weights(parameters={**usual, "rank": 16, "epochs": 10, "prompts": "served"})]
    app = _open(lab, open_app)
    app.selectbox(key=state.WEIGHTS_OPEN).set_value(memory_weights().key).run()
    app.button(key="weights_compare").click().run()
    told = " ".join(caption.value for caption in app.caption).replace("\\", "")
    assert "LoRA is trained as the saved weights were: rank 16 and epochs 10." in told
    app.switch_page(state.RUN_PAGE).run()  # where a browser is already
    next(button for button in app.button if button.label == "Run").click().run()
    assert not app.exception
    trained = {one.id: one.lora for one in lab.last_plan().variants if one.lora is not None}
    assert {(spec.rank, spec.epochs) for spec in trained.values()} == {(16, 10)}
    assert trained["lora"].prompts is TrainingPrompts.PLAIN
    lab.memory.library.kept = [memory_weights(parameters=usual)]
    again = _open(lab, open_app)
    again.selectbox(key=state.WEIGHTS_OPEN).set_value(memory_weights().key).run()
    again.button(key="weights_compare").click().run()
    assert not any("as the saved weights were" in caption.value for caption in again.caption)
    lab.close()


def test_what_no_training_measured_is_said_in_words(open_app: Opener) -> None:
    """Weights that a run trained have no quality of their own: the page says so, and never 'None'."""
    lab = memory_lab()
    lab.memory.library.kept = [memory_weights(before=None, after=None)]
    app = _open(lab, open_app)
    app.selectbox(key=state.WEIGHTS_OPEN).set_value(memory_weights().key).run()
    assert any("measured by that run" in caption.value for caption in app.caption)
    assert "None" not in app.dataframe[-1].value.to_string()


def test_what_was_ordered_is_kept_while_another_page_is_open(open_app: Opener) -> None:
    """Rows and parameters, as task and model are; more rows than the task still has are lowered to what it has."""
    lab = memory_lab()
    app = _open(lab, open_app)
    wanted = {"train_rows_tickets": 20, "train_epochs": 3, "train_rate": 0.002, "train_rank": 4, "train_alpha": 8.0,
              "train_batch": 2, "train_dropout": 0.1, "train_seed": 3}  # fmt: skip
    for key, value in wanted.items():
        app.number_input(key=key).set_value(value)
    app.slider(key="train_share").set_value(0.25).run()
    app.switch_page("pages/decide/history.py").run()
    app.switch_page(PAGE).run()
    assert not app.exception
    assert {key: app.number_input(key=key).value for key in wanted} == wanted
    assert app.slider(key="train_share").value == 0.25
    app.switch_page("pages/decide/history.py").run()
    app.session_state["train_rows_tickets"] = 10_000
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.number_input(key="train_rows_tickets").value == 60
