"""What each figure is, as the pages show it: in tables, lanes, charts and under the pointer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from components.playground.view import play_views
from components.present.slides import verdict_slide
from components.ui import state
from components.ui.lane_view import lane_views, lanes_frame
from engine.analysis.marks import HERE, Origin
from engine.core.generation import SCRIPTED
from engine.core.run.events import Event, PredictionMade, RunEnded
from engine.core.run.manifest import Purpose
from engine.core.run.prediction import OTHER_LABELS, Prediction, Usage
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, Variant
from engine.services.playground import PlayLane, PlaySnapshot, Question
from engine.services.recorded import fold
from tests.memory_lab import LABELS, MODEL, TASK, MemoryLab, memory_lab, memory_model, script, until
from tests.pages.conftest import Opener

REPORT, COSTS, HISTORY = (f"pages/decide/{name}.py" for name in ("report", "costs", "history"))


def shown(open_app: Opener, lab: MemoryLab, page: str) -> AppTest:
    """Open a page on a lab with a finished run."""
    app = open_app(lab, page).run()
    assert not app.exception
    return app


def headings(app: AppTest) -> set[str]:
    """Return how the columns of a page's tables are headed, by their titles or else their names."""
    found: set[str] = set()
    for item in app.dataframe:
        titles = {name: told.get("label") for name, told in json.loads(item.proto.columns or "{}").items()}
        found |= {titles.get(name) or name for name in item.value.columns}
    return found


def charts(app: AppTest) -> list[dict[str, Any]]:
    """Return the figures of all charts of a page."""
    found = [json.loads(item.proto.json) for item in app.get("bidi_component")]
    return [item["figure"] for item in found if "figure" in item]


def signs(lane: dict[str, Any]) -> dict[str, str]:
    """Return the mark beside each figure of a lane."""
    return {name: sign for name, _value, _help, sign in (*lane.get("beside", ()), *lane["figures"])}


def test_the_reports_table_and_the_charts_hover_say_it(open_app: Opener) -> None:
    """Costs and energy are estimates, memory is the processes', and the pointer over a marker says so of its cost."""
    lab = memory_lab()
    lab.finished()
    app = shown(open_app, lab, REPORT)
    titles = headings(app)
    for title in ("Per 1,000 (est.)", "Energy per 1,000 (est.)", "Peak memory (shared)"):
        assert title in titles
    assert "Quality" in titles
    hovers = [trace.get("hovertemplate", "") for chart in charts(app) for trace in chart["data"]]
    assert sum("per 1,000 (est.)" in hover for hover in hovers) == 6
    assert any("Unmarked: timed or counted here" in caption.value.replace("\\", "") for caption in app.caption)


def test_the_run_page_marks_lanes_bests_and_results(open_app: Opener) -> None:
    """A lane, the line of the bests and the table below carry the same signs."""
    lab = memory_lab()
    run_id = lab.finished()
    app = open_app(lab)
    app.query_params["run_id"] = run_id
    app.run()
    assert not app.exception
    lanes = next(
        json.loads(item.proto.json)["lanes"]
        for item in app.get("bidi_component")
        if "lanes" in item.proto.component_name
    )
    assert all(signs(lane)["per 1,000"] == "est." and not signs(lane)["slowest 5 %"] for lane in lanes)
    assert any("Cheapest" in item.value and "(est.)" in item.value for item in app.markdown)
    assert any("size = cost (est.)" in item.value for item in app.markdown)
    titles = headings(app)
    assert {"Cost ¢ per 1,000 (est.)", "Peak memory MB (shared)", "Answer p95 s"} <= titles


def test_the_costs_page_marks_all_that_is_computed(open_app: Opener) -> None:
    """Totals, prices and the points where choices meet are estimates, on the axis as in the tables."""
    lab = memory_lab()
    lab.finished()
    app = shown(open_app, lab, COSTS)
    titles = headings(app)
    for title in ("Labelling (est.)", "Preparing (est.)", "Per 1,000 (est.)", "Total (est.)"):
        assert title in titles
    assert [chart["layout"]["yaxis"]["title"]["text"] for chart in charts(app)] == ["total, USD (log, est.)"]


def test_an_imported_run_says_so_beside_each_figure() -> None:
    """What another machine measured is marked in its lanes, its table and its slide; an estimate stays one."""
    lab = memory_lab()
    recorded = lab.results.recorded(lab.finished())
    recorded = replace(recorded, manifest=replace(recorded.manifest, imported=True))
    snapshot = fold(recorded.manifest, recorded.predictions).snapshot()
    (lane, *_others) = lane_views(snapshot)
    assert signs(lane)["per 1,000"] == "est."
    assert {name: value for name, value, *_rest in lane["figures"]}["unmarked"] == "imported"
    assert "measured on another machine" in lane["quality_help"]
    assert {"Quality (imported)", "Cost per 1,000 (est.)"} <= set(lanes_frame(snapshot.lanes).columns)
    slide = json.dumps(verdict_slide(snapshot, recorded.manifest, None), ensure_ascii=False)
    assert "% (imported)" in slide
    assert "¢ (est.)" in slide
    assert "· imported" in slide


