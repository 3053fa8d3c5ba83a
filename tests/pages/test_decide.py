"""Decide's pages, rendered from `app.py` by AppTest on made-up runs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from components.ui import state
from engine.analysis.row_filter import Show
from engine.core.run.events import PredictionMade, RunEnded
from engine.core.run.manifest import Purpose
from engine.core.run.prediction import Failure, FailureKind, Timing
from engine.core.task import AnswerKind, AnswerSpec
from engine.core.techniques import Technique
from tests.memory_lab import HOSTILE, MODEL, TASK, MemoryLab, memory_lab, memory_task, script, until
from tests.pages.conftest import Opener

REPORT, COSTS = "pages/decide/report.py", "pages/decide/costs.py"
TABS = ("Every pair", "Classes", "Confidence", "Where the time goes", "Seeds")


def opened(open_app: Opener, lab: MemoryLab, page: str) -> AppTest:
    """Open a page."""
    app = open_app(lab).run()
    app.switch_page(page).run()
    assert not app.exception
    return app


def told(app: AppTest) -> str:
    """Return all Markdown, headings and captions of a page, unescaped."""
    parts = [element.value for kind in (app.markdown, app.header, app.caption) for element in kind]
    return " ".join(parts).replace("\\", "")


@pytest.mark.parametrize("page", [REPORT, COSTS])
def test_without_a_run_the_page_says_what_to_do(page: str, open_app: Opener) -> None:
    """No run yet is an explanation with a way on."""
    app = opened(open_app, memory_lab(), page)
    assert "No run has answers yet" in app.info[0].value


def test_the_verdict_comes_first_with_its_figures(open_app: Opener) -> None:
    """The report names a pick, how sure that is, and has one row per variant and a cell per pair."""
    lab = memory_lab()
    lab.finished()
    app = opened(open_app, lab, REPORT)
    assert "the classifier" in app.header[0].value
    assert "As measured, not proven" in told(app) or "Proven at the 5 % level" in told(app)
    assert "All of this is after" in told(app)
    metrics = next(frame.value for frame in app.dataframe if "Per 1,000 (est.)" in frame.value)
    assert list(metrics["Variant"]) == ["Zero-shot", "Few-shot", "RAG", "LoRA", "RAG + LoRA", "Classifier"]
    assert all(ends.endswith("or more") for ends in metrics["p95, 95 %"]), "few rows bound no p95 from above"
    parts = [(item.proto.component_name, json.loads(item.proto.json)) for item in app.get("bidi_component")]
    # The list of shortcuts is in the sidebar, and the grid of rows is no chart.
    charts = [part for name, part in parts if "groups" not in part and "row_grid" not in name]
    assert all(chart["alt"] for chart in charts)
    assert len(charts) == 2


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens(tab: str, open_app: Opener) -> None:
    """Each part of the report is there when its tab is opened."""
    lab = memory_lab()
    lab.finished()
    app = opened(open_app, lab, REPORT)
    app.session_state["report_tab"] = tab
    app.run()
    assert not app.exception


def test_limits_change_the_verdict(open_app: Opener) -> None:
    """A limit that none meets leads to another verdict, with every variant's reason."""
    lab = memory_lab()
    lab.finished()
    app = opened(open_app, lab, REPORT)
    app.number_input(key="limit_least_quality").set_value(99.0)
    app.run()
    assert "None of the six variants meets your limits" in app.header[0].value
    assert told(app).count("below your 99 %") >= 6


def test_an_emptied_field_is_no_limit(open_app: Opener) -> None:
    """Without a least quality no variant is out for its quality."""
    lab = memory_lab()
    lab.finished()
    app = opened(open_app, lab, REPORT)
    app.number_input(key="limit_least_quality").set_value(None)
    app.run()
    assert not app.exception
    assert "below your" not in told(app)


def grid(app: AppTest) -> dict[str, Any]:
    """Return what the grid of rows was given."""
    (found,) = (item for item in app.get("bidi_component") if "row_grid" in item.proto.component_name)
    data: dict[str, Any] = json.loads(json.loads(found.proto.json)["rows"])
    return data


def test_the_grid_filters_rows(open_app: Opener) -> None:
    """Rows are shown that RAG gets right and zero-shot does not, and their count is what the predictions say."""
    lab = memory_lab()
    run_id = lab.finished()
    app = opened(open_app, lab, REPORT)
    app.multiselect(key=f"report_rows_{run_id}_right").set_value(["rag"])
    app.multiselect(key=f"report_rows_{run_id}_wrong").set_value(["zero-shot"])
    app.run()
    right = {(item.variant_id, item.example_id) for item in lab.results.predictions(run_id) if (item.score or 0) >= 0.5}
    rows = {item.example_id for item in lab.results.predictions(run_id)}
    known = sum(("rag", row) in right and ("zero-shot", row) not in right for row in rows)
    assert known
    data = grid(app)
    assert len(data["rows"]) == known
    marks = {column["name"]: column["marks"] for column in data["columns"]}
    assert set(marks["RAG"]) == {"r"}
    assert set(marks["Zero-shot"]) <= {"w", "f"}
    assert f"{known} of {len(rows)} rows · right for RAG · wrong for Zero-shot" in told(app)


