"""Every page, rendered from `app.py` by AppTest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.core.generation import ModelOffer
from engine.core.run.infos import TaskSetAside
from engine.core.task import AnswerKind, AnswerSpec
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode
from tests.memory_lab import TASK, memory_lab, memory_model, memory_task
from tests.pages.conftest import ROOT, Opener

FIELDS = ("number_input", "selectbox", "text_input", "text_area", "slider", "select_slider", "checkbox", "multiselect")
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages").glob("*/[!_]*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(page: str, open_app: Opener) -> None:
    """No page raises on a machine with a task and a model and no run."""
    app = open_app(memory_lab()).run()
    app.switch_page(page).run()
    assert not app.exception
    assert app.title


@pytest.mark.parametrize("page", PAGES)
def test_a_page_drawn_again_leaves_fields_alone(page: str, open_app: Opener) -> None:
    """What a page sends for a field's value takes the place of what was typed while the page was being drawn."""
    app = open_app(memory_lab(), page=page).run().run()
    fields = [part for kind in FIELDS for part in app.get(kind) if not part.proto.disabled]
    assert not [part.key for part in fields if getattr(part.proto, "set_value", False)]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_models(page: str, open_app: Opener) -> None:
    """A machine without any model gets words and a fix, not an exception."""
    app = open_app(memory_lab(models=())).run()
    app.switch_page(page).run()
    assert not app.exception


def test_a_task_that_cannot_be_read_is_set_aside(open_app: Opener) -> None:
    """The page of tasks names the folder, the reason and the fix, and shows the others."""
    lab = memory_lab()
    lab.memory.tasks.faulty = [TaskSetAside(id="b*d", what="schema.json leads in a circle.", fix="Mend it.")]
    app = open_app(lab).run()
    app.switch_page("pages/prepare/tasks.py").run()
    assert not app.exception
    assert any("1 folder that cannot be read" in part.label for part in app.expander)
    assert any(part.value == "b*d: schema.json leads in a circle. Mend it." for part in app.text)


def test_pages_holds_folders_only() -> None:
    """Flat files in `pages/` would be taken up by Streamlit's old page discovery."""
    assert [path.name for path in (ROOT / "pages").iterdir() if path.is_file()] == ["__init__.py"]


def test_first_visit_says_what_to_do(open_app: Opener) -> None:
    """With no run at all the page explains the one thing to press."""
    app = open_app(memory_lab()).run()
    assert any("No run yet" in element.value for element in app.markdown)
    assert [button.label for button in app.button] == ["Run"]


def test_run_starts_what_was_chosen(open_app: Opener) -> None:
    """The plan that is started carries the choices on screen, and its run is on screen and in the URL."""
    lab = memory_lab(speed=50)
    app = open_app(lab).run()
    app.number_input(key="setup_rows").set_value(7)
    app.number_input(key="setup_seed").set_value(3)
    app.run()
    app.button[0].click().run()
    assert not app.exception
    plan = lab.last_plan()
    assert (len(plan.test_ids), plan.seed, len(plan.variants)) == (7, 3, 6)
    assert app.query_params["run_id"] == plan.run_id
    assert any(button.label == "Stop" for button in app.button) or any("Done" in m.value for m in app.markdown)


def test_problems_block_the_button(open_app: Opener) -> None:
    """A plan that cannot start is told with its fix, and cannot be started."""
    lab = memory_lab()
    lab.memory.machine.free_bytes = 500_000_000
    app = open_app(lab).run()
    assert app.button[0].disabled
    assert "choose a smaller model" in app.error[0].value


def test_no_variant_is_told(open_app: Opener) -> None:
    """Without a variant there is nothing to run and the page says so."""
    app = open_app(memory_lab()).run()
    app.get("pills")[0].set_value([]).run()
    assert "Choose at least one variant" in app.info[0].value


def test_terms_come_before_the_first_use(open_app: Opener) -> None:
    """A model with terms runs only once they are accepted."""
    app = open_app(memory_lab(models=[memory_model(terms="Use it kindly. <b>Always</b>.")])).run()
    assert app.button[0].disabled
    app.checkbox[0].check().run()
    assert not app.button[0].disabled