def test_a_run_by_the_scripted_model_is_simulated(open_app: Opener) -> None:
    """Nothing that it answered looks measured: neither in the lanes nor in the results; an estimate stays one."""
    lab = memory_lab(models=[memory_model(backend=SCRIPTED)])
    run_id = lab.finished()
    app = open_app(lab)
    app.query_params["run_id"] = run_id
    app.run()
    assert not app.exception
    assert {"Answer p95 s (sim.)", "Prompt tokens (sim.)", "Cost ¢ per 1,000 (est.)"} <= headings(app)
    (lane, *_others) = lane_views(lab.runs.snapshot(run_id))
    assert {name: value for name, value, *_rest in lane["figures"]}["unmarked"] == "sim."
    assert signs(lane)["per 1,000"] == "est."


def test_a_learning_curve_says_what_its_runs_are(open_app: Opener) -> None:
    """On the axis of the chart and above the column of the table."""
    lab = memory_lab(models=[memory_model(backend=SCRIPTED)], speed=500)
    plans = lab.studies.learning_curve(
        task_id=TASK,
        model_id=MODEL,
        techniques=(Technique.FEW_SHOT, Technique.RAG, Technique.CLASSIFIER),
        sizes=(0, 5),
        draws=3,
        test_rows=60,
        decoding=DecodingMode.CHOICE,
    )
    lab.studies.start(Purpose.LEARNING_CURVE, "curve", plans)
    until(lambda: not lab.studies.state(Purpose.LEARNING_CURVE).is_running)
    app = shown(open_app, lab, "pages/decide/learning_curve.py")
    assert "Quality (sim.)" in headings(app)
    (chart,) = charts(app)
    assert chart["layout"]["yaxis"]["title"]["text"] == "quality (sim.)"


@pytest.mark.parametrize(("page", "key", "alike"), [(REPORT, "report_run", 2), (HISTORY, "pair_second", 2)])
def test_runs_of_one_minute_can_be_told_apart(open_app: Opener, page: str, key: str, alike: int) -> None:
    """Runs that a list would call the same also show the end of their ids; others do not."""
    lab = memory_lab()
    ends = [lab.finished(rows=rows).rpartition("-")[2] for rows in (12, 12, 13)]
    options = shown(open_app, lab, page).selectbox(key=key).options
    assert len(set(options)) == 3
    assert sum(text.endswith(f" · {end}") for end in ends for text in options) == alike


def play(prediction: Prediction, variant: Variant) -> PlaySnapshot:
    """Build an answered question of one variant."""
    question = Question(task_id=TASK, model_id=MODEL, text="x", variants=(variant,))
    lane = PlayLane(variant=variant, state="done", prediction=prediction)
    return PlaySnapshot(question=question, status="done", message="", fix="", stage="", lanes=(lane,))


@pytest.mark.parametrize(
    ("probabilities", "bars"),
    [
        ({"a": 0.5, "b": 0.2}, [("a", 0.5), ("b", 0.2), (OTHER_LABELS, 0.3)]),
        ({"a": 0.75, "b": 0.25}, [("a", 0.75), ("b", 0.25)]),
        (
            {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.06, "e": 0.04},
            [("a", 0.4), ("b", 0.3), ("c", 0.2), (OTHER_LABELS, 0.1)],
        ),
    ],
)
def test_labels_without_a_number_are_one_bar(probabilities: dict[str, float], bars: list[tuple[str, float]]) -> None:
    """The playground draws what was computed, and the rest together; it sums to 1 and nothing is made up."""
    variant = Variant(id="rag", technique=Technique.RAG)
    made = Prediction(
        run_id="r", variant_id="rag", technique="rag", example_id="e", target="a", text="a", answer="a",
        probabilities=probabilities,
    )  # fmt: skip
    (lane,) = play_views(play(made, variant), HERE)
    assert [(name, pytest.approx(share)) for name, share, _written in lane["bars"]] == bars


def test_the_playground_marks_what_a_server_counted() -> None:
    """Tokens of a model at a server are the server's; the seconds are ours."""
    variant = Variant(id="rag", technique=Technique.RAG)
    made = Prediction(
        run_id="r", variant_id="rag", technique="rag", example_id="e", target="a", usage=Usage(prompt_tokens=9)
    )
    (lane,) = play_views(play(made, variant), Origin(server=True))
    assert (signs(lane)["prompt"], signs(lane)["answer"], signs(lane)["first word"]) == ("server's",) * 2 + ("",)
    (lane,) = play_views(play(made, variant), Origin(simulated=True))
    assert set(signs(lane).values()) == {"sim."}


def test_a_row_shows_the_labels_without_a_number_together(open_app: Opener) -> None:
    """An opened row lists the labels that have a probability, then all others as one."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.RAG], limit=2)
    few = {LABELS[0]: 0.6, LABELS[1]: 0.1}
    events: list[Event] = [
        replace(event, prediction=replace(event.prediction, probabilities=few, answer=LABELS[0]))
        if isinstance(event, PredictionMade)
        else event
        for event in script(plan, lab.tasks.get(TASK))
        if not isinstance(event, RunEnded)
    ]
    lab.play(plan, [*events, RunEnded(status="done")])
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app.run()
    app.session_state[state.ROW] = plan.test_ids[0]
    app.run()
    assert not app.exception
    found = next(item.value for item in app.dataframe if "Probability" in item.value)
    assert list(found["Answer"]) == [LABELS[0], LABELS[1], OTHER_LABELS]
    assert list(found["Probability"]) == pytest.approx([0.6, 0.1, 0.3])
