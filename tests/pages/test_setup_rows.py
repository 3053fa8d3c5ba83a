"""Training rows on the Run page: the default by labels, what is told of labels without rows, and the offer of more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from engine.core.run.events import RunEnded
from engine.core.task import AnswerKind, AnswerSpec
from engine.core.techniques import Technique
from engine.core.variant import PriorCorrection
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_task, script
from tests.pages.conftest import Opener
from tests.pages.upload_screen import Screen

MANY = tuple(f"intent_{number:02}" for number in range(77))
ROWS = f"setup_train_rows_{TASK}"


def many_labels_lab(speed: float = 50) -> MemoryLab:
    """Open a lab whose first task has 77 labels with ten rows each, and another one five labels."""
    return memory_lab(task=memory_task(MANY, rows=770), tasks=[memory_task(id="few", title="Few labels")], speed=speed)


def told(app: AppTest) -> str:
    """Return what warnings and captions say, without the signs that keep text from being markup."""
    return "\n".join(element.value for element in [*app.warning, *app.caption]).replace("\\", "")


def test_each_label_has_a_row_by_default(open_app: Opener) -> None:
    """77 labels are 77 rows, nothing is missing, and eight for each are offered with their time."""
    lab = many_labels_lab()
    app = open_app(lab).run()
    assert app.number_input(key=ROWS).value == 77
    assert not app.warning
    assert "With 8 training rows for each label (616 in all) the run would take about" in told(app)
    app.button(key="more_train_rows").click().run()
    assert not app.exception
    assert _rows(app) == 616
    assert not app.warning
    assert "With 8 training rows" not in told(app)
    app.button[0].click().run()
    assert len(lab.last_plan().train_ids) == 616


def test_another_task_has_its_own_number_of_rows(open_app: Opener) -> None:
    """What was chosen for 77 labels is not taken to a task with five, and is still there on the way back."""
    app = open_app(many_labels_lab()).run()
    app.button(key="more_train_rows").click().run()
    app.selectbox(key="setup_task").set_value("few").run()
    assert not app.exception
    assert app.number_input(key="setup_train_rows_few").value == 50
    assert not _has_offer(app)
    app.selectbox(key="setup_task").set_value(TASK).run()
    assert _rows(app) == 616


def _rows(app: AppTest) -> int:
    (rows,) = [field.value for field in app.number_input if field.label == "Training rows"]
    return int(rows)


def _has_offer(app: AppTest) -> bool:
    return any(button.key == "more_train_rows" for button in app.button)


def test_labels_without_rows_are_told_before_the_run(open_app: Opener) -> None:
    """Fewer rows than labels are the user's choice, and the highest figure that they allow is told."""
    lab = many_labels_lab()
    app = open_app(lab).run()
    app.number_input(key=ROWS).set_value(50)
    app.run()
    assert len(app.warning) == 1
    assert told(app).startswith("27 of 77 labels have no training row: ")
    assert "of 100 test rows have such a label, so a variant that only knows labels it has seen gets" in told(app)
    assert _has_offer(app)
    app.button[0].click().run()
    assert len(lab.last_plan().train_ids) == 50


def test_labels_without_rows_are_told_during_and_after_the_run(open_app: Opener) -> None:
    """The header of a run says how many rows it learned from, and which labels have none, in the same words."""
    lab = many_labels_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.CLASSIFIER], limit=30, train_rows=50)
    events = script(plan, lab.tasks.get(TASK))
    for ended in ([], [RunEnded(status="done")]):
        lab.memory.store._manifests.pop(plan.run_id, None)
        run_id = lab.play(plan, [*events, *ended])
        app = open_app(lab)
        app.query_params["run_id"] = run_id
        app.run()
        assert not app.exception
        assert "50 training rows" in told(app)
        assert "27 of 77 labels have no training row: " in told(app)
        assert "of 30 test rows have such a label" in told(app)


def test_weights_are_trained_on_the_rows_that_a_run_would_draw(open_app: Opener) -> None:
    """The Train page begins with the same number of rows, so that a run finds its weights."""
    app = open_app(many_labels_lab()).run()
    app.switch_page("pages/prepare/train.py").run()
    assert not app.exception
    assert app.number_input(key=f"train_rows_{TASK}").value == 77


