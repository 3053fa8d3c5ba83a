"""Speed tests: what is measured and where it is kept."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from adapters.storage.speeds import SpeedFile
from components.models.speed_panel import speeds_frame
from engine.core.errors import ModelError
from engine.services.speed_test import Speed, SpeedTests, measure
from tests.fake_bench import FakeBench, FakeModel, until
from tests.fake_laboratory import fake_model, fake_task


def _measured(model: FakeModel, seconds: float) -> Speed:
    steps = measure(model, threading.Event(), seconds=seconds)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            speed: Speed = stop.value
            return speed


def test_rates_come_from_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens per second are the tokens of an answer over the seconds that the backend gave for it, never made up."""
    speed = _measured(FakeModel(fake_model(context_tokens=2048), seconds_per_piece=0.001), 0.05)
    assert speed.answers >= 1
    assert speed.prompt_tokens > 300
    assert speed.prefill_tokens_per_s > speed.decode_tokens_per_s > 0
    assert speed.decode_tokens_per_s < 1000


def test_no_prompt_begins_like_the_one_before() -> None:
    """Prompts of one test differ from their first word on, so that none is answered from what was kept."""
    from engine.services.speed_test import _prompt

    starts = [_prompt(number).split()[:2] for number in range(20)]
    assert len({tuple(start) for start in starts}) == 20


def test_a_test_is_kept_per_model_and_a_busy_machine_is_told() -> None:
    """What was measured is found again by the model's digest; beside a run nothing is measured."""
    bench = FakeBench(fake_task(), fake_model(), pace_s=0.001)
    tests = SpeedTests(bench)
    bench.taken = True
    tests.start("fake-135m")
    until(lambda: not tests.standing("fake-135m")[0].goes_on)
    assert tests.standing("fake-135m")[0].status == "failed"
    assert not tests.kept()


def test_speeds_are_kept_by_processor(tmp_path: Path) -> None:
    """Figures of one machine are not shown on another, and a damaged file is an empty one."""
    file = SpeedFile(tmp_path / "speeds.json")
    file.keep("One CPU", "abc", {"load_s": 1.0})
    file.keep("One CPU", "def", {"load_s": 2.0})
    assert file.read("One CPU") == {"abc": {"load_s": 1.0}, "def": {"load_s": 2.0}}
    assert file.read("Other CPU") == {}
    (tmp_path / "speeds.json").write_text("{")
    assert file.read("One CPU") == {}


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

    class Timeless(FakeModel):
        def generate(self, request: object, *, cancel: object = None):
            from dataclasses import replace

            for piece in super().generate(request, cancel=cancel):
                yield replace(piece, prefill_s=0.0, decode_s=0.0) if hasattr(piece, "prefill_s") else piece

    with pytest.raises(ModelError):
        _measured(Timeless(fake_model(context_tokens=2048)), 0.01)
