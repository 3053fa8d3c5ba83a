"""Searching for settings on screen: what the effort buys, the search under way, and what it came to in the report."""

from __future__ import annotations

import json
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from engine.core.run.effort import Effort, Search, SearchEnd, Trial, TrialOutcome
from engine.core.run.events import Event, PreparationProgress, RunEnded, RunStarted, Searched
from engine.core.run.plan import RunPlan
from engine.core.steps import Progress
from engine.core.techniques import Technique
from engine.metrics import wording as say
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab
from tests.pages.conftest import Opener
from tests.terminal.reading import wait_until


def plan_of(lab: MemoryLab, **choices: object) -> RunPlan:
    """Plan a small run with a search."""
    chosen = {"trials": {"all": 3}, "limit": 6, **choices}
    techniques = [Technique.ZERO_SHOT, Technique.FEW_SHOT]
    return lab.plans.make(task_id=TASK, model_id=MODEL, techniques=techniques, **chosen)  # type: ignore[arg-type]


def carried_out(lab: MemoryLab) -> RunPlan:
    """Search and answer to the end; return the plan with what was found."""
    plan = plan_of(lab)
    lab.runs.start(plan)
    wait_until(lambda: not lab.runs.snapshot(plan.run_id).is_running)
    assert lab.runs.snapshot(plan.run_id).status == "done", lab.runs.snapshot(plan.run_id).message
    return lab.results.plan(plan.run_id)


def texts(app: AppTest) -> str:
    """Return all that is written in captions and paragraphs."""
    return "\n".join(item.value for item in (*app.caption, *app.markdown)).replace("\\", "")


def test_the_slider_says_what_an_effort_buys(open_app: Opener) -> None:
    """Off by default; with three minutes the line says how many settings each technique has time for."""
    app = open_app(memory_lab()).switch_page("pages/compare/run.py").run()
    assert "can try about this many settings" not in texts(app)
    slider = next(one for one in app.select_slider if one.label == "Search for settings")
    assert slider.value == 0
    slider.set_value(180).run()
    assert not app.exception
    assert "In this time the search can try about this many settings: Zero-shot" in texts(app)
    assert "search 18 min" in texts(app)
    assert "up to **" in texts(app)


def test_a_search_under_way_shows_its_curves_and_can_be_ended(open_app: Opener) -> None:
    """Trial, best so far and seconds of search are there; a button goes on with the best so far."""
    lab = memory_lab()
    plan = plan_of(lab)
    trial = Trial(
        setting={}, standing=TrialOutcome.WHOLE, score=0.4, fold_scores=(0.4,), row_scores=(1.0, 0.0), seconds=9
    )
    better = replace(trial, setting={"prompt": "brief"}, score=0.7)
    progress = Progress(stage="Searching, trial 3", fraction=0.4, left_s=90.0, detail="prompt: framed")
    events: list[Event] = [
        RunStarted(plan=plan),
        Searched(variant_id="zero-shot-tuned", search=Search(technique="zero-shot", trials={"0": trial, "1": better})),
        PreparationProgress(variant_id="zero-shot-tuned", progress=progress),
    ]
    lab.play(plan, events)
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app.run()
    assert not app.exception
    assert "Settings are being tried on training and validation rows." in texts(app)
    assert "What the search gained" in texts(app)
    now = app.dataframe[0].value
    assert now["Technique"].tolist() == ["Zero-shot", "Few-shot"]
    assert now["Settings"].tolist() == [2, 0]
    assert now["Best so far"].tolist() == ["70 %", say.MISSING]
    assert now["Now"].tolist() == ["prompt: framed", "waits its turn"]
    assert "Use the best so far" in [button.label for button in app.button]


def test_a_search_that_was_stopped_says_so(open_app: Opener) -> None:
    """What was tried is shown instead of lanes without a figure, and the run can be resumed."""
    lab = memory_lab()
    plan = plan_of(lab)
    progress = Progress(stage="Searching, trial 1", fraction=0.1, left_s=90.0, detail="the default")
    lab.play(
        plan,
        [
            RunStarted(plan=plan),
            PreparationProgress(variant_id="zero-shot-tuned", progress=progress),
            RunEnded(status="cancelled", message="Stopped. Finished rows are saved."),
        ],
    )
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app.run()
    assert not app.exception
    assert "Settings were tried on training and validation rows." in texts(app)
    assert app.dataframe[0].value["Now"].tolist() == ["stopped", "stopped"]
    labels = [button.label for button in app.button]
    assert "Resume" in labels
    assert "Use the best so far" not in labels


def test_the_report_tells_what_search_came_to(open_app: Opener) -> None:
    """A tab of its own with curves, a line per technique and how to make it again; verdict and slide name the effort."""
    lab = memory_lab(speed=200)
    plan = carried_out(lab)
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app.switch_page("pages/decide/report.py").run()
    assert not app.exception
    assert "Settings were searched for: 3 trials for each technique." in texts(app)
    assert "Search for settings" in [tab.label for tab in app.tabs]
    app.session_state["report_tab"] = "Search for settings"
    app.run()
    assert not app.exception
    found = texts(app)
    assert "sealed until the one pass at the end" in found
    for search in (lab.results.manifest(plan.run_id).effort or {}).values():
        assert search.ended is SearchEnd.TRIALS
    assert "Zero-shot: 3 settings in" in found
    assert "The same trials again: --trials zero-shot=3,few-shot=3" in found
    (table,) = [frame.value for frame in app.dataframe if "Settings" in frame.value]
    assert table["Rows"].tolist() == [len((plan.effort or Effort()).pool_ids)] * 2


def test_the_verdict_slide_names_the_effort(open_app: Opener) -> None:
    """Whether it was tried is the first question of those who see it."""
    lab = memory_lab(speed=200)
    plan = carried_out(lab)
    app = open_app(lab, "pages/compare/present.py")
    app.query_params["presented"], app.query_params["step"] = plan.run_id, "5"
    app.run()
    assert not app.exception
    (slide,) = [json.loads(one.proto.json) for one in app.get("bidi_component") if "slide" in one.proto.component_name]
    assert "Settings were searched for: 3 trials for each technique." in str(slide["blocks"])


def test_a_run_without_search_has_no_such_tab(open_app: Opener) -> None:
    """Nothing was searched for, so nothing is said of it."""
    app = open_app(memory_lab()).switch_page("pages/decide/report.py").run()
    assert not app.exception
    assert "Search for settings" not in [tab.label for tab in app.tabs]
    assert "Settings were searched for" not in texts(app)
