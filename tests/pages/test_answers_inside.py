"""How each answer came about: one tab for each, of which only the open one is worked out."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


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
    assert [tab.label for tab in app.tabs] == ["Zero-shot", "RAG"]
    assert [code.value for code in app.code] == ["hardware"]
