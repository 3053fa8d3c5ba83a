"""An imported run says on every screen that another machine measured it, and is continued on none."""

from __future__ import annotations

import html
import json

import pytest
from streamlit.testing.v1 import AppTest

from engine.core.errors import UsageError
from engine.core.limits import Limits
from tests.memory_lab import MemoryLab, memory_lab
from tests.pages.conftest import Opener

SAID = "Imported: measured on another machine. Times, memory and energy are that machine's; scores were computed again here."


@pytest.fixture
def imported() -> tuple[MemoryLab, str]:
    """A lab whose only run was packed on another machine, with scores that its answers do not have."""
    there, here = memory_lab(), memory_lab()
    run_id = there.finished(rows=8)
    assert here.exports.unpack(there.exports.pack(run_id)) == run_id
    return here, run_id


def texts(app: AppTest) -> str:
    """Return all that a page says in words, its own components and lists to choose from among it."""
    shown = [item.value for kind in (app.caption, app.markdown, app.info) for item in kind]
    shown += [option for box in app.selectbox for option in box.options]
    shown += [item.proto.json for item in app.get("bidi_component")]
    return " ".join(shown).replace("\\", "")


@pytest.mark.parametrize("page", ["decide/report.py", "decide/costs.py", "decide/drift.py", "compare/run.py"])
def test_pages_about_one_run_say_that_it_was_imported(
    open_app: Opener, imported: tuple[MemoryLab, str], page: str
) -> None:
    """The page says in a sentence what the other machine measured and what was computed here."""
    lab, run_id = imported
    app = open_app(lab, f"pages/{page}")
    app.query_params["run_id"] = run_id
    app.run()
    assert not app.exception
    assert SAID in texts(app)


def test_lists_and_first_screen_say_it_too(open_app: Opener, imported: tuple[MemoryLab, str]) -> None:
    """History's table, the list to choose a run from, Start and the recent runs."""
    lab, _run_id = imported
    history = open_app(lab, "pages/decide/history.py").run()
    assert history.dataframe[0].value["Answers"][0].endswith("answers, imported")
    report = open_app(lab, "pages/decide/report.py").run()
    assert "UTC · imported · " in report.selectbox(key="report_run").options[0]
    assert any("UTC · imported" in button.label for button in open_app(lab).run().button)
    start = texts(open_app(lab, None).run())
    assert "Imported run" in start
    assert "Made by this app on" not in start


def test_every_step_of_a_presentation_and_the_memo_say_it(open_app: Opener, imported: tuple[MemoryLab, str]) -> None:
    """Wherever figures of the run are carried to others, what they are goes along."""
    lab, run_id = imported
    app = open_app(lab, "pages/compare/present.py")
    app.query_params["presented"] = run_id
    app.run()
    for step in range(2, 6):
        app.button(key="present_next").click().run()
        assert not app.exception
        assert "imported" in texts(app), step
    assert SAID in texts(app)
    for form in ("html", "md"):
        assert SAID in html.unescape(lab.exports.memo(run_id, Limits(), form=form).decode()).replace("\\", "")
    summary = json.loads(lab.exports.export(run_id)["summary.json"])
    assert (summary["imported"], summary["rescored"]) == (True, True)


def test_rows_of_two_machines_are_not_mixed(imported: tuple[MemoryLab, str]) -> None:
    """An imported run that was cancelled cannot be continued here."""
    lab, run_id = imported
    lab.memory.store.update_run(run_id, status="cancelled")
    with pytest.raises(UsageError, match="another machine's"):
        lab.runs.resume(run_id)