def test_rows_that_are_asked_again_are_new_on_the_report(open_app: Opener) -> None:
    """Resuming a finished run replaces answers without adding any; the report's figures are those of the new ones."""
    lab = memory_lab(speed=200)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT, Technique.FEW_SHOT], limit=6)
    broken = Failure(kind=FailureKind.BACKEND, message="The server broke off.", passing=True)
    events = [
        PredictionMade(prediction=replace(one.prediction, answer=None, score=None, scores={}, failure=broken))
        if isinstance(one, PredictionMade) and one.prediction.variant_id == "few-shot"
        else one
        for one in script(plan, lab.tasks.get(TASK))
    ]
    lab.play(plan, [*events, RunEnded(status="done")])
    app = opened(open_app, lab, REPORT)
    app.segmented_control(key=f"report_rows_{plan.run_id}_show").set_value(Show.ALL)
    app.run()
    assert grid(app)["columns"][1]["marks"] == "f" * 6
    lab.runs.resume(plan.run_id)
    until(lambda: lab.runs.current_id() is None)
    app.run()
    assert not app.exception
    assert "f" not in grid(app)["columns"][1]["marks"]
    metrics = next(frame.value for frame in app.dataframe if "Per 1,000 (est.)" in frame.value)
    assert list(metrics["Failed"]) == [0, 0]


def test_an_opened_row_is_shown_whole_and_closed_again(open_app: Opener) -> None:
    """Prompt, probabilities and passages are on the page for the opened row alone, until Close."""
    lab = memory_lab()
    run_id = lab.finished()
    app = opened(open_app, lab, REPORT)
    assert not app.code
    row = lab.results.plan(run_id).test_ids[2]
    app.session_state[state.REPORT_ROW] = row
    app.run()
    assert f"Row 3 · {row}" in told(app)
    prompts = {item.prompt for item in lab.results.predictions_of(run_id, row) if item.prompt}
    assert prompts <= {code.value for code in app.code}
    app.button(key=f"report_rows_{run_id}_close").click().run()
    assert not app.exception
    assert not app.code


def test_hostile_rows_stay_text(open_app: Opener) -> None:
    """Markup and control characters in rows and answers reach no Markdown element."""
    lab = memory_lab(task=memory_task(text=HOSTILE))
    run_id = lab.finished(text=HOSTILE)
    app = opened(open_app, lab, REPORT)
    app.session_state[state.REPORT_ROW] = lab.results.plan(run_id).test_ids[0]
    app.run()
    assert app.code
    for element in app.markdown:
        assert "<script>" not in element.value
    assert "\u202e" not in json.dumps(grid(app), ensure_ascii=False)
    assert not [code for code in app.code if "\u202e" in code.value or "\x1b" in code.value]


def test_a_task_without_classes_has_a_report(open_app: Opener) -> None:
    """Free answers have a verdict and say that they are not classes."""
    task = replace(memory_task(), answer=AnswerSpec(kind=AnswerKind.TEXT))
    lab = memory_lab(task=task)
    lab.finished(techniques=(Technique.ZERO_SHOT, Technique.RAG))
    app = opened(open_app, lab, REPORT)
    app.session_state["report_tab"] = "Classes"
    app.run()
    assert "not classes" in told(app)


def test_throughput_has_no_latency(open_app: Opener) -> None:
    """Where rows were answered in batches the report says so and draws no latency."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.LORA], limit=10, throughput=True)
    events = [
        replace(event, prediction=replace(event.prediction, timing=Timing(batch_share_s=0.02, cpu_s=0.03)))
        if isinstance(event, PredictionMade)
        else event
        for event in script(plan, lab.tasks.get(TASK))
    ]
    lab.play(plan, [*events, RunEnded(status="done")])
    app = opened(open_app, lab, REPORT)
    assert "no latencies of single answers" in app.info[0].value


def test_draws_stand_beside_each_other(open_app: Opener) -> None:
    """Runs that differ by their seed alone are shown as draws of one experiment."""
    lab = memory_lab()
    for seed in (0, 1, 2):
        lab.finished(seed=seed)
    app = opened(open_app, lab, REPORT)
    app.session_state["report_tab"] = "Seeds"
    app.run()
    frame = next(item.value for item in app.dataframe if "SD across seeds" in item.value)
    assert len(frame) == 6
    assert "3 seeds: 0, 1, 2" in told(app)


def test_one_variant_alone(open_app: Opener) -> None:
    """A run of one variant has a report that compares it with nothing."""
    lab = memory_lab()
    lab.finished(techniques=(Technique.RAG,))
    app = opened(open_app, lab, REPORT)
    assert "nothing to compare it with" in app.header[0].value


def _dollars(written: str) -> float:
    """Read a sum as the page writes it."""
    number = float(re.sub(r"[^\d.]", "", written))
    return number / 100 if written.endswith("¢") else number


def test_costs_follow_the_assumptions(open_app: Opener) -> None:
    """Ten times the machine's price and more calls raise the totals; closed APIs are there, and the export holds all."""
    lab = memory_lab()
    lab.finished()
    app = opened(open_app, lab, COSTS)

    def totals() -> dict[str, float]:
        frame = next(item.value for item in app.dataframe if "Capacity, calls a month" in item.value)
        return {choice: _dollars(total) for choice, total in zip(frame["Choice"], frame["Total"], strict=True)}

    before = totals()
    assert {"Zero-shot", "Classifier", "gpt-5-nano"} <= before.keys()
    next(field for field in app.number_input if field.label == "Machine, USD per hour").set_value(13.0)
    app.number_input(key="costs_context").set_value(1000)
    app.run()
    assert not app.exception
    after = totals()
    assert after["Zero-shot"] > 10 * before["Zero-shot"] > 0
    assert after["gpt-5-nano"] > before["gpt-5-nano"]
    assert "'Data may leave this machine' is off" in told(app)


