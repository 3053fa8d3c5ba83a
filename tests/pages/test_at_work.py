"""The strip in the sidebar: what is at work, on every page, with its Stop; nothing at all while the machine is free."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engine.core.run.manifest import Purpose
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec
from engine.services.trainings import TrainingOrder
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, script, until
from tests.pages.conftest import Opener

PAGES = (
    "pages/start/start.py",
    "pages/prepare/models.py",
    "pages/prepare/tasks.py",
    "pages/prepare/upload.py",
    "pages/prepare/train.py",
    "pages/compare/run.py",
    "pages/compare/playground.py",
    "pages/decide/report.py",
    "pages/decide/costs.py",
    "pages/decide/learning_curve.py",
    "pages/decide/context.py",
    "pages/decide/drift.py",
    "pages/decide/history.py",
)


def strip(app: AppTest) -> str:
    """Return what the sidebar says, unescaped."""
    parts = [element.value for kind in (app.sidebar.markdown, app.sidebar.caption) for element in kind]
    return " ".join(parts).replace("\\", "")


def stop(app: AppTest) -> None:
    """Press the strip's only Stop."""
    (button,) = [button for button in app.sidebar.button if button.label == "Stop"]
    button.click().run()
    assert not app.exception


def running(lab: MemoryLab) -> str:
    """Put a comparison there that has answered some rows; return its id."""
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=list(Technique), limit=20)
    return lab.play(plan, script(plan, lab.tasks.get(TASK))[:60])


@pytest.mark.parametrize("page", PAGES)
def test_a_run_is_shown_on_every_page(page: str, open_app: Opener) -> None:
    """Wherever one is, the sidebar says what is running, how far it is, and offers to stop it."""
    lab = memory_lab()
    run_id = running(lab)
    app = open_app(lab, page).run()
    assert not app.exception
    assert f"Comparison · {lab.tasks.get(TASK).title}" in strip(app).replace("*", "")
    progress = lab.runs.progress(run_id)
    assert progress is not None
    assert f"{progress.rows_done} of 120 answers" in strip(app)
    stop(app)
    assert lab.runs._jobs.find(run_id).is_set()  # type: ignore[union-attr]


def test_nothing_is_shown_or_asked_while_the_machine_is_free(open_app: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle app has no strip, and no part of the page asks again by itself."""
    asked_every_s: list[float | None] = []
    fragment = st.fragment

    def noted(part: Callable[..., None], *, run_every: float | None = None) -> Callable[..., None]:
        asked_every_s.append(run_every)
        return fragment(part, run_every=run_every)

    monkeypatch.setattr(st, "fragment", noted)
    lab = memory_lab()
    lab.finished(rows=6)
    app = open_app(lab, PAGES[0]).run()
    assert lab.at_work.now() == ()
    assert not app.sidebar.button
    assert set(asked_every_s) == {None}


def test_looking_at_what_runs_reads_nothing_from_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sidebar of every open page looks each second: a run is named from memory alone."""
    lab = memory_lab()
    running(lab)
    for method in ("manifest", "predictions", "infos", "records"):
        monkeypatch.setattr(lab.memory.store, method, lambda *_: pytest.fail("the store was read"))
    (work,) = lab.at_work.now()
    assert work.name == lab.tasks.get(TASK).title


def test_a_study_is_one_entry_with_its_run_and_rows(open_app: Opener) -> None:
    """M4, minor 18: a drift study says which rows it is at, run and answers, on other pages too; its run is no second entry."""
    lab = memory_lab()
    base = lab.finished(rows=6)
    lab.memory.answers.hold()
    plans = lab.studies.drift(lab.results.plan(base))
    lab.studies.start(Purpose.DRIFT, "drift", list(plans.values()), studied_run=base)
    until(lambda: lab.studies.state(Purpose.DRIFT).run_id is not None and lab.runs.current_id() is not None)
    app = open_app(lab, "pages/compare/playground.py").run()
    assert "Drift · typos" in strip(app).replace("*", "")
    assert "run 1 of 3" in strip(app)
    assert len(lab.at_work.now()) == 1
    stop(app)
    lab.memory.answers.let_go()
    until(lambda: not lab.studies.state(Purpose.DRIFT).is_running)
    app.run()
    assert "Drift ·" not in strip(app).replace("*", "")
    assert {run.studied_run for run in lab.runs.list() if run.purpose is Purpose.DRIFT} == {base}


def test_a_training_that_waits_says_so(open_app: Opener) -> None:
    """A training is shown from its order on, and can be stopped from any page."""
    lab = memory_lab()
    lab.memory.machine.taken = True
    training = lab.lora.start(TrainingOrder(task_id=TASK, model_id=MODEL, spec=LoraSpec()))
    app = open_app(lab, PAGES[0]).run()
    assert "Training ·" in strip(app).replace("*", "")
    assert "waiting for the machine" in strip(app)
    stop(app)
    until(lambda: not lab.lora.snapshot(training).is_running)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["Speed test", "Model check"])
def test_work_with_a_model_is_shown(kind: str, open_app: Opener) -> None:
    """A speed test and a check hold the machine too, so they are shown, and stopped, like the rest."""
    lab = memory_lab()
    lab.memory.answers.hold()
    if kind == "Speed test":
        lab.models.speed_tests.start(MODEL)
        job = lab.models.speed_tests.find(MODEL)
    else:
        job = lab.models.checks.start(MODEL)
    assert job is not None
    app = open_app(lab, PAGES[0]).run()
    assert f"{kind} · {MODEL}" in strip(app).replace("*", "")
    stop(app)
    lab.memory.answers.let_go()
    until(lambda: not job.is_running)


def test_a_download_is_shown_on_every_page(open_app: Opener) -> None:
    """A pull belongs to the app, not to the page that began it: others show it, and Stop ends it there."""
    lab = memory_lab()
    lab.memory.servers.are_slow = True
    lab.models.pull("tiny:1b")
    app = open_app(lab, PAGES[0]).run()
    assert "Download · tiny:1b" in strip(app).replace("*", "")
    app.switch_page("pages/decide/history.py").run()
    assert "Download · tiny:1b" in strip(app).replace("*", "")
    stop(app)
    until(lambda: not lab.models.pulls.running())
    assert lab.memory.servers.pulled == []
    lab.memory.servers.are_slow = False
    lab.models.pull("tiny:1b")
    until(lambda: not lab.models.pulls.running())
    pull = lab.models.last_pull()
    assert pull is not None
    assert (pull.name, pull.error) == ("tiny:1b", None)
    assert lab.memory.servers.pulled == ["tiny:1b"]
    assert not open_app(lab, PAGES[0]).run().exception
