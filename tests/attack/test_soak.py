"""Random journeys through the served app. A few here; `make attack-soak` takes 2,000."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from adapters.kept_tabs import MOST
from tests.attack.soak import SCRIPTED, STEPS, Found, held, journey
from tests.attack.visitor import Visitor, cookies
from tools.screenshots import import_sample
from tools.served_app import served_app

JOURNEYS = 8


def test_random_journeys_show_no_exception(tmp_path: Path) -> None:
    """Pages are opened and buttons pressed, whatever they do: no page fails, every step is answered, the app goes on."""
    found = Found()
    import_sample(tmp_path)
    environment = {**SCRIPTED, "ADAPTLAB_HOME": str(tmp_path), "ADAPTLAB_SCRIPTED_PACE_S": "0.0005"}
    with served_app(tmp_path / "server.log", environment) as app:
        cookie = cookies(app)
        for number in range(JOURNEYS):
            journey(app, cookie, number, 1, found)
        assert held(app.process.pid).megabytes > 0
        assert app.process.poll() is None
    assert found.findings == []
    assert found.steps.total() == JOURNEYS * STEPS
    assert any(step.startswith("press") for step in found.steps)
    assert "Traceback" not in (tmp_path / "server.log").read_text(encoding="utf-8")


def test_closed_tabs_are_let_go_of(tmp_path: Path) -> None:
    """Of many tabs that were closed, few wait for their return; the event loops of all others are closed."""
    environment = {"ADAPTLAB_HOME": str(tmp_path), "ADAPTLAB_SCRIPTED": "1"}
    with served_app(tmp_path / "server.log", environment) as app:
        cookie, pid = cookies(app), app.process.pid

        def event_loops() -> int:
            found = 0
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                    found += str(handle.readlink()) == "anon_inode:[eventpoll]"
            return found

        before = event_loops()
        for _ in range(2 * MOST):
            with Visitor(app, cookie, patience_s=120) as visitor:
                visitor.visit("costs")
        ends = time.monotonic() + 60
        while event_loops() > before + MOST and time.monotonic() < ends:
            time.sleep(0.2)
        assert before < event_loops() <= before + MOST
