"""Decide's pages, rendered from `app.py` by AppTest on made-up runs."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from engine.core.run.events import PredictionMade, RunEnded
from engine.core.run.prediction import Timing
from engine.core.task import AnswerKind, AnswerSpec
from engine.core.variant import Technique
from tests.fake_laboratory import HOSTILE, FakeLaboratory, fake_task, script
from tests.pages.conftest import Opener
from tests.unit.test_context import marked_task

REPORT, COSTS = "pages/decide/report.py", "pages/decide/costs.py"
TABS = ("Every pair", "Classes", "Confidence", "Where the time goes", "Draws")


def finished(lab: FakeLaboratory, *, rows: int = 40, seed: int = 0, techniques: tuple[Technique, ...] = ()) -> str:
    """Put a finished run there."""
    plan = lab.plan(
        task_id="fake-tickets", model_id="fake-135m", techniques=techniques or list(Technique), limit=rows, seed=seed
    )
    plan = replace(plan, run_id=f"{plan.run_id}-{seed}")
    events = script(plan, lab.task("fake-tickets"), (), lab.answer_text)
    return lab.play(plan, [*events, RunEnded(status="done")])


def opened(open_app: Opener, lab: FakeLaboratory, page: str) -> AppTest:
    """Open a page."""
    app = open_app(lab).run()
    app.switch_page(page).run()
    assert not app.exception
    return app


def told(app: AppTest) -> str:
    """Return all Markdown, headings and captions of a page, unescaped."""
    parts = [element.value for kind in (app.markdown, app.subheader, app.caption) for element in kind]
    return " ".join(parts).replace("\\", "")


@pytest.mark.parametrize("page", [REPORT, COSTS])
def test_without_a_run_the_page_says_what_to_do(page: str, open_app: Opener) -> None:
    """No run yet is an explanation with a way on."""
    app = opened(open_app, FakeLaboratory(), page)
    assert "No run has answers yet" in app.info[0].value


def test_the_verdict_comes_first_with_its_figures(open_app: Opener) -> None:
    """The report names a pick, how sure that is, and has one row per variant and a cell per pair."""
    lab = FakeLaboratory()
    finished(lab)
    app = opened(open_app, lab, REPORT)
    assert "the classifier" in app.subheader[0].value
    assert "may lose" in told(app) or "Little to lose" in told(app) or "Sure at the 5 % level" in told(app)
    metrics = next(frame.value for frame in app.dataframe if "Per 1,000 (est.)" in frame.value)
    assert list(metrics["Variant"]) == ["Zero-shot", "Few-shot", "RAG", "LoRA", "RAG + LoRA", "Classifier"]
    charts = [json.loads(item.proto.json) for item in app.get("bidi_component")]
    assert all(chart["alt"] for chart in charts)
    assert len(charts) == 2


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens(tab: str, open_app: Opener) -> None:
    """Each part of the report is there when its tab is opened."""
    lab = FakeLaboratory()
    finished(lab)
    app = opened(open_app, lab, REPORT)
    app.session_state["report_tab"] = tab
    app.run()
    assert not app.exception


def test_limits_change_the_verdict(open_app: Opener) -> None:
    """A limit that none keeps leads to another verdict, with every variant's reason."""
    lab = FakeLaboratory()
    finished(lab)
    app = opened(open_app, lab, REPORT)
    app.number_input(key="limit_least_quality").set_value(99.0)
    app.run()
    assert "None of the 6 variants keeps your limits" in app.subheader[0].value
    assert told(app).count("under your 99 %") >= 6


def test_an_emptied_field_is_no_limit(open_app: Opener) -> None:
    """Without a least quality no variant is out for its quality."""
    lab = FakeLaboratory()
    finished(lab)
    app = opened(open_app, lab, REPORT)
    app.number_input(key="limit_least_quality").set_value(None)
    app.run()
    assert not app.exception
    assert "under your" not in told(app)


def test_the_explorer_filters_rows(open_app: Opener) -> None:
    """Rows are shown that RAG gets right and zero-shot does not, and their count is what the predictions say."""
    lab = FakeLaboratory()
    run_id = finished(lab)
    app = opened(open_app, lab, REPORT)
    app.multiselect(key="explorer_right").set_value(["rag"])
    app.multiselect(key="explorer_wrong").set_value(["zero-shot"])
    app.run()
    right = {(item.variant_id, item.example_id) for item in lab.predictions(run_id) if (item.score or 0) >= 0.5}
    rows = {item.example_id for item in lab.predictions(run_id)}
    known = sum(("rag", row) in right and ("zero-shot", row) not in right for row in rows)
    assert known
    shown = next(frame.value for frame in app.dataframe if "Input" in frame.value)
    assert len(shown) == known
    assert set(shown["RAG"].str[0]) == {"✓"}


