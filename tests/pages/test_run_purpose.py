"""Which run a page speaks of: comparisons by default, studies on purpose, and each with how whole it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.core.limits import Limits
from engine.core.run.events import RunEnded
from engine.core.run.manifest import Purpose
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, MemoryLab, marked_task, memory_lab, script, until
from tests.pages.conftest import Opener

REPORT, COSTS, PRESENT = "pages/decide/report.py", "pages/decide/costs.py", "pages/compare/present.py"
START, RUN, HISTORY = "pages/start/start.py", "pages/compare/run.py", "pages/decide/history.py"
DRIFT, PLAYGROUND = "pages/decide/drift.py", "pages/compare/playground.py"


def told(app: AppTest) -> str:
    """Return all that a page says outside its widgets, unescaped."""
    kinds = (
        app.title,
        app.header,
        app.markdown,
        app.caption,
        app.info,
        app.warning,
        app.error,
        app.text,
    )
    return " ".join(element.value for kind in kinds for element in kind).replace("\\", "")


def opened(open_app: Opener, lab: MemoryLab, page: str, **query: str) -> AppTest:
    """Open a page, by a link if the test gives one."""
    app = open_app(lab, page)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def components(app: AppTest, name: str) -> list[dict[str, Any]]:
    """Return what a component of the page was given."""
    return [json.loads(i.proto.json) for i in app.get("bidi_component") if name in i.proto.component_name]


def with_drift_rows(lab: MemoryLab) -> tuple[str, str]:
    """Put a comparison there and, later than it, a drift run on the task's own drift rows that was stopped."""
    task = lab.tasks.get(TASK)
    rows = [replace(row, id=f"drift-{row.id}", split="drift") for row in task.split("test")[:20]]
    lab.memory.tasks.keep(replace(task, examples=(*task.examples, *rows)))
    comparison = lab.finished(rows=20)
    plan = lab.studies.drift(lab.results.plan(comparison))["drift"]
    drift = lab.play(plan, [*script(plan, lab.tasks.get(TASK))[:60], RunEnded(status="cancelled")])
    lab.memory.store.update_run(drift, manifest={"purpose": "drift", "studied_run": comparison})
    return comparison, drift


def stopped(lab: MemoryLab, events: int = 60) -> str:
    """Put a comparison there that was stopped; return its id."""
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=20)
    return lab.play(plan, [*script(plan, lab.tasks.get(TASK))[:events], RunEnded(status="cancelled")])


def with_sample() -> MemoryLab:
    """Open a lab with the recorded run, and none of the user's."""
    made, lab = memory_lab(), memory_lab()
    lab.memory.files.recorded = made.results.recorded(made.finished(rows=8))
    return lab


@pytest.mark.parametrize("page", [REPORT, COSTS, DRIFT])
def test_a_drift_run_does_not_pose_as_the_verdict(page: str, open_app: Opener) -> None:
    """B1: a drift run that was stopped, newer than the comparison, is neither opened by itself nor offered."""
    lab = memory_lab()
    comparison, drift = with_drift_rows(lab)
    app = opened(open_app, lab, page)
    assert app.query_params["run_id"] in (comparison, [comparison])
    assert not any("drift" in option for option in app.selectbox[0].options)
    assert lab.results.manifest(drift).split == "drift"
    assert "answers, stopped" not in told(app)


def test_a_drift_run_opened_on_purpose_says_what_it_is(open_app: Opener) -> None:
    """B1: Report, Run, slides and memo of a drift run say that its rows are not the test rows, and how whole it is."""
    lab = memory_lab()
    _comparison, drift = with_drift_rows(lab)
    assert not opened(open_app, lab, REPORT, run_id=drift).header  # nor a verdict
    for page in (REPORT, RUN):
        words = told(opened(open_app, lab, page, run_id=drift))
        assert "Drift rows: not the task's test rows." in words
        assert "of 120 answers" in words
    (slide,) = components(opened(open_app, lab, PRESENT, run_id=drift), "slide")
    assert "Drift rows: not the task's test rows." in slide["blocks"][0]["texts"][0]
    assert "of 120 answers, stopped" in slide["blocks"][0]["texts"][0]
    memo = lab.exports.memo(drift, Limits(), form="md").decode().replace("\\", "")
    assert "Drift rows: not the task's test rows." in memo
    assert "of 120 answers, stopped" in memo


@pytest.mark.parametrize("page", [REPORT, COSTS, PRESENT, RUN])
def test_a_wrong_link_has_a_page_of_its_own(page: str, open_app: Opener) -> None:
    """M1, minor 16: a run that is not here is told with the runs that are, and no other run's figures are shown."""
    lab = memory_lab()
    run_id = lab.finished(rows=6)
    app = opened(open_app, lab, page, run_id="nope")
    assert "There is no run 'nope' here." in told(app)
    assert not app.header
    app.button(key=f"open_{run_id}").click().run()
    assert not app.exception
    assert "There is no run" not in told(app)


@pytest.mark.parametrize("page", [REPORT, COSTS, PRESENT])
def test_a_run_without_answers_is_told(page: str, open_app: Opener) -> None:
    """M1: a run that was stopped before its first answer says so, in the place of another run's verdict."""
    lab = memory_lab()
    lab.finished(rows=6)
    empty = stopped(lab, events=1)
    assert f"There is nothing to show for run {empty}: no answers, stopped." in told(
        opened(open_app, lab, page, run_id=empty)
    )


