"""Runs whose scores are by an earlier rule: shown as they are, and never mixed with those of today without a word."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from engine.core import task as task_module
from tests.memory_lab import MemoryLab, memory_lab, memory_task
from tests.pages.conftest import Opener

CHANGED = "how its answers are scored, changed between these two runs"


@pytest.fixture
def lab() -> MemoryLab:
    """Return a lab without runs."""
    return memory_lab()


@pytest.fixture
def made(lab: MemoryLab, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make a run, raise the version of a scorer that its task uses, and make two more; return their ids."""
    old = lab.finished(rows=6)
    lab.memory.store.update_run(old, manifest={"started_at": "2026-11-20T08:00:00+00:00"})
    monkeypatch.setattr(task_module, "SCORER_VERSIONS", {"accuracy": 2})
    lab.memory.tasks.keep(memory_task())
    return [old, lab.finished(rows=6, seed=1), lab.finished(rows=6, seed=2)]


def opened(open_app: Opener, lab: MemoryLab, page: str, run_id: str, **chosen: str) -> AppTest:
    """Open a page on a run, and choose others in these boxes."""
    app = open_app(lab).run()
    app.switch_page(page)
    app.query_params["run_id"] = run_id
    app.run()
    for key, other in chosen.items():
        app.selectbox(key=key).set_value(other).run()
    assert not app.exception
    return app


def told(app: AppTest) -> str:
    """Return all captions of a page, unescaped."""
    return " ".join(item.value for item in app.caption).replace("\\", "")


def test_two_runs_of_two_rules_say_so(open_app: Opener, lab: MemoryLab, made: list[str]) -> None:
    """Side by side with a run of today an older one carries the sentence; two of today do not."""
    old, first, second = made
    page = "pages/decide/history.py"
    box = f"pair_first_{second}"
    assert CHANGED in told(opened(open_app, lab, page, second, pair_second=second, **{box: old}))
    assert CHANGED not in told(opened(open_app, lab, page, second, pair_second=second, **{box: first}))


def test_draws_are_of_one_rule(open_app: Opener, lab: MemoryLab, made: list[str]) -> None:
    """The scatter over seeds takes the runs of today alone."""
    app = opened(open_app, lab, "pages/decide/report.py", made[-1])
    app.session_state["report_tab"] = "Seeds"
    app.selectbox(key="report_run").set_value(made[-1]).run()
    assert "2 seeds: 1, 2" in told(app)


def test_drift_is_not_measured_against_other_scores(open_app: Opener, lab: MemoryLab, made: list[str]) -> None:
    """Of the older run the page says why, and offers nothing to start."""
    app = opened(open_app, lab, "pages/decide/drift.py", made[0])
    assert "scoring has changed since run" in app.error[0].value
    assert "Start a new run" in app.error[0].value
    assert not [button for button in app.button if button.key == "series_start"]