def test_hostile_rows_stay_text(open_app: Opener) -> None:
    """Markup and control characters in rows and answers reach no Markdown element."""
    lab = FakeLaboratory(task=fake_task(text=HOSTILE))
    lab.answer_text = HOSTILE
    finished(lab)
    app = opened(open_app, lab, REPORT)
    for element in app.markdown:
        assert "<script>" not in element.value
    assert not [code for code in app.code if "\u202e" in code.value or "\x1b" in code.value]


def test_a_task_without_classes_has_a_report(open_app: Opener) -> None:
    """Free answers have a verdict and say that they are no classes."""
    task = replace(fake_task(), answer=AnswerSpec(kind=AnswerKind.TEXT))
    lab = FakeLaboratory(task=task)
    finished(lab, techniques=(Technique.ZERO_SHOT, Technique.RAG))
    app = opened(open_app, lab, REPORT)
    app.session_state["report_tab"] = "Classes"
    app.run()
    assert "no classes" in told(app)


def test_throughput_has_no_latency(open_app: Opener) -> None:
    """Where rows were answered in batches the report says so and draws no latency."""
    lab = FakeLaboratory()
    plan = lab.plan(
        task_id="fake-tickets", model_id="fake-135m", techniques=[Technique.LORA], limit=10, throughput=True
    )
    events = [
        replace(event, prediction=replace(event.prediction, timing=Timing(batch_share_s=0.02, cpu_s=0.03)))
        if isinstance(event, PredictionMade)
        else event
        for event in script(plan, lab.task("fake-tickets"))
    ]
    lab.play(plan, [*events, RunEnded(status="done")])
    app = opened(open_app, lab, REPORT)
    assert "no single answer has a latency" in app.info[0].value


def test_draws_stand_beside_each_other(open_app: Opener) -> None:
    """Runs that differ by their seed alone are shown as draws of one experiment."""
    lab = FakeLaboratory()
    for seed in (0, 1, 2):
        finished(lab, seed=seed)
    app = opened(open_app, lab, REPORT)
    app.session_state["report_tab"] = "Draws"
    app.run()
    frame = next(item.value for item in app.dataframe if "Over draws" in item.value)
    assert len(frame) == 6
    assert "3 draws: seeds 0, 1, 2" in told(app)


def test_one_variant_alone(open_app: Opener) -> None:
    """A run of one variant has a report that compares it with nothing."""
    lab = FakeLaboratory()
    finished(lab, techniques=(Technique.RAG,))
    app = opened(open_app, lab, REPORT)
    assert "compared with nothing" in app.subheader[0].value


def test_costs_follow_the_assumptions(open_app: Opener) -> None:
    """Ten times the machine's price and more calls raise the totals; closed APIs are there, and the export holds all."""
    lab = FakeLaboratory()
    finished(lab)
    app = opened(open_app, lab, COSTS)

    def totals() -> dict[str, float]:
        frame = next(item.value for item in app.dataframe if "Most calls a month" in item.value)
        return dict(zip(frame["Choice"], frame["Total"], strict=True))

    before = totals()
    assert {"Zero-shot", "Classifier", "gpt-5-nano"} <= before.keys()
    app.number_input(key="costs_setup_usd_per_hour").set_value(13.0)
    app.number_input(key="costs_context").set_value(1000)
    app.run()
    assert not app.exception
    after = totals()
    assert after["Zero-shot"] > 10 * before["Zero-shot"] > 0
    assert after["gpt-5-nano"] > before["gpt-5-nano"]
    assert "Data may not leave" in told(app) or "data may not leave" in told(app)


HISTORY = "pages/decide/history.py"


def test_history_finds_runs_by_what_is_known_of_them(open_app: Opener) -> None:
    """Filters by text and state leave the runs that match, and say so when there is none."""
    lab = FakeLaboratory()
    first, second = finished(lab), finished(lab, seed=1)
    lab.keep_note(first, "before the new prompt")
    app = opened(open_app, lab, HISTORY)
    assert list(app.dataframe[0].value["Run"]) == [second, first]
    app.text_input(key="history_text").set_value("New Prompt")
    app.run()
    assert list(app.dataframe[0].value["Run"]) == [first]
    app.text_input(key="history_text").set_value("nothing like it")
    app.run()
    assert "No run is like that" in told(app)


def test_two_runs_are_compared_on_the_same_rows(open_app: Opener) -> None:
    """The newest run stands against the one before it, variant by variant, on the rows that both have."""
    lab = FakeLaboratory()
    finished(lab, rows=40)
    finished(lab, rows=30, seed=1)
    app = opened(open_app, lab, HISTORY)
    frame = next(item.value for item in app.dataframe if "Told apart" in item.value)
    assert len(frame) == 6
    assert set(frame["Rows"]) == {30}
    assert "Paired on the 30 rows" in told(app)


