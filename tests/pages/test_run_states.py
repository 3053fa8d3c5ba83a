"""The Run page in odd states: queued, failed, cancelled, failures, many labels, hostile and long answers."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from components.ui import state
from engine.core.run.events import (
    Event,
    ModelLoaded,
    Notice,
    PredictionMade,
    PredictionStarted,
    PreparationProgress,
    RunEnded,
    RunStarted,
    VariantOut,
)
from engine.core.run.plan import RunPlan
from engine.core.steps import Progress
from engine.core.techniques import Technique
from engine.metrics import wording as say
from tests.memory_lab import HOSTILE, MODEL, TASK, MemoryLab, memory_lab, memory_task, queued, script
from tests.pages.conftest import Opener

ROOT = Path(__file__).parents[2]


def _plan(lab: MemoryLab, rows: int = 6) -> RunPlan:
    return lab.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=rows)


def _shown(lab: MemoryLab, plan: RunPlan, events: list[Event], open_app: Opener) -> AppTest:
    lab.play(plan, events)
    return _on_run_page(lab, plan, open_app)


def _on_run_page(lab: MemoryLab, plan: RunPlan, open_app: Opener) -> AppTest:
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app.run()
    assert not app.exception
    return app


def _lanes(app: AppTest) -> list[dict[str, Any]]:
    found = [json.loads(item.proto.json) for item in app.get("bidi_component") if "lanes" in item.proto.component_name]
    lanes: list[dict[str, Any]] = found[0]["lanes"]
    return lanes


def _buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_queued_run_says_who_is_ahead(open_app: Opener) -> None:
    """A waiting run names what it waits for and can be cancelled."""
    lab = memory_lab()
    plan = _plan(lab)
    app = _shown(lab, plan, queued(plan), open_app)
    assert "Waiting for the run 20261124" in app.info[0].value.replace("\\", "")
    assert "Stop" in [button.label for button in app.main.button]


def test_finished_run_has_table_files_and_rows(open_app: Opener) -> None:
    """A finished run shows one line per variant, every file, and the grid of rows."""
    lab = memory_lab()
    plan = _plan(lab)
    app = _shown(lab, plan, [*script(plan, lab.tasks.get(TASK)), _end("done")], open_app)
    table = app.dataframe[0].value
    assert list(table["variant"]) == ["Zero-shot", "Few-shot", "RAG", "LoRA", "RAG + LoRA", "Classifier"]
    assert {item.label for item in app.get("download_button")} >= {"run.json", "predictions.csv", "summary.json"}
    grid = next(item for item in app.get("bidi_component") if "row_grid" in item.proto.component_name)
    assert json.loads(json.loads(grid.proto.json)["rows"])["rows"] == list(range(len(plan.test_ids)))


@pytest.mark.parametrize("page", ["run", "report"])
def test_one_row_is_one_row(page: str, open_app: Opener) -> None:
    """Whatever counts the rows of a run of one: no screen says "1 rows"."""
    lab = memory_lab()
    plan = _plan(lab, rows=1)
    lab.play(plan, [*script(plan, lab.tasks.get(TASK)), _end("done")])
    app = open_app(lab)
    app.query_params["run_id"] = plan.run_id
    app = app.run() if page == "run" else app.switch_page("pages/decide/report.py").run()
    assert not app.exception
    told = [item.value for kind in ("title", "header", "markdown", "caption", "text", "info") for item in app.get(kind)]
    assert any(re.search(r"\b1 (test )?row\b", text) for text in told)
    assert [text for text in told if re.search(r"\b1 (test |training |more )?rows\b", text)] == []


def test_failures_are_counted_by_kind(open_app: Opener) -> None:
    """Failures are a table of their own, and the lane counts them."""
    lab = memory_lab()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=60, seed=1)
    app = _shown(lab, plan, [*script(plan, lab.tasks.get(TASK)), _end("done")], open_app)
    failed = [frame.value for frame in app.dataframe if "Kind" in frame.value]
    assert list(failed[0]["Kind"]) == ["unparsed"]
    assert {name: value for name, value, *_ in _lanes(app)[0]["figures"]}["failed"] != "0"


def test_fifteen_labels(open_app: Opener) -> None:
    """A task of many classes fits the same page."""
    task = memory_task(labels=[f"intent_number_{n}_with_a_long_name" for n in range(15)])
    lab = memory_lab(task=task)
    plan = _plan(lab, rows=20)
    app = _shown(lab, plan, [*script(plan, task), _end("done")], open_app)
    assert len(_lanes(app)) == 6


@pytest.mark.parametrize("text", [HOSTILE, "word " * 4000, "\u202e" * 50, "```\n# x\n```"])
def test_answers_are_text(text: str, open_app: Opener) -> None:
    """Markup, Markdown, terminal escapes and direction overrides in answers reach no Markdown element."""
    task = memory_task(text=text[:500])
    lab = memory_lab(task=task)
    plan = _plan(lab)
    app = _shown(lab, plan, [*script(plan, task, text=text), _end("done")], open_app)
    app.session_state[state.ROW] = plan.test_ids[0]
    app.run()
    assert app.code
    for element in app.markdown:
        assert "<script>" not in element.value
        assert "# heading" not in element.value
    shown = json.dumps(_lanes(app), ensure_ascii=False)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not [code for code in app.code if "\u202e" in code.value or "\x1b" in code.value]


def test_training_shows_its_progress(open_app: Opener) -> None:
    """While LoRA weights are trained, the lane tells step, loss and speed, and leaves the time left to the head."""
    lab = memory_lab()
    plan = _plan(lab)
    progress = Progress(stage="Training LoRA weights", fraction=0.5, left_s=40, step=21, loss=0.431, tokens_per_s=640)
    events: list[Event] = [
        RunStarted(plan=plan),
        PreparationProgress(variant_id="lora", progress=progress),
    ]
    app = _shown(lab, plan, events, open_app)
    preparing = next(lane["preparing"] for lane in _lanes(app) if lane["id"] == "lora")
    assert preparing == {
        "fraction": 0.5,
        "text": "Training LoRA weights",
        "detail": "step 21 · loss 0.431 · 640 tokens/s",
    }


def _steps(app: AppTest) -> str:
    """Return the row of steps with the time left behind it, unescaped."""
    texts = (element.value.replace("\\", "") for element in app.main.markdown)
    (line,) = [text for text in texts if "Warm-up" in text]
    return line


def _left(text: str) -> list[str]:
    return re.findall(r"(?:about )?[\d hmins]+ left", text)


@pytest.mark.parametrize(
    ("until", "now", "rough"),
    [
        (RunStarted, "Model", True),
        (ModelLoaded, "Zero-shot", True),
        (PreparationProgress, "LoRA 14 of 42", True),
        (PredictionStarted, "Row 1 of 12", True),
        (Notice, "Warm-up", True),
        (None, "Row 9 of 12", False),
    ],
)
def test_the_head_says_the_step_and_one_time_left(
    until: type[Event] | None, now: str, rough: bool, open_app: Opener
) -> None:
    """Minor 5, 6: in each state the head names what is under way with its count, and one time left for the whole run.

    The sidebar says the same step and a time of its own; neither lanes nor anything else on the page has another.
    """
    lab = memory_lab()
    plan = _plan(lab, rows=12)
    events = script(plan, lab.tasks.get(TASK))
    events.insert(2, ModelLoaded(load_s=1.0, gpu=False))
    places = [n for n, event in enumerate(events) if until is not None and isinstance(event, until)]
    if until is None:
        places = [n for n, event in enumerate(events) if isinstance(event, PredictionMade)][8 * 6 - 1 :]
    elif until is PreparationProgress:
        places = [n for n in places if events[n].progress.step == 14]  # type: ignore[union-attr]
    app = _shown(lab, plan, events[: places[0] + 1], open_app)
    line = _steps(app)
    assert f":blue-badge[:material/play_arrow: {now}]" in line
    assert line.count(":blue-badge[") == 1
    (left,) = _left(line)
    assert left.startswith("about ") is rough
    page = " ".join(element.value for kind in (app.main.markdown, app.main.caption) for element in kind)
    assert len(_left(page)) == 1
    assert "left" not in json.dumps(_lanes(app))
    sidebar = " ".join(element.value for element in app.sidebar.caption).replace("\\", "")
    assert len(_left(sidebar)) == 1
    assert (now if not now.startswith("Row") else "of 72 answers") in sidebar


def test_a_run_that_is_over_ticks_its_steps_and_has_no_time_left(open_app: Opener) -> None:
    """Done is done: every step has its tick with what it took, none is under way, and no time is left."""
    lab = memory_lab()
    plan = _plan(lab)
    line = _steps(_shown(lab, plan, [*script(plan, lab.tasks.get(TASK)), _end("done")], open_app))
    assert line.count(":green-badge[") == 9
    assert "LoRA 1 min" in line
    assert not _left(line)


def test_a_variant_that_is_out_stays_with_its_figures(open_app: Opener) -> None:
    """A raced-out lane is marked as such and keeps its figures; the steps go on without it."""
    lab = memory_lab()
    plan = _plan(lab)
    events = script(plan, lab.tasks.get(TASK))
    made = [n for n, event in enumerate(events) if isinstance(event, PredictionMade)]
    events = [*events[: made[6 * 3 - 1] + 1], VariantOut(variant_id="zero-shot", rows=3)]
    app = _shown(lab, plan, events, open_app)
    lanes = {lane["id"]: lane for lane in _lanes(app)}
    assert (lanes["zero-shot"]["is_out"], lanes["rag"]["is_out"]) == (True, False)
    assert lanes["zero-shot"]["interval"] == "out after 3 rows"
    assert lanes["zero-shot"]["quality"] != say.MISSING
    assert "Row 4 of 6" in _steps(app)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_faded_lane_can_be_read(theme: str) -> None:
    """The text of a raced-out lane, a mix of text and ground, has a contrast of 4.5 : 1 at least in both themes."""
    style = (ROOT / "components/widgets/variant_lanes/variant_lanes.css").read_text(encoding="utf-8")
    share = int(re.search(r"--muted: color-mix\(in srgb, var\(--st-text-color\) (\d+)%", style)[1]) / 100  # type: ignore[index]
    shades = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))["theme"][theme]
    ground, text = (
        [int(shades[name][place : place + 2], 16) for place in (1, 3, 5)] for name in ("backgroundColor", "textColor")
    )
    mixed = [share * letter + (1 - share) * below for letter, below in zip(text, ground, strict=True)]
    darker, lighter = sorted((_luminance(mixed), _luminance(ground)))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def _luminance(shade: list[float] | list[int]) -> float:
    """Relative luminance of an sRGB colour, as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in shade)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_unknown_run_in_the_url(open_app: Opener) -> None:
    """A run id that nobody knows is told, with a way back."""
    app = open_app(memory_lab())
    app.query_params["run_id"] = "20200101-000000-dead"
    app.run()
    assert not app.exception
    assert "There is no run '20200101-000000-dead' here" in app.warning[0].value.replace("\\", "")
    app.button(key="missing_set_up").click().run()
    assert [button.label for button in app.button] == ["Run"]


