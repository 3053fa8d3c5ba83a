"""Start and Present: a first visit, a recorded run, and the walk through a finished one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from components.present.race_view import left_out, race_view
from components.present.slides import STEPS, verdict_slide
from components.ui.bests import bests
from components.ui.lane_view import lane_views
from engine.core.health import Finding
from engine.core.limits import Limits
from engine.core.run.events import LeaderClear, PredictionMade, RunEnded
from engine.core.techniques import Technique
from engine.services.recorded import SAMPLE
from tests.memory_lab import HOSTILE, MODEL, TASK, MemoryLab, memory_lab, memory_task, script, until
from tests.pages.conftest import Opener

PRESENT = "pages/compare/present.py"


def _with_sample() -> MemoryLab:
    """Give a laboratory a sample run, and no run of its own."""
    made, lab = memory_lab(), memory_lab()
    lab.memory.files.recorded = made.results.recorded(made.finished(rows=8))
    return lab


def _components(app: AppTest, name: str) -> list[dict[str, Any]]:
    return [json.loads(i.proto.json) for i in app.get("bidi_component") if name in i.proto.component_name]


def test_first_visit_shows_a_real_run_with_machine_and_date(open_app: Opener) -> None:
    """Before anything was run the recorded run is on screen, labelled as one, with lanes and the three bests."""
    app = open_app(_with_sample(), page=None).run()
    assert not app.exception
    assert any("Recorded run" in element.value for element in app.markdown)
    told = " ".join(caption.value.replace("\\", "") for caption in app.caption)
    assert "Example CPU" in told
    assert "2026-11-24" in told
    assert len(_components(app, "lanes")[0]["lanes"]) == 6
    assert TASK not in {element.value for element in (*app.caption, *app.markdown, *app.header)}  # only its title is
    assert {"Best quality", "Fastest", "Cheapest"} <= {caption.value for caption in app.caption}


def test_one_click_starts_the_default_comparison(open_app: Opener) -> None:
    """The first button starts all variants on the first task, and the run comes on screen."""
    lab = memory_lab(speed=50)
    app = open_app(lab, page=None).run()
    app.button(key="start_default").click().run()
    assert not app.exception
    assert len(lab.last_plan().variants) == 6
    assert (
        app.query_params["run_id"] == [lab.last_plan().run_id] or app.query_params["run_id"] == lab.last_plan().run_id
    )


def test_the_users_own_run_replaces_the_recorded_one(open_app: Opener) -> None:
    """Once a run of the user's is done, Start shows that one."""
    lab = _with_sample()
    lab.finished(rows=8)
    app = open_app(lab, page=None).run()
    assert any("Your last run" in element.value for element in app.markdown)
    assert not any("Recorded run" in element.value for element in app.markdown)


def test_without_any_run_the_rest_still_stands(open_app: Opener) -> None:
    """A copy without the recorded run shows the three things to do all the same."""
    app = open_app(memory_lab(), page=None).run()
    assert not app.exception
    assert app.button(key="start_default")


def test_what_is_missing_is_told_with_its_fix(open_app: Opener) -> None:
    """What nothing works without is an error; what a part needs stands below."""
    lab = memory_lab()
    lab.memory.machine.findings = [
        Finding(what="The package lancedb is missing.", fix="pip install lancedb", needed=True),
        Finding(what="No Ollama server answers.", fix="ollama serve", needed=False),
    ]
    app = open_app(lab, page=None).run()
    assert "pip install lancedb" in app.error[0].value.replace("\\", "")
    assert any("ollama serve" in caption.value for caption in app.caption)


