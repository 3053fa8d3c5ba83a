"""Servers and what they cost, on screen: entering one, getting a model, confirming a price, models side by side."""

from __future__ import annotations

from adapters.models.scripted import CAPABILITIES as SCRIPTED
from engine.core.model_servers import NearbyServer, ServerState
from engine.core.techniques import Technique
from engine.metrics import wording as say
from engine.services.models import Pull
from tests.memory_lab import HOSTILE, MODEL, TASK, memory_lab, memory_model, until
from tests.pages.conftest import Opener

MODELS, RUN, HISTORY = "pages/prepare/models.py", "pages/compare/run.py", "pages/decide/history.py"
AT_A_SERVER = [one for one in Technique if "lora" not in one]

OLLAMA = ServerState(
    name="ollama", url="http://127.0.0.1:11434", kind="Ollama 0.12.11", models=1, problem="",
    key_variable="OLLAMA_API_KEY", has_key=False, entered=False,
)  # fmt: skip


def test_a_server_is_entered_and_forgotten(open_app: Opener) -> None:
    """A name and an address make a server, a wrong address is told with the right form, and it can be forgotten."""
    lab = memory_lab()
    app = open_app(lab).run().switch_page(MODELS).run()
    app.text_input(key="server_name").input("box")
    app.text_input(key="server_url").input("nonsense").run()
    next(button for button in app.button if button.label == "Add the server").click().run()
    assert any("Write it like" in error.value for error in app.error)
    app.text_input(key="server_url").input("http://127.0.0.1:8080/v1").run()
    next(button for button in app.button if button.label == "Add the server").click().run()
    assert [server.name for server in lab.memory.servers.found] == ["box"]
    assert any("BOX_API_KEY" in text.value for text in app.markdown)
    app.button(key="forget_box").click().run()
    assert lab.memory.servers.found == []
    assert not app.exception


def test_a_server_nearby_is_offered_with_one_click(open_app: Opener) -> None:
    """What answers on this machine is told, and used once the button is pressed."""
    lab = memory_lab()
    url = "http://127.0.0.1:8080/v1"
    lab.memory.servers.near = [NearbyServer(name="llama", url=url, kind="llama-server", models=1)]
    app = open_app(lab).run().switch_page(MODELS).run()
    assert lab.memory.servers.found == []
    app.button(key=f"use_{url}").click().run()
    assert [server.name for server in lab.memory.servers.found] == ["llama"]
    assert not [button for button in app.button if button.label == "Use it"]
    assert not app.exception


