"""Speed tests: what is measured and where it is kept."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from adapters.models.scripted import ScriptedModel
from adapters.storage.machine_figures import MachineFigures
from components.models.speed_panel import speeds_frame
from engine.core.errors import ModelError
from engine.core.steps import drain
from engine.services.measuring.speed_test import Speed, measure
from tests.memory_lab import MODEL, memory_lab, memory_model, until


def _measured(model: ScriptedModel, seconds: float) -> Speed:
    return drain(measure(model, threading.Event(), seconds=seconds))


def test_rates_come_from_the_backend() -> None:
    """Tokens per second are the tokens of an answer over the seconds that the backend gave for it, never made up."""
    speed = _measured(ScriptedModel(memory_model(context_tokens=2048), seconds_per_piece=0.001), 0.05)
    assert speed.answers >= 1
    assert speed.prompt_tokens > 300
    assert speed.prefill_tokens_per_s > speed.decode_tokens_per_s > 0
    assert speed.decode_tokens_per_s < 1000


def test_no_prompt_begins_like_the_one_before() -> None:
    """Prompts of one test differ from their first word on, so that none is answered from what was kept."""
    from engine.services.measuring.speed_test import _prompt

    starts = [_prompt(number).split()[:2] for number in range(20)]
    assert len({tuple(start) for start in starts}) == 20


def test_a_test_is_kept_per_model_and_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured is found again by the model's digest; beside a run nothing is measured."""
    monkeypatch.setattr("engine.services.measuring.speed_test.measure", partial(measure, seconds=0.05))
    lab = memory_lab()
    tests = lab.models.speed_tests
    lab.memory.machine.taken = True
    tests.start(MODEL)
    until(lambda: not tests.find(MODEL).is_running)
    refused = tests.find(MODEL)
    assert (refused.status, refused.result, tests.kept()) == ("failed", None, {})
    assert "in progress" in refused.error.what
    lab.memory.machine.taken = False
    tests.start(MODEL)
    until(lambda: not tests.find(MODEL).is_running)
    assert tests.find(MODEL).status == "done"
    assert tests.kept() == {memory_model().digest: tests.find(MODEL).result}


def test_speeds_are_kept_by_processor(tmp_path: Path) -> None:
    """Figures of one machine are not shown on another, and a damaged file is an empty one."""
    one, other = (MachineFigures(tmp_path / "speeds.json", processor) for processor in ("One CPU", "Other CPU"))
    one.keep("abc", {"load_s": 1.0})
    one.keep("def", {"load_s": 2.0})
    assert one.read() == {"abc": {"load_s": 1.0}, "def": {"load_s": 2.0}}
    assert other.read() == {}
    other.keep("abc", {"load_s": 9.0})
    assert one.read()["abc"] == {"load_s": 1.0}
    (tmp_path / "speeds.json").write_text("{")
    assert one.read() == {}
    (tmp_path / "speeds.json").write_text('{"One CPU": {"abc": 3, "def": {"load_s": 2.0}}, "Other CPU": 4}')
    assert (one.read(), other.read()) == ({"def": {"load_s": 2.0}}, {})
    one.keep("abc", {"load_s": 1.0})
    assert one.read()["abc"] == {"load_s": 1.0}


def test_frame_leaves_out_models_that_are_gone() -> None:
    """Kept figures of a model that is no longer here have no row; the fastest reader stands first."""
    one = Speed(
        measured_at="2026-11-24T20:00:00+00:00", load_s=0.4, prefill_tokens_per_s=300.0, decode_tokens_per_s=60.0,
        peak_rss_bytes=250_000_000, prompt_tokens=500, answers=4,
    )  # fmt: skip
    frame = speeds_frame({"a": one, "gone": one}, {"a": "A model"})
    assert frame["Model"].to_list() == ["A model"]
    assert speeds_frame({"gone": one}, {}).is_empty()


def test_a_backend_without_times_is_told() -> None:
    """Without the backend's own seconds there is no speed."""

    class Timeless(ScriptedModel):
        def generate(self, request: object, *, cancel: object = None):
            for piece in super().generate(request, cancel=cancel):
                yield replace(piece, prefill_s=0.0, decode_s=0.0) if hasattr(piece, "prefill_s") else piece

    with pytest.raises(ModelError):
        _measured(Timeless(memory_model(context_tokens=2048)), 0.01)
