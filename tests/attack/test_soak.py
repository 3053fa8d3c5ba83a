"""Random journeys through the served app. A few here; `make attack-soak` takes 2,000."""

from __future__ import annotations

from pathlib import Path

from tests.attack.soak import STEPS, Found, held, journey
from tests.attack.visitor import cookies
from tools.screenshots import import_sample
from tools.served_app import served_app

JOURNEYS = 8


def test_random_journeys_show_no_exception(tmp_path: Path) -> None:
    """Pages are opened and buttons pressed, whatever they do: no page fails, every step is answered, the app goes on."""
    found = Found()
    import_sample(tmp_path)
    environment = {"ADAPTLAB_HOME": str(tmp_path), "ADAPTLAB_SCRIPTED": "1", "ADAPTLAB_SCRIPTED_PACE_S": "0.0005"}
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