def test_fewer_rows_in_another_task_are_kept_to(open_app: Opener) -> None:
    """A number of rows kept from a larger task does not exceed a smaller one."""
    app = open_app(memory_lab(task=memory_task(rows=5)))
    app.session_state["setup_rows"] = 100
    app.session_state[f"setup_train_rows_{TASK}"] = 100
    app.run()
    assert not app.exception
    assert app.number_input(key="setup_rows").value == 5
    assert app.number_input(key=f"setup_train_rows_{TASK}").value == 5


def test_a_number_that_was_lowered_comes_back(open_app: Opener) -> None:
    """The rows of a small task do not stay when a larger one is chosen again, but what the user then chose does."""
    small = replace(memory_task(rows=5), id="small", title="Small")
    app = open_app(memory_lab(task=memory_task(rows=150), tasks=[small])).run()
    app.number_input(key="setup_rows").set_value(120).run()
    app.selectbox(key="setup_task").set_value("small").run()
    assert app.number_input(key="setup_rows").value == 5
    app.selectbox(key="setup_task").set_value(TASK).run()
    assert app.number_input(key="setup_rows").value == 120
    app.selectbox(key="setup_task").set_value("small").run()
    app.number_input(key="setup_rows").set_value(3).run()
    app.selectbox(key="setup_task").set_value(TASK).run()
    assert app.number_input(key="setup_rows").value == 3


def test_history_lists_runs(open_app: Opener) -> None:
    """A kept run is in the table with its state."""
    lab = memory_lab()
    run_id = lab.finished(rows=4)
    app = open_app(lab).run()
    app.switch_page("pages/decide/history.py").run()
    assert not app.exception
    assert list(app.dataframe[0].value["Run"]) == [run_id]


def test_a_task_without_labels_offers_what_fits_it(open_app: Opener) -> None:
    """Where answers are free text there is no classifier and no choice among labels to pick."""
    task = replace(memory_task(), answer=AnswerSpec(kind=AnswerKind.TEXT))
    lab = memory_lab(task=task, speed=50)
    app = open_app(lab).run()
    app.button[0].click().run()
    assert not app.exception
    assert Technique.CLASSIFIER not in {variant.technique for variant in lab.last_plan().variants}
    assert lab.last_plan().decoding is DecodingMode.FREE


def test_throughput_and_seed_are_passed_on(open_app: Opener) -> None:
    """What stands under Options reaches the plan."""
    lab = memory_lab(speed=50)
    app = open_app(lab).run()
    app.toggle(key="setup_throughput").set_value(True)
    app.number_input(key=f"setup_train_rows_{TASK}").set_value(20)
    app.run()
    app.button[0].click().run()
    assert lab.last_plan().throughput
    assert len(lab.last_plan().train_ids) == 20


def test_terms_are_shown_before_first_use(open_app: Opener) -> None:
    """A model under terms is named with them, and only a press of the button makes it usable."""
    lab = memory_lab()
    lab.memory.models.offered = [
        ModelOffer(id="gemma3-270m", name="Gemma 3 270M (base)", terms="Under the Gemma Terms of Use")
    ]
    app = open_app(lab).run()
    app.switch_page("pages/prepare/models.py").run()
    assert any("Gemma Terms" in element.value for element in app.text)
    assert not lab.memory.models.accepted
    app.button(key="accept_gemma3-270m").click().run()
    assert not app.exception
    assert lab.memory.models.accepted == ["gemma3-270m"]


def test_cost_assumptions_can_be_edited(open_app: Opener) -> None:
    """What costs are estimated from is the user's to change, and goes into the plan."""
    lab = memory_lab(speed=50)
    app = open_app(lab).run()
    app.number_input(key="setup_watts").set_value(65.0)
    app.run()
    app.button[0].click().run()
    assert lab.last_plan().costs.watts == 65.0