HISTORY = "pages/decide/history.py"


def test_history_finds_runs_by_what_is_known_of_them(open_app: Opener) -> None:
    """Filters by text and state leave the runs that match, and say so when there is none."""
    lab = memory_lab()
    first, second = lab.finished(), lab.finished(seed=1)
    lab.results.keep_note(first, "before the new prompt")
    app = opened(open_app, lab, HISTORY)
    assert list(app.dataframe[0].value["Run"]) == [second, first]
    app.text_input(key="history_text").set_value("New Prompt")
    app.run()
    assert list(app.dataframe[0].value["Run"]) == [first]
    app.text_input(key="history_text").set_value("nothing like it")
    app.run()
    assert "No run matches" in told(app)


def test_two_runs_are_compared_on_the_same_rows(open_app: Opener) -> None:
    """The newest run stands against the one before it, variant by variant, on the rows that both have."""
    lab = memory_lab()
    first, second = lab.finished(rows=40), lab.finished(rows=30, seed=1)
    both = len({*lab.results.plan(first).test_ids} & {*lab.results.plan(second).test_ids})
    assert 0 < both < 30
    app = opened(open_app, lab, HISTORY)
    data = grid(app)
    assert len(data["rows"]) == both
    assert [column["name"] for column in data["columns"][:2]] == ["Zero-shot, run", "Zero-shot, against"]
    frame = next(item.value for item in app.dataframe if "Significant" in item.value)
    assert len(frame) == 6
    assert set(frame["Rows"]) == {both}
    assert f"Paired on the {both} rows" in told(app)


def test_models_and_techniques_of_one_task(open_app: Opener) -> None:
    """The matrix has a line per model and a column per technique."""
    lab = memory_lab()
    lab.finished()
    app = opened(open_app, lab, HISTORY)
    app.session_state["history_tab"] = "Models and techniques"
    app.run()
    assert not app.exception
    charts = [json.loads(item.proto.json) for item in app.get("bidi_component")]
    assert charts[0]["alt"].startswith("Quality by model and technique: SmolLM2 135M Instruct Zero-shot")
    lab.finished(rows=10, seed=1, purpose=Purpose.DRIFT)  # newer, on rows that are no test rows
    app.run()
    assert json.loads(app.get("bidi_component")[0].proto.json)["alt"] == charts[0]["alt"]
    lab.memory.tasks._kept.clear()  # as when its folder was deleted
    app.run()
    assert not app.exception
    assert json.loads(app.get("bidi_component")[0].proto.json)["alt"] == charts[0]["alt"]


def _actions(lab_in: MemoryLab, run_id: str) -> AppTest:
    def page() -> None:
        import streamlit as st

        from components.history.run_actions import run_actions
        from components.ui import state

        lab = state.lab()
        runs = {info.run_id: info for info in lab.runs.list()}
        if st.session_state["wanted"] in runs:
            run_actions(lab, runs[st.session_state["wanted"]])

    app = AppTest.from_function(page, default_timeout=30)
    app.session_state[state.LAB] = lab_in
    app.session_state["wanted"] = run_id
    return app.run()


def test_a_note_is_kept_and_a_run_deleted() -> None:
    """A note goes to the run; deleting takes the run away and leaves the others."""
    lab = memory_lab()
    first, second = lab.finished(), lab.finished(seed=1)
    app = _actions(lab, first)
    assert not app.exception
    app.text_area(key=f"note_{first}").set_value("**not bold**").run()
    app.button(key=f"keep_note_{first}").click().run()
    assert {info.run_id: info.note for info in lab.runs.list()} == {first: "**not bold**", second: ""}
    app.button(key=f"delete_run_{first}").click().run()
    assert not app.exception
    assert [info.run_id for info in lab.runs.list()] == [second]


def test_a_changed_task_is_told(open_app: Opener) -> None:
    """A run whose task is another by now says so."""
    lab = memory_lab()
    lab.finished(rows=6)
    lab.memory.tasks.keep(memory_task(instructions="Name the desk."))
    app = opened(open_app, lab, REPORT)
    assert "task or its scoring has changed" in app.warning[0].value