def test_a_server_that_is_away_says_why(open_app: Opener) -> None:
    """A server that does not answer is shown with its problem, as text, whatever is in it."""
    lab = memory_lab()
    lab.memory.servers.found = [
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
    lab = memory_lab()
    lab.memory.servers.found = [OLLAMA]
    app = open_app(lab).run().switch_page(MODELS).run()
    app.text_input(key="pull_name").input("tiny:1b").run()
    next(button for button in app.button if button.label == "Get it").click().run()
    until(lambda: (pull := lab.models.last_pull()) is not None and not pull.is_running)
    app.run()
    assert lab.memory.servers.pulled == ["tiny:1b"]
    assert not app.exception


def test_a_stopped_pull_ends() -> None:
    """A pull that is stopped ends without an error and without its model."""
    lab = memory_lab()
    pull = Pull(lab.memory.servers, "tiny:1b")  # type: ignore[arg-type]
    pull.cancel()
    pull.start()
    until(lambda: not pull.is_running)
    assert pull.error is None


def test_a_stopped_pull_is_told_as_one(open_app: Opener) -> None:
    """No time left is shown of a download that nobody carries on."""
    lab = memory_lab()
    lab.memory.servers.found = [OLLAMA]
    lab.models.pulls.begin("tiny:1b", lambda: Pull(lab.memory.servers, "tiny:1b"))  # type: ignore[arg-type]
    pull = lab.models.last_pull()
    assert pull is not None
    pull.cancel()
    until(lambda: not pull.is_running)
    pull.status = "cancelled"  # it may have been too quick to be stopped
    app = open_app(lab).run().switch_page(MODELS).run()
    assert not app.exception
    assert any("stopped at" in item.value for item in app.caption)


def test_models_of_servers_stand_in_the_list(open_app: Opener) -> None:
    """A model at a server is offered with whose it is, and listed with its address."""
    remote = memory_model(
        id="ollama/tiny:1b", name="tiny:1b", backend="ollama", server="http://127.0.0.1:11434", path="",
        chat_template=None, digest="cd" * 32, parameters=0, size_bytes=0, context_tokens=0,
    )  # fmt: skip
    lab = memory_lab(models=[memory_model(), remote])
    app = open_app(lab).run()
    assert "tiny:1b · ollama (ollama)" in app.selectbox(key="setup_model").options
    app.switch_page(MODELS).run()
    assert not app.exception
    assert list(app.dataframe[0].value["Where"]) == ["this machine", "http://127.0.0.1:11434"]


def test_the_sidebar_says_where_inputs_go(open_app: Opener) -> None:
    """With a model of this machine nothing leaves it; with one elsewhere its host is named, on other pages too."""
    remote = memory_model(id="api/large", name="large", backend="openai", server="https://api.example.com/v1")
    lab = memory_lab(models=[memory_model(), remote])
    app = open_app(lab).run()
    assert "Nothing leaves" in app.sidebar.caption[0].value
    app.selectbox(key="setup_model").set_value(remote.id).run()
    assert "api.example.com" in app.sidebar.caption[0].value.replace("\\", "")
    assert "Nothing leaves" not in app.sidebar.caption[0].value
    app.switch_page(MODELS).run()
    assert "api.example.com" in app.sidebar.caption[0].value.replace("\\", "")


def test_on_drift_the_sidebar_goes_by_the_model_of_the_run(open_app: Opener) -> None:
    """Its variants answer once more where they did in the run, whatever model is chosen for the next one."""
    remote = memory_model(id="api/large", name="large", backend="openai", server="https://api.example.com/v1")
    lab = memory_lab(models=[memory_model(), remote], speed=500)
    here = lab.finished(rows=6, techniques=AT_A_SERVER)
    there = lab.finished(rows=6, techniques=AT_A_SERVER, model_id=remote.id)
    app = open_app(lab).run()
    app.switch_page("pages/decide/drift.py").run()
    for run_id, words in ((there, "api.example.com"), (here, "Nothing leaves")):
        app.selectbox(key="drift_run").set_value(run_id).run()
        assert not app.exception
        assert words in app.sidebar.caption[0].value.replace("\\", "")


def test_what_costs_money_is_confirmed_first(open_app: Opener) -> None:
    """At a closed API the run starts only after its estimate was agreed to, and carries the limit."""
    remote = memory_model(
        id="api/large", backend="openai", server="https://api.example.com/v1", price_ref="openai/gpt-4.1"
    )
    lab = memory_lab(models=[remote], speed=50)
    lab.memory.models.able[remote.id] = SCRIPTED  # no LoRA
    app = open_app(lab).run()
    app.get("pills")[0].set_value(AT_A_SERVER).run()
    rows = app.number_input(key="setup_rows").value
    plan = lab.plans.make(task_id=TASK, model_id=remote.id, techniques=AT_A_SERVER, limit=rows)
    usd = lab.plans.preflight(plan).estimated_cost_usd
    assert usd > 0.01
    assert any(f"**{say.money(usd)}**" in text.value for text in app.markdown)
    run = next(button for button in app.button if button.label == "Run")
    assert run.disabled
    next(box for box in app.checkbox if box.label == "I agree to spend up to this limit").check().run()
    run = next(button for button in app.button if button.label == "Run")
    assert not run.disabled
    run.click().run()
    assert lab.last_plan().spending_limit_usd == round(1.5 * usd, 2)


def test_the_limit_follows_the_estimate_until_it_is_agreed_to(open_app: Opener) -> None:
    """More rows raise the limit that is offered; one that was agreed to stays what it was."""
    remote = memory_model(
        id="api/large", backend="openai", server="https://api.example.com/v1", price_ref="openai/gpt-4.1"
    )
    lab = memory_lab(models=[remote])
    app = open_app(lab).run()
    limits = []
    for rows in (20, 60):
        app.number_input(key="setup_rows").set_value(rows).run()
        limits.append(app.number_input(key=f"setup_spending_limit_{remote.id}").value)
    assert limits[0] < limits[1]
    next(box for box in app.checkbox if box.label == "I agree to spend up to this limit").check().run()
    app.number_input(key="setup_rows").set_value(20).run()
    assert app.number_input(key=f"setup_spending_limit_{remote.id}").value == limits[1]


def test_models_stand_side_by_side_in_history(open_app: Opener) -> None:
    """Two models that ran one task are compared by technique; the words say whether the order holds."""
    lab = memory_lab(models=[memory_model(), memory_model(id="other", name="Other")])
    techniques = [Technique.ZERO_SHOT, Technique.RAG, Technique.LORA]
    for model in (MODEL, "other"):
        lab.finished(techniques=techniques, model_id=model, rows=20)
    app = open_app(lab).run()
    app.session_state["history_tab"] = "Models and techniques"
    app.switch_page(HISTORY).run()
    assert not app.exception
    assert any("tau" in caption.value for caption in app.caption)