def test_a_new_task_of_many_labels_says_what_a_comparison_will_learn_from(opened: Callable[..., Screen]) -> None:
    """Saved with 12 labels of ten training rows: 50 rows by default, and eight for each label to be had."""
    lines = ["message,desk,split"]
    for label in "abcdefghijkl":
        lines += [f"message {n} of {label * 3} on day {n * 7919},{label},train" for n in range(10)]
        lines += [f"a test message of {label * 3} on day {n * 104729},{label},test" for n in range(2)]
    screen = opened("\n".join(lines) + "\n")
    for _ in range(6):
        screen.next()
    screen.app.button(key="save_task").click().run()
    assert not screen.app.exception
    assert "It has 12 labels, and a comparison learns from 50 rows by default." in screen.texts()
    assert "offers 8 rows for each label" in screen.texts()


@pytest.mark.parametrize("wanted", [None, PriorCorrection.OFF, PriorCorrection.ON])
def test_prior_correction_is_chosen_on_the_run_page(open_app: Opener, wanted: PriorCorrection | None) -> None:
    """Auto unless the user says otherwise, and then what the user says."""
    lab = memory_lab(speed=50)
    app = open_app(lab).run()
    if wanted is not None:
        controls = {control.key: control for control in app.get("segmented_control")}
        controls["setup_prior_correction"].set_value(wanted).run()
    app.button[0].click().run()
    assert not app.exception
    chosen = lab.last_plan().variants[0].decoding.prior_correction
    assert chosen is (wanted or PriorCorrection.AUTO)


def test_answers_that_are_no_labels_have_no_prior(open_app: Opener) -> None:
    """There is nothing to choose."""
    app = open_app(
        memory_lab(
            task=memory_task(answer=AnswerSpec(kind=AnswerKind.TEXT), primary_scorer="chrf", scorers=("chrf",)),
            speed=50,
        )
    ).run()
    assert "setup_prior_correction" not in {control.key for control in app.get("segmented_control")}


def test_a_race_is_a_switch(open_app: Opener) -> None:
    """Off unless the user wants it."""
    lab = memory_lab(speed=50)
    app = open_app(lab).run()
    app.toggle(key="setup_race").set_value(True).run()
    app.button[0].click().run()
    assert not app.exception
    assert lab.last_plan().race


def test_spending_what_a_race_saves_is_a_switch_beside_it(open_app: Opener) -> None:
    """It waits for the race; what can be given at most is said before the run, and the plan has it."""
    lab = memory_lab(speed=50)
    app = open_app(lab).run()
    assert app.toggle(key="setup_spend_saved").disabled
    app.number_input(key="setup_rows").set_value(20).run()
    app.toggle(key="setup_race").set_value(True).run()
    assert not app.toggle(key="setup_spend_saved").disabled
    app.toggle(key="setup_spend_saved").set_value(True).run()
    assert any("up to 40 further test rows each" in caption.value for caption in app.caption)
    app.button[0].click().run()
    assert not app.exception
    assert lab.last_plan().spend_saved
    app = open_app(memory_lab(speed=50)).run()
    app.toggle(key="setup_race").set_value(True).run()
    app.toggle(key="setup_spend_saved").set_value(True).run()
    app.toggle(key="setup_race").set_value(False).run()
    assert app.toggle(key="setup_spend_saved").disabled
    app.button[0].click().run()
    assert not app.exception, "a switch that was left on does not stand in the way of a run without a race"


def test_labels_that_do_not_fit_stop_the_run_before_it_begins(open_app: Opener) -> None:
    """The Run page says with figures whose prompts do not fit, and cannot start them; with RAG alone it says what it shows."""
    labels = [f"request {n} about one of many things of this kind" for n in range(300)]
    instructions = "\n".join(["Sort the message into one of:", *labels])
    lab = memory_lab(speed=50, task=memory_task(labels=labels, rows=300, instructions=instructions))
    app = open_app(lab).run()
    assert any("With all 300 labels, prompt and answer do not fit into the context" in one.value for one in app.error)
    assert app.button[0].disabled
    pills = next(group for group in app.get("button_group") if group.key.startswith("setup_techniques"))
    pills.set_value([Technique.RAG]).run()
    assert not app.exception
    assert not app.error
    assert any("only the labels of the 4 examples that it finds" in one.value for one in app.caption)