def test_a_new_tab_stays_on_start_and_says_what_is_in_progress(open_app: Opener) -> None:
    """Opening the bare address while a run is in progress shows Start, with the way to the run and its Stop."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=6)
    lab.play(plan, script(plan, lab.tasks.get(TASK))[:60])
    app = open_app(lab, page=None).run()
    assert any("in progress" in element.value for element in app.markdown)
    assert "Stop" in [button.label for button in app.sidebar.button]
    app.button(key="watch_current").click().run()
    assert app.query_params["run_id"] == plan.run_id
    assert "Stop" in [button.label for button in app.main.button]


@pytest.mark.parametrize("step", range(1, len(STEPS) + 1))
def test_every_step_of_a_presentation(step: int, open_app: Opener) -> None:
    """Each of the five steps shows its own: task, rivals, race, tradeoff, verdict."""
    lab = memory_lab()
    app = open_app(lab, PRESENT)
    app.query_params["presented"] = lab.finished(rows=8)
    app.query_params["step"] = str(step)
    app.run()
    assert not app.exception
    (slide,) = _components(app, "slide")
    assert slide["kicker"].startswith(STEPS[step - 1])
    assert bool(_components(app, "race")) == (step == 3)
    assert bool(_components(app, "live_plot")) == (step == 4)


def test_the_verdict_slide_says_the_verdict_and_nothing_twice(open_app: Opener) -> None:
    """What to choose is its headline, under it how sure that is and what to do next, then three figures."""
    lab = memory_lab(task=memory_task(rows=40))
    run_id = lab.finished(rows=40)
    verdict = lab.results.report(run_id, Limits()).verdict
    app = open_app(lab, PRESENT)
    app.query_params["presented"], app.query_params["step"] = run_id, "5"
    app.run()
    assert not app.exception
    (slide,) = _components(app, "slide")
    assert slide["headline"] == verdict.headline
    texts = [text for block in slide["blocks"] for text in block.get("texts", [])]
    assert texts == [text for text in (verdict.in_short, verdict.next_step.text) if text]
    figures = [card for block in slide["blocks"] for card in block.get("figures", [])]
    assert figures[0]["what"] == "of 40 test rows right"
    assert len(figures) == 3
    said = [
        slide["headline"],
        *texts,
        *(words for card in figures for words in (card["figure"], card["what"], card["detail"])),
    ]
    assert len(said) == len({*said})


def test_a_presentation_moves_and_ends(open_app: Opener) -> None:
    """Next and back move by one and stop at the ends; leaving brings the run back."""
    lab = memory_lab()
    run_id = lab.finished(rows=8)
    app = open_app(lab, PRESENT)
    app.query_params["presented"] = run_id
    app.run()
    assert app.button(key="present_back").disabled
    for _ in range(len(STEPS) - 1):
        app.button(key="present_next").click().run()
    assert app.button(key="present_next").disabled
    assert _components(app, "slide")[0]["kicker"].startswith("The verdict")
    app.button(key="present_leave").click().run()
    assert not app.exception
    assert any(button.label == "New comparison" for button in app.button)


def test_the_control_of_a_step_that_was_left_is_not_heard(open_app: Opener) -> None:
    """A key that is pressed while the next step is drawn goes on from there, whatever the last step's control says."""
    lab = memory_lab()
    app = open_app(lab, PRESENT)
    app.query_params["presented"] = lab.finished(rows=8)
    app.query_params["step"] = "3"
    app.run()
    app.query_params["step"] = "4"  # gone on by a key; the control of step 3 is still on the page
    app.get("segmented_control")[0].set_value(2).run()
    assert _components(app, "slide")[0]["kicker"].startswith(STEPS[3])


def test_the_sample_can_be_presented(open_app: Opener) -> None:
    """The recorded run is presented like any other, from Start."""
    app = open_app(_with_sample(), page=None).run()
    app.button(key="start_present").click().run()
    assert not app.exception
    assert _components(app, "slide")[0]["kicker"].startswith("Recorded run · The task")


def test_nothing_to_present_is_told(open_app: Opener) -> None:
    """A run that nobody knows, or no run at all, is told with a way on."""
    app = open_app(memory_lab(), PRESENT)
    app.query_params["presented"] = "20200101-000000-dead"
    app.run()
    assert not app.exception
    assert "There is no run '20200101-000000-dead' here" in app.warning[0].value.replace("\\", "")
    lab = memory_lab()
    run_id = lab.finished(rows=6)
    app = open_app(lab, PRESENT)
    app.query_params["presented"] = "20200101-000000-dead"
    app.run()
    app.button(key=f"open_{run_id}").click().run()
    assert _components(app, "slide")
    app = open_app(memory_lab(), PRESENT).run()
    assert not app.exception
    assert "There is no finished run to present yet" in app.info[0].value
    assert not app.error


def test_slides_are_text(open_app: Opener) -> None:
    """Markup in a task's rows reaches no Markdown element, and direction overrides are made visible."""
    lab = memory_lab(task=memory_task(text=HOSTILE))
    app = open_app(lab, PRESENT)
    app.query_params["presented"] = lab.finished(rows=8, text=HOSTILE)
    app.run()
    assert "\u202e" not in json.dumps(_components(app, "slide"), ensure_ascii=False)
    assert not [element for element in app.markdown if "<script>" in element.value]


def test_the_race_is_the_recorded_seconds() -> None:
    """Each lane's ends are the running sum of its answers' seconds, and the race lasts as long as the slowest lane."""
    lab = memory_lab()
    snapshot = lab.runs.snapshot(lab.finished(rows=8))
    view = race_view(snapshot.lanes)
    for lane, shown in zip(snapshot.lanes, view["lanes"], strict=True):
        assert shown["ends"][-1] == pytest.approx(sum(lane.latencies_s), abs=1e-3)
        assert len(shown["ends"]) == len(shown["shares"]) == 8
    assert view["total"] == max(lane["ends"][-1] for lane in view["lanes"])
    assert race_view([])["total"] == 0.0


