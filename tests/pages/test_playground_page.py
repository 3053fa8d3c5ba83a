"""The Playground page on a bench without models."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from adapters.models.openai_compatible.dialects import LLAMA_SERVER
from components.ui import state
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, SearchMode
from tests.memory_lab import (
    HOSTILE,
    MODEL,
    TASK,
    MemoryLab,
    memory_lab,
    memory_model,
    memory_task,
    memory_weights,
    until,
)
from tests.pages.conftest import Opener

PAGE = "pages/compare/playground.py"


def _open(lab: MemoryLab, open_app: Opener) -> AppTest:
    app = open_app(lab).run()
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def _answered(lab: MemoryLab, app: AppTest) -> AppTest:
    app.button(key="play_answer").click().run()
    assert not app.exception
    until(lambda: not lab.playground.snapshot(app.session_state["play_ask"]).is_running)
    app.run()
    assert not app.exception
    return app


def _lanes(app: AppTest) -> list[dict[str, Any]]:
    found = [json.loads(item.proto.json) for item in app.get("bidi_component") if "lanes" in item.proto.component_name]
    lanes: list[dict[str, Any]] = found[0]["lanes"]
    return lanes


def test_a_press_without_an_input_says_what_is_missing(open_app: Opener) -> None:
    """The button is never off for want of an input: pressed, it names what is missing, and asks nothing."""
    app = _open(memory_lab(), open_app)
    assert not app.button(key="play_answer").disabled
    app.button(key="play_answer").click().run()
    assert "no input" in app.warning[0].value
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    next(pills for pills in app.pills if pills.label == "Variants").set_value([]).run()
    app.button(key="play_answer").click().run()
    assert "No variant" in app.warning[0].value
    assert state.PLAY_ASK not in app.session_state


def test_answers_are_marked_as_earlier_after_any_change(open_app: Opener) -> None:
    """A changed input or setting marks the answers as earlier ones and names the change; taken back, they are current."""
    lab = memory_lab()
    app = _open(lab, open_app)
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    app = _answered(lab, app)
    assert any("Answered" in element.value for element in app.markdown)
    app.slider(key="play_shots_tickets").set_value(2).run()
    app.text_area(key="play_text").set_value("Where is it?").run()
    assert any("Earlier answers" in element.value for element in app.markdown)
    (told,) = (element.value for element in app.markdown if "Since then you changed" in element.value)
    assert "the input and the examples in the prompt" in told
    app.slider(key="play_shots_tickets").set_value(5).run()
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    assert not any("Earlier answers" in element.value for element in app.markdown)


def test_weights_are_named_without_escapes(open_app: Opener) -> None:
    """A select shows text as it is: the task's name comes without Markdown's backslashes."""
    lab = memory_lab()
    lab.memory.library.kept = [memory_weights(task_id="support-tickets")]
    app = _open(lab, open_app)
    (named,) = app.selectbox(key=state.PLAY_WEIGHTS).options
    assert named.startswith("support-tickets · 50 rows")


def test_all_variants_answer_side_by_side(open_app: Opener) -> None:
    """One press gives a lane per variant with answer, probabilities, tokens and times, and a tab with its prompt."""
    lab = memory_lab()
    app = _open(lab, open_app)
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    app = _answered(lab, app)
    lanes = _lanes(app)
    assert [lane["name"] for lane in lanes] == ["Zero-shot", "Few-shot", "RAG", "Classifier"]
    assert all(lane["answer"]["text"] and lane["bars"] for lane in lanes)
    assert {lane["answer"]["mark"] for lane in lanes} == {"none"}
    assert any("Where is my parcel?" in code.value for code in app.code)


def test_a_row_brings_its_target_and_is_marked(open_app: Opener) -> None:
    """A row of the task fills input and right answer, so that each answer is marked at once."""
    lab = memory_lab()
    app = _open(lab, open_app)
    app.selectbox(key="play_row").set_value("test-002").run()
    assert [field.value for field in app.text_area if field.label == "Input"] == ["Where is my parcel? Order 2"]
    app = _answered(lab, app)
    assert {lane["answer"]["mark"] for lane in _lanes(app)} <= {"right", "wrong"}


def test_a_change_is_shown_against_the_question_before(open_app: Opener) -> None:
    """Edited instructions are named as the change, with answers and tokens before and now."""
    lab = memory_lab()
    app = _open(lab, open_app)
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    app = _answered(lab, app)
    app.text_area(key="play_instructions_tickets").set_value("Say it.").run()
    app = _answered(lab, app)
    assert any("the instructions" in caption.value for caption in app.caption)
    changes = next(frame.value for frame in app.dataframe if "Before" in frame.value)
    prompts = changes[changes["Variant"] == "Zero-shot"]
    assert prompts["Prompt tokens before"].item() != prompts["Prompt tokens now"].item()


def test_lora_appears_with_weights_that_fit(open_app: Opener) -> None:
    """Variants with LoRA can be asked once weights for this model are kept, and the scale can be set."""
    lab = memory_lab()
    lab.memory.library.kept = [memory_weights()]
    app = _open(lab, open_app)
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    app.slider(key="play_lora_scale").set_value(0.5).run()
    app = _answered(lab, app)
    assert {"LoRA", "RAG + LoRA"} <= {lane["name"] for lane in _lanes(app)}
    asked = lab.playground.snapshot(app.session_state["play_ask"])
    assert {variant.lora_scale for variant in asked.question.variants} == {0.5}


def test_lora_is_offered_where_the_server_can_hold_weights(open_app: Opener) -> None:
    """It is not chosen at first, since the server may hold none; chosen, it answers with what the server holds."""
    lab = memory_lab(models=[memory_model(server="http://127.0.0.1:8080/v1")])
    lab.memory.models.able[MODEL] = LLAMA_SERVER.capabilities
    app = _open(lab, open_app)
    variants = next(pills for pills in app.pills if pills.label == "Variants")
    assert "LoRA" in variants.options
    assert Technique.LORA not in variants.value
    assert any("weights that this model's server holds" in caption.value for caption in app.caption)
    variants.set_value([Technique.ZERO_SHOT, Technique.LORA]).run()
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    app = _answered(lab, app)
    assert [lane["name"] for lane in _lanes(app)] == ["Zero-shot", "LoRA"]
    assert lab.playground.snapshot(app.session_state["play_ask"]).status == "done"


def test_a_run_under_way_is_told(open_app: Opener) -> None:
    """While a run measures, the button is off and the run can be reached."""
    lab = memory_lab()
    lab.memory.answers.hold()
    lab.runs.start(lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=50))
    app = open_app(lab).run()
    app.switch_page(PAGE).run()
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    assert app.button(key="play_answer").disabled
    assert any("run is in progress" in element.value for element in app.markdown)


def test_a_row_is_added_with_the_users_target(open_app: Opener) -> None:
    """The input on screen goes into the task under the target that the user chose, and the page says where."""
    lab = memory_lab()
    app = _open(lab, open_app)
    app.text_area(key="play_text").set_value("My parcel is wet").run()
    app = _answered(lab, app)
    app.selectbox(key="play_add_label").set_value("delivery_order")
    next(button for button in app.button if button.label == "Add the row").click().run()
    assert not app.exception
    row = lab.tasks.get(f"{TASK}-own").examples[-1]
    assert (row.input, row.target, row.split) == ("My parcel is wet", "delivery_order", "train")
    assert any("own" in element.value for element in app.success)


def test_answers_and_inputs_are_text(open_app: Opener) -> None:
    """Markup in inputs and answers reaches no Markdown element."""
    lab = memory_lab(task=memory_task(text=HOSTILE))
    app = _open(lab, open_app)
    app.text_area(key="play_text").set_value(HOSTILE).run()
    app = _answered(lab, app)
    assert not [element for element in app.markdown if "<script>" in element.value]
    assert not [code for code in app.code if "\u202e" in code.value]


def test_retrieval_and_temperature_go_into_the_question(open_app: Opener) -> None:
    """What is looked up, how it is found, and how freely is written: each variant is asked with what the page shows."""
    lab = memory_lab()
    app = _open(lab, open_app)
    app.text_area(key="play_text").set_value("Where is my parcel?").run()
    app.slider(key=f"play_examples_{TASK}").set_value(2).run()
    app.segmented_control(key=f"play_search_{TASK}").set_value(SearchMode.FULL_TEXT).run()
    app.segmented_control(key="play_decoding_label").set_value(DecodingMode.FREE).run()
    app.slider(key="play_temperature").set_value(0.7).run()
    app = _answered(lab, app)
    variants = {one.technique: one for one in lab.playground.snapshot(app.session_state["play_ask"]).question.variants}
    assert {variants[name].decoding.temperature for name in (Technique.ZERO_SHOT, Technique.RAG)} == {0.7}
    retrieval = variants[Technique.RAG].retrieval
    assert retrieval is not None
    assert (retrieval.examples_k, retrieval.mode) == (2, SearchMode.FULL_TEXT)
