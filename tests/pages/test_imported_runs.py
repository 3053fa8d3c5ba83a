"""An imported run says on every screen that another machine measured it, and is continued on none."""

from __future__ import annotations

import html
import json

import pytest
from streamlit.testing.v1 import AppTest

from components.ui import state
from components.widgets.tables import table_key
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


def test_an_imported_run_is_listed_at_once(open_app: Opener) -> None:
    """Importing into an empty home shows the run, and no longer that there is none."""
    there, here = memory_lab(), memory_lab()
    packed = there.exports.pack(there.finished(rows=8))
    app = open_app(here, "pages/decide/history.py").run()
    assert "no saved runs yet" in app.info[0].value
    app.file_uploader[0].set_value(("run.zip", packed, "application/zip")).run()
    app.button(key="import_run").click().run()
    assert not app.exception
    assert not app.info
    assert app.dataframe[0].value["Answers"][0].endswith("answers, imported")
    assert app.toast[0].value.startswith("Imported run")


def test_what_is_pressed_twice_is_pressed_for_one_run(open_app: Opener) -> None:
    """With another list of runs nothing stays selected, and each run has buttons of its own."""
    lab = memory_lab()
    first, second = lab.finished(rows=8), lab.finished(rows=8, seed=1)
    runs = {info.run_id: info for info in lab.runs.list()}
    assert table_key("t", list(runs)) != table_key("t", [first])
    assert table_key("t", list(runs)) == table_key("t", list(runs))
    keys = []
    for run_id in (first, second):

        def page(run_id: str) -> None:
            from components.history.run_actions import run_actions
            from components.ui import state

            lab = state.lab()
            run_actions(lab, next(info for info in lab.runs.list() if info.run_id == run_id))

        app = AppTest.from_function(page, kwargs={"run_id": run_id}, default_timeout=30)
        app.session_state[state.LAB] = lab
        app.run()
        assert not app.exception
        keys.append({button.key for button in app.button})
    assert not keys[0] & keys[1]
