"""How each answer came about: one tab for each, of which only the open one is worked out."""

from __future__ import annotations

from dataclasses import replace

from streamlit.testing.v1 import AppTest

from components.playground.view import answers_of
from components.rows.row_detail import answers_frame
from engine.core.run.prediction import Prediction
from engine.core.techniques import Technique
from engine.core.variant import variant_names
from engine.services.playground import PlayLane, PlaySnapshot, Question
from tests.memory_lab import memory_lab


def page() -> None:
    """Show two answers."""
    from components.rows.row_detail import insides
    from engine.core.run.prediction import Prediction, Timing
    from tests.memory_lab import HOSTILE

    thought = Prediction(
        run_id="r", variant_id="v", technique="zero-shot", example_id="e", target="t", text="billing",
        thinking=f"Is it a charge? {HOSTILE}", timing=Timing(thinking_s=1.25),
    )  # fmt: skip
    plain = Prediction(run_id="r", variant_id="w", technique="rag", example_id="e", target="t", text="hardware")
    insides([("Zero-shot", thought), ("RAG", plain)], key="row")


def test_thinking_is_shown_apart_from_the_answer() -> None:
    """What a model thought is shown with its time, as text, beside what it wrote."""
    app = AppTest.from_function(page).run()
    assert not app.exception
    assert any("thought" in caption.value and "1.2" in caption.value for caption in app.caption)
    assert [code.value[:15] for code in app.code] == ["billing", "Is it a charge?"]


def test_only_the_open_answer_is_sent() -> None:
    """The first tab is open; with another one, only that answer is on the page."""
    app = AppTest.from_function(page)
    app.session_state["row_insides"] = "RAG"
    app.run()
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Zero\\-shot", "RAG"]
    assert [code.value for code in app.code] == ["hardware"]


def test_two_variants_of_one_name_are_told_apart() -> None:
    """With two embedders there are two RAG: the id is added, so that each has a tab of its own."""
    lab = memory_lab()
    plan = lab.results.plan(lab.finished(rows=3, techniques=[Technique.ZERO_SHOT, Technique.RAG]))
    two = (*plan.variants, replace(plan.variants[-1], id="rag-other"))
    made = [Prediction(run_id="r", variant_id=v.id, technique=v.technique, example_id="e", target="t") for v in two]
    lanes = tuple(PlayLane(variant=v, state="done", prediction=one) for v, one in zip(two, made, strict=True))
    question = Question(task_id="t", model_id="m", text="x", variants=two)
    snapshot = PlaySnapshot(question=question, status="done", message="", fix="", stage="", lanes=lanes)
    assert [name for name, _ in answers_of(snapshot)] == ["Zero-shot", "RAG", "RAG (rag-other)"]
    assert answers_frame(made, variant_names(two))["Variant"].to_list() == ["Zero-shot", "RAG", "RAG (rag-other)"]