def test_models_and_techniques_of_one_task(open_app: Opener) -> None:
    """The matrix has a line per model and a column per technique."""
    lab = FakeLaboratory()
    finished(lab)
    app = opened(open_app, lab, HISTORY)
    app.session_state["history_tab"] = "Models and techniques"
    app.run()
    assert not app.exception
    charts = [json.loads(item.proto.json) for item in app.get("bidi_component")]
    assert charts[0]["alt"].startswith("Quality by model and technique: SmolLM2 135M Instruct Zero-shot")


def _actions(lab_in: FakeLaboratory, run_id: str) -> AppTest:
    def page() -> None:
        import streamlit as st

        from components.history.run_actions import run_actions
        from components.ui import state

        lab = st.session_state[state.LABORATORY]
        runs = {info.run_id: info for info in lab.runs()}
        if st.session_state["wanted"] in runs:
            run_actions(lab, runs[st.session_state["wanted"]])

    app = AppTest.from_function(page, default_timeout=30)
    app.session_state["laboratory"] = lab_in
    app.session_state["wanted"] = run_id
    return app.run()


def test_a_note_is_kept_and_a_run_deleted() -> None:
    """A note goes to the run; deleting takes the run away and leaves the others."""
    lab = FakeLaboratory()
    first, second = finished(lab), finished(lab, seed=1)
    app = _actions(lab, first)
    assert not app.exception
    app.text_area(key=f"note_{first}").set_value("**not bold**").run()
    app.button(key="keep_note").click().run()
    assert lab.notes == {first: "**not bold**"}
    app.button(key="delete_run").click().run()
    assert not app.exception
    assert [info.run_id for info in lab.runs()] == [second]


def test_a_learning_curve_is_measured_and_shown(open_app: Opener) -> None:
    """The button makes the runs in the background; then there is a point per technique and size, and an answer."""
    lab = FakeLaboratory(speed=500)
    app = opened(open_app, lab, "pages/decide/learning_curve.py")
    assert "Nothing was measured yet" in app.info[0].value
    app.number_input(key="curve_rows_fake-tickets").set_value(6)
    app.number_input(key="curve_draws").set_value(2)
    app.run()
    app.button(key="series_start").click().run()
    assert not app.exception
    ends = time.monotonic() + 25
    while (len(lab.runs()) < 11 or lab.current_run_id()) and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(0.5)
    app.run()
    assert not app.exception
    frame = next(item.value for item in app.dataframe if "Each draw" in item.value)
    assert set(frame["Technique"]) == {"Zero-shot", "Few-shot", "RAG", "Classifier"}
    assert set(frame["Training rows"]) == {0, 5, 10, 25, 50, 60}.intersection(set(frame["Training rows"]))
    assert "training rows" in told(app)


def test_drift_shows_who_breaks(open_app: Opener) -> None:
    """Without runs on changed rows the page offers to make them; with them it names each kind."""
    lab = FakeLaboratory(speed=500)
    finished(lab, rows=6)
    app = opened(open_app, lab, "pages/decide/drift.py")
    assert "Nothing was measured yet" in app.info[0].value
    app.button(key="series_start").click().run()
    ends = time.monotonic() + 25
    while (len(lab.runs()) < 4 or lab.current_run_id()) and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(0.5)
    app.run()
    assert not app.exception
    assert "Under typing errors" in told(app)
    frame = next(item.value for item in app.dataframe if "Breaks" in item.value)
    assert set(frame["Rows"]) == {"typing errors", "other case", "shuffled clauses"}
    assert set(frame["Compared"]) == {"same rows"}


def test_context_is_measured_and_shown(open_app: Opener) -> None:
    """Runs by number of passages and by place are made, and both answers are given."""
    lab = FakeLaboratory(speed=500, task=marked_task(8))
    app = opened(open_app, lab, "pages/decide/context.py")
    app.number_input(key="context_rows_fake-tickets").set_value(6)
    app.number_input(key="context_passages").set_value(4)
    app.run()
    app.button(key="series_start").click().run()
    ends = time.monotonic() + 25
    while (len(lab.runs()) < 7 or lab.current_run_id()) and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(0.5)
    app.run()
    assert not app.exception
    assert "Quality is highest at" in told(app)
    assert "Among 4 passages" in told(app)
    assert len(app.get("bidi_component")) == 3


def test_context_needs_documents(open_app: Opener) -> None:
    """A machine whose tasks have no documents is told what is needed."""
    lab = FakeLaboratory(task=replace(fake_task(), documents=()))
    app = opened(open_app, lab, "pages/decide/context.py")
    assert "documents" in app.warning[0].value


def test_a_changed_task_is_told(open_app: Opener) -> None:
    """A run whose task is another by now says so."""
    lab = FakeLaboratory(task=replace(fake_task(), digest="cd" * 32))
    finished(lab, rows=6)
    kept = lab.manifest
    lab.manifest = lambda run_id: {**kept(run_id), "task_digest": "ef" * 32}  # type: ignore[method-assign]
    app = opened(open_app, lab, REPORT)
    assert "task has changed" in app.warning[0].value
