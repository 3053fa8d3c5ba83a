"""The Models page: a speed test of ten seconds, kept for this machine."""

from __future__ import annotations

import pytest

import engine.services.measuring.speed_test
from engine.core.variant import LoraSpec
from engine.services.trainings import TrainingOrder
from tests.memory_lab import MODEL, TASK, memory_lab, until
from tests.pages.conftest import Opener

PAGE = "pages/prepare/models.py"


def test_a_speed_test_is_run_and_kept(open_app: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """One press measures the chosen model, and its figures stand in the table from then on."""
    monkeypatch.setattr(engine.services.measuring.speed_test.measure, "__kwdefaults__", {"seconds": 0.05})
    lab = memory_lab()
    app = open_app(lab, PAGE).run()
    assert any("No model has been tested" in caption.value for caption in app.caption)
    app.button(key="speed_start").click().run()
    assert not app.exception
    assert not any("No model has been tested" in caption.value for caption in app.caption)  # one is being tested
    until(lambda: not lab.models.speed_tests.find(MODEL).is_running)
    app.run()
    assert not app.exception
    speeds = next(frame.value for frame in app.dataframe if "Reads" in frame.value)
    assert speeds["Writes"].item() > 0
    assert list(lab.memory.speeds.kept) == [lab.models.list()[0].digest]


def test_beside_a_run_no_speed_is_measured(open_app: Opener) -> None:
    """While something is using the machine the button is off, with the reason."""
    lab = memory_lab()
    lab.memory.machine.taken = True
    lab.lora.start(TrainingOrder(task_id=TASK, model_id=MODEL, spec=LoraSpec()))
    app = open_app(lab, PAGE).run()
    assert app.button(key="speed_start").disabled
    assert any("is using the machine" in caption.value for caption in app.caption)


def test_a_model_is_checked_and_what_was_found_is_kept(open_app: Opener) -> None:
    """One press asks the questions; what came back stands beside what is believed, with what answered and when."""
    lab = memory_lab()
    app = open_app(lab, PAGE).run()
    app.button(key=f"check_{MODEL}").click().run()
    assert not app.exception
    until(lambda: not lab.models.checks.find(MODEL).is_running)
    app.run()
    assert not app.exception
    found = next(frame.value for frame in app.dataframe if "Ability" in frame.value)
    assert len(found) == 8
    assert set(found["Works"]) <= {"yes", "no", "depends"}
    assert any("answered by made up 1" in caption.value for caption in app.caption)
    assert list(lab.memory.checks.kept) == [MODEL]