def test_second_tab_attaches_to_the_run_that_goes_on(open_app: Opener) -> None:
    """Without a run id in the URL the run that is going on comes up."""
    lab = memory_lab()
    plan = _plan(lab)
    lab.play(plan, script(plan, lab.tasks.get(TASK))[:60])
    app = open_app(lab).run()
    assert app.query_params["run_id"] == plan.run_id
    assert "Stop" in [button.label for button in app.main.button]


def test_strip_shows_the_last_rows(open_app: Opener) -> None:
    """The strip has one column per row, each with an outcome per variant, in the lanes' order."""
    lab = memory_lab()
    plan = _plan(lab, rows=30)
    events = script(plan, lab.tasks.get(TASK))
    app = _shown(lab, plan, [*events, _end("done")], open_app)
    strip = next(json.loads(i.proto.json) for i in app.get("bidi_component") if "strip" in i.proto.component_name)
    assert [column["id"] for column in strip["columns"]] == list(plan.test_ids[-24:])
    made = [event.prediction for event in events if isinstance(event, PredictionMade)]
    last = {item.variant_id: item for item in made if item.example_id == plan.test_ids[-1]}
    wanted = ["failed" if (p := last[v.id]).failure else ("right" if p.score else "wrong") for v in plan.variants]
    assert strip["columns"][-1]["marks"] == wanted


def _end(status: str, message: str = "", fix: str = "") -> RunEnded:
    return RunEnded(status=status, message=message, fix=fix)
