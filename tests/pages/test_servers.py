"""Servers and what they cost, on screen: entering one, getting a model, confirming a price, models side by side."""

from __future__ import annotations

import time

from streamlit.testing.v1 import AppTest

from engine.core.model_servers import ServerState
from engine.core.prices import TokenPrices
from engine.core.run.events import RunEnded
from engine.core.variant import Technique
from engine.services.pull import Pull
from tests.fake_laboratory import HOSTILE, FakeLaboratory, fake_model, script
from tests.pages.conftest import Opener

MODELS, RUN, HISTORY = "pages/prepare/models.py", "pages/compare/run.py", "pages/decide/history.py"
PRICES = TokenPrices(source="openai/small", input_usd=0.1, cached_input_usd=0.01, output_usd=0.4)


def test_a_server_is_entered_and_forgotten(open_app: Opener) -> None:
    """A name and an address make a server, a wrong address is told with the right form, and it can be forgotten."""
    lab = FakeLaboratory()
    app = open_app(lab).run().switch_page(MODELS).run()
    app.text_input(key="server_name").input("box")
    app.text_input(key="server_url").input("nonsense").run()
    next(button for button in app.button if button.label == "Add the server").click().run()
    assert any("Write it like" in error.value for error in app.error)
    app.text_input(key="server_url").input("http://127.0.0.1:8080/v1").run()
    next(button for button in app.button if button.label == "Add the server").click().run()
    assert [server.name for server in lab.servers.found] == ["box"]
    assert any("BOX_API_KEY" in text.value for text in app.markdown)
    app.button(key="forget_box").click().run()
    assert lab.servers.found == []
    assert not app.exception


def test_a_server_that_is_away_says_why(open_app: Opener) -> None:
    """A server that does not answer is shown with its problem, as text, whatever is in it."""
    lab = FakeLaboratory()
    lab.servers.found = [
        ServerState(
            name="ollama", url="http://box:11434", kind="", models=0, problem=f"Nothing answers. {HOSTILE}",
            key_variable="OLLAMA_API_KEY", has_key=False, entered=False,
        )
    ]  # fmt: skip
    app = open_app(lab).run().switch_page(MODELS).run()
    assert any("Nothing answers" in caption.value for caption in app.caption)
    assert not any("<script>" in caption.value for caption in app.caption)
    assert not any(button.label == "Get it" for button in app.button)


def test_a_model_is_got_through_ollama(open_app: Opener) -> None:
    """Getting a model shows how far it is and ends by itself."""
    lab = FakeLaboratory()
    lab.servers.found = [
        ServerState(
            name="ollama", url="http://127.0.0.1:11434", kind="Ollama 0.12.11", models=1, problem="",
            key_variable="OLLAMA_API_KEY", has_key=False, entered=False,
        )
    ]  # fmt: skip
    app = open_app(lab).run().switch_page(MODELS).run()
    app.text_input(key="pull_name").input("tiny:1b").run()
    next(button for button in app.button if button.label == "Get it").click().run()
    until = time.monotonic() + 10
    while app.session_state["pull"].is_running and time.monotonic() < until:
        time.sleep(0.01)
    app.run()
    assert lab.servers.pulled == ["tiny:1b"]
    assert not app.exception


def test_a_stopped_pull_ends() -> None:
    """A pull that is stopped ends without an error and without its model."""
    lab = FakeLaboratory()
    pull = Pull(lab.servers, "tiny:1b")  # type: ignore[arg-type]
    pull.cancel()
    until = time.monotonic() + 10
    while pull.is_running and time.monotonic() < until:
        time.sleep(0.01)
    assert not pull.is_running
    assert pull.error is None


def test_models_of_servers_stand_in_the_list(open_app: Opener) -> None:
    """A model at a server is offered with whose it is, and listed with its address."""
    remote = fake_model(
        id="ollama/tiny:1b", name="tiny:1b", backend="ollama", server="http://127.0.0.1:11434", path="",
        chat_template=None, digest="cd" * 32, parameters=0, size_bytes=0, context_tokens=0,
    )  # fmt: skip
    lab = FakeLaboratory(models=[fake_model(), remote])
    app = open_app(lab).run()
    assert "tiny:1b · ollama (ollama)" in app.selectbox(key="setup_model").options
    app.switch_page(MODELS).run()
    assert not app.exception
    assert list(app.dataframe[0].value["Where"]) == ["this machine", "http://127.0.0.1:11434"]


def test_what_costs_money_is_confirmed_first(open_app: Opener) -> None:
    """At a closed API the run starts only after its estimate was agreed to, and carries the limit."""
    lab = FakeLaboratory()
    lab.prices = PRICES
    app = open_app(lab).run()
    assert any("0.1200 USD" in text.value for text in app.markdown)
    run = next(button for button in app.button if button.label == "Run")
    assert run.disabled
    next(box for box in app.checkbox if box.label == "Spend it").check().run()
    run = next(button for button in app.button if button.label == "Run")
    assert not run.disabled
    run.click().run()
    assert lab.started[0].spending_limit_usd == 0.18


def test_models_stand_side_by_side_in_history(open_app: Opener) -> None:
    """Two models that ran one task are compared by technique; the words say whether the order holds."""
    lab = FakeLaboratory(models=[fake_model(), fake_model(id="other", name="Other")])
    techniques = [Technique.ZERO_SHOT, Technique.RAG, Technique.LORA]
    for model in ("fake-135m", "other"):
        plan = lab.plan(task_id="fake-tickets", model_id=model, techniques=techniques, limit=20)
        events = script(plan, lab.task("fake-tickets"))
        lab.play(plan, [*events, RunEnded(status="done")])
    app = open_app(lab).run()
    app.session_state["history_tab"] = "Models and techniques"
    app.switch_page(HISTORY).run()
    assert not app.exception
    assert any("tau" in caption.value for caption in app.caption)


def test_thinking_is_shown_apart_from_the_answer() -> None:
    """What a model thought is shown with its time, as text, beside what it wrote."""

    def page() -> None:
        from components.ui.row_detail import inside
        from engine.core.run.prediction import Prediction, Timing
        from tests.fake_laboratory import HOSTILE

        inside(
            Prediction(
                run_id="r", variant_id="v", technique="zero-shot", example_id="e", target="t", text="billing",
                thinking=f"Is it a charge? {HOSTILE}", timing=Timing(thinking_s=1.25),
            )
        )  # fmt: skip

    app = AppTest.from_function(page).run()
    assert not app.exception
    assert any("thought" in caption.value and "1.2" in caption.value for caption in app.caption)
    assert [code.value[:15] for code in app.code] == ["billing", "Is it a charge?"]