def test_who_has_rows_without_a_time_is_named() -> None:
    """A failed row has no seconds: its variant has no lane, and that is said."""
    lab = memory_lab()
    lanes = lab.runs.snapshot(lab.finished(rows=8)).lanes
    broken = replace(lanes[1], latencies_s=lanes[1].latencies_s[:-1])
    view = race_view([lanes[0], broken])
    assert [lane["name"] for lane in view["lanes"]] == [lanes[0].variant.name]
    assert left_out([lanes[0], broken]) == f"{broken.variant.name} is left out: failed rows have no time."
    assert left_out([lanes[0], broken]) in view["spoken"]
    assert not left_out(lanes)


def test_the_bests_name_rivals_that_may_be_as_good() -> None:
    """The best on quality names every variant whose interval reaches into its own."""
    lab = memory_lab()
    lanes = lab.runs.snapshot(lab.finished(rows=8)).lanes
    quality, fastest, cheapest = bests(lanes)
    assert quality.lane.quality.value == max(lane.quality.value for lane in lanes)
    assert fastest.lane.total_p50_s == min(lane.total_p50_s for lane in lanes)
    assert cheapest.lane.cost_usd_per_1k == min(lane.cost_usd_per_1k for lane in lanes)
    near = [lane for lane in lanes if lane is not quality.lane and lane.quality.high >= quality.lane.quality.low]
    assert ("overlap" in quality.detail) == bool(near)


def test_the_bests_name_all_that_are_level() -> None:
    """Where several share the best figure none of them is named alone, so that the line denies no verdict."""
    lab = memory_lab()
    lane = next(lane for lane in lab.runs.snapshot(lab.finished(rows=8)).lanes if lane.quality and lane.quality.value)
    twin = replace(lane, variant=replace(lane.variant, id="twin", technique=Technique.LORA), name="LoRA")
    quality, *_ = bests([lane, twin])
    assert quality.name == f"{lane.name} and LoRA"
    assert "overlap" not in quality.detail.replace("no other interval overlaps", "")


def test_a_run_that_stopped_early_is_marked(open_app: Opener) -> None:
    """A run that ended for its leader says so, with the test's error rate."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=6)
    events = [*script(plan, lab.tasks.get(TASK))[:-60], LeaderClear(variant_id="lora", rows=3)]
    lab.play(plan, [*events, RunEnded(status="done")])
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app.run()
    assert not app.exception
    assert "LoRA was clearly better" in app.info[0].value
    assert any("Done early" in element.value for element in app.markdown)


def test_pause_and_go_on(open_app: Opener) -> None:
    """A run can be paused and goes on again from the same place on screen."""
    lab = memory_lab(speed=2)
    lab.runs.start(lab.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=40))
    app = open_app(lab).run()
    app.button(key="pause").click().run()

    run_id = lab.runs.current_id()
    until(lambda: lab.runs.snapshot(run_id).status == "paused")
    app.run()
    assert any("paused" in element.value for element in app.markdown)
    app.button(key="go_on").click().run()
    until(lambda: lab.runs.snapshot(run_id).status != "paused")


def test_the_sample_is_named_for_what_it_is() -> None:
    """The name of the sample run can be no run's id."""
    assert not SAMPLE[0].isdigit()


@pytest.mark.parametrize("score", [1.0, 0.5])
def test_only_what_is_right_or_wrong_is_called_right(score: float) -> None:
    """A score such as F1 is a mean of parts: lane, slide and replay call it a score."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.RAG, Technique.CLASSIFIER], limit=6)
    events = [
        replace(event, prediction=replace(event.prediction, score=score))
        if isinstance(event, PredictionMade)
        else event
        for event in script(plan, lab.tasks.get(TASK))
    ]
    run_id = lab.play(plan, [*events, RunEnded(status="done")])
    snapshot = lab.runs.snapshot(run_id)
    right = score == 1.0
    assert snapshot.is_share is lab.results.report(run_id, Limits()).is_share is right
    (lane, _other) = lane_views(snapshot)
    assert ("right" in lane["spoken"], "Share of rows" in lane["quality_help"]) == (right, right)
    assert ("right" in race_view(snapshot.lanes)["spoken"]) is right
    slide = verdict_slide(snapshot, lab.results.manifest(run_id), lab.results.report(run_id, Limits()))
    (card, *_) = next(block["figures"] for block in slide["blocks"] if "figures" in block)
    assert card["what"].startswith("of 6 test rows right" if right else "mean score of 6 test rows")