def test_a_stopped_run_is_marked_in_selector_and_head(open_app: Opener) -> None:
    """M2: Report says in its list, in its head and above its figures that the run was stopped, and after how much."""
    lab = memory_lab()
    run_id = stopped(lab)
    answers = len(lab.results.predictions(run_id))
    app = opened(open_app, lab, REPORT)
    assert f"{answers} of 120 answers, stopped" in app.selectbox(key="report_run").value or any(
        f"{answers} of 120 answers, stopped" in option for option in app.selectbox(key="report_run").options
    )
    assert any(f"{answers} of 120 answers, stopped" in caption.value.replace("\\", "") for caption in app.caption)
    assert "This run was stopped: the figures cover only the rows that it answered." in told(app)


def test_studies_do_not_flood_start_run_and_report(open_app: Opener) -> None:
    """M3: after a Context study Start, Recent runs and Report still show the comparison, and History folds the study."""
    lab = memory_lab(speed=500, task=marked_task(8))
    comparison = lab.finished(rows=6)
    plans = lab.studies.places(
        task_id=TASK, model_id=MODEL, passages=4, rows=6, decoding=lab.results.plan(comparison).decoding
    )
    lab.studies.start(Purpose.CONTEXT, "context", list(plans.values()))
    until(lambda: not lab.studies.state(Purpose.CONTEXT).is_running)
    assert len(lab.runs.list()) == 4
    assert "6 rows" in told(opened(open_app, lab, START))
    assert "context" not in told(opened(open_app, lab, START)).lower()
    setup = opened(open_app, lab, RUN)
    assert [button.key for button in setup.main.button if str(button.key).startswith("open_")] == [f"open_{comparison}"]
    assert len(opened(open_app, lab, REPORT).selectbox(key="report_run").options) == 1
    history = opened(open_app, lab, HISTORY)
    assert list(history.dataframe[0].value["Run"]) == [comparison]
    (line,) = [item.label for item in history.expander]
    assert line.replace("\\", "").startswith("Context · ")
    assert "3 runs" in line


def test_recent_runs_are_buttons_as_a_whole(open_app: Opener) -> None:
    """Minor 15: what looks like one entry is one button: time, task, model and how whole it is."""
    lab = memory_lab()
    run_id = lab.finished(rows=6)
    label = opened(open_app, lab, RUN).button(key=f"open_{run_id}").label.replace("\\", "")
    assert TASK in label
    assert "36 answers" in label


@pytest.mark.parametrize("page", [REPORT, COSTS, DRIFT, PRESENT, PLAYGROUND])
def test_no_page_is_empty_on_a_first_visit(page: str, open_app: Opener) -> None:
    """M13, M14: before the first own run these pages work on the recorded one, and say that it is recorded."""
    app = opened(open_app, with_sample(), page)
    slides = " ".join(slide["kicker"] for slide in components(app, "slide"))
    assert "Recorded" in f"{told(app)} {slides}"
    assert "No run has answers yet" not in told(app)
    assert [error.value for error in app.error] == []


def test_the_recorded_run_leaves_the_run_page_alone(open_app: Opener) -> None:
    """After a look at the recorded run's report the Run page still offers to set up a comparison."""
    app = opened(open_app, with_sample(), REPORT)
    app.switch_page(RUN).run()
    assert not app.exception
    assert app.title[0].value == "Compare"


def test_the_playground_shows_recorded_rows_until_it_is_asked(open_app: Opener) -> None:
    """On a first visit the answers of a recorded row are there; a question of one's own takes their place."""
    lab = with_sample()
    app = opened(open_app, lab, PLAYGROUND)
    (shown,) = components(app, "lanes")
    assert len(shown["lanes"]) == 6
    assert "Press Answer to ask a model here." in told(app)
    app.text_area(key="play_text").set_value("an input that no run has").run()
    assert not components(app, "lanes")


def test_a_run_ends_in_its_verdict_with_the_ways_on(open_app: Opener) -> None:
    """M12: above the lanes of a finished run stand its verdict sentence, Report, Present and the memo."""
    lab = memory_lab()
    run_id = lab.finished()
    app = opened(open_app, lab, RUN, run_id=run_id)
    assert app.header[0].value.replace("\\", "") == lab.results.report(run_id, Limits()).verdict.headline
    assert {"Report", "Present"} <= {button.label for button in app.main.button}
    assert app.get("download_button")[0].proto.label == "Download memo"
    app.button(key="run_report").click().run()
    assert not app.exception
    assert app.query_params["run_id"] in (run_id, [run_id])


def test_history_opens_on_a_pair_that_can_be_compared(open_app: Opener) -> None:
    """Minor 12: of two runs on other rows the page chooses none by itself, and what it cannot compare is no error."""
    lab = memory_lab()
    older, other, newest = lab.finished(rows=20), lab.finished(rows=5, seed=7), lab.finished(rows=20)
    unlike = [row.id for row in lab.tasks.get(TASK).split("train")][:5]
    lab.memory.store.update_run(other, manifest={"plan": {"test_ids": unlike}})
    assert not set(unlike) & set(lab.results.plan(newest).test_ids)
    app = opened(open_app, lab, HISTORY)
    assert not app.error
    assert app.selectbox(key=f"pair_first_{newest}").value == older
    assert any("Significant" in item.value for item in app.dataframe)


def test_history_writes_whole_percents(open_app: Opener) -> None:
    """Minor 12: how much of a run is done is a whole number, and not 100 before it is whole."""
    lab = memory_lab()
    run_id = stopped(lab, events=116)
    frame = opened(open_app, lab, HISTORY).dataframe[0].value
    (percent,) = frame["Done"]
    assert percent == 100 * len(lab.results.predictions(run_id)) // 120
