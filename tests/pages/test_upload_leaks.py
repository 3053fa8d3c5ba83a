"""Prepare, Upload, the leak guard: meanings are compared by default, with progress and a way to stop; the record says it."""

from __future__ import annotations

import threading

import pytest

import components.ui.jobs
import components.upload.leaks_step
from engine.ingest.progress import Report
from engine.ingest.steps import Guarded
from tests.memory_lab import until
from tests.pages.upload_screen import Screen, rows

REWORDED = "my mobile has a smashed screen today,a,train\nmy phone has a broken display today,a,test\n"


def leaks_screen(screen: Screen) -> None:
    """Go on to the leak guard."""
    for _ in range(5):
        screen.next()


def test_meanings_are_compared_by_themselves(opened) -> None:
    """The check compares meanings without being asked: a reworded row is found, and the record says what was searched."""
    screen = opened(rows(12) + REWORDED)
    leaks_screen(screen)
    assert [(pair.kind, pair.test_id) for pair in screen.find(Guarded).record.pairs] == [
        ("normalized", "13"),
        ("meaning", "16"),
    ]
    assert "1 same meaning" in screen.texts()
    assert "meaning by embeddings" in screen.texts()


def test_above_the_limit_meanings_are_compared_when_asked(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of very many rows is compared by words at once, by meaning on a press; the record tells the difference."""
    monkeypatch.setattr(components.upload.leaks_step, "MEANING_ROWS", 10)
    screen = opened(rows(12) + REWORDED)
    leaks_screen(screen)
    assert screen.find(Guarded).meanings is None
    assert "not meaning)" in screen.texts()
    assert not screen.app.button(key="step_next").disabled
    screen.app.button(key="compare_meanings").click().run()
    assert screen.find(Guarded).record.found == {"meaning": 1}
    assert "meaning by embeddings" in screen.texts()


def test_comparing_meanings_shows_how_far_it_is_and_can_be_stopped(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """While rows are embedded the page shows progress; stopped, the task says that meaning was not compared."""
    screen, goes_on = opened(rows(12) + REWORDED), threading.Event()

    def slowly(texts, *, embedder: str, report: Report, cancel) -> None:
        report(0.5)
        goes_on.wait(60)
        report(0.6)

    monkeypatch.setattr(screen.lab.tables, "embed", slowly)
    for _ in range(4):
        screen.next()
    monkeypatch.setattr(components.ui.jobs, "PATIENCE_S", 0.0)
    screen.next()
    until(lambda: not screen.draft.jobs["pairs"].job.is_running)
    screen.app.run()
    job = screen.draft.jobs["meanings"].job
    until(lambda: job.fraction > 0)
    screen.app.run()
    assert "Comparing meanings" in screen.app.get("progress")[0].proto.text
    assert screen.app.button(key="step_next").disabled
    assert screen.find(Guarded) is None
    screen.app.button(key="stop_job").click().run()
    goes_on.set()
    until(lambda: not job.is_running)
    monkeypatch.setattr(components.ui.jobs, "PATIENCE_S", 60.0)
    screen.app.run()
    assert "Stopped." in screen.texts()
    assert "not meaning" in screen.texts()
    assert not screen.app.button(key="step_next").disabled


def test_a_run_in_progress_leaves_meaning_out(opened) -> None:
    """While a run measures the machine nothing is embedded: the page says why, and the task can be made without."""
    screen = opened(rows(12))
    with screen.lab.memory.machine.lock():
        leaks_screen(screen)
    assert "A run or a training job is in progress" in screen.texts()
    assert "not meaning" in screen.texts()
    assert not screen.app.button(key="step_next").disabled


def test_short_rows_are_reported_apart(opened) -> None:
    """Pairs of rows under six words stand in a table of their own, and are counted apart."""
    screen = opened(rows(12) + "where is my parcel,a,train\nwhere is my parcle,a,test\n")
    leaks_screen(screen)
    assert "**Rows under 6 words**" in screen.texts()
    assert [list(frame.value["How"]) for frame in screen.app.dataframe] == [
        ["the same except for case and punctuation", "the same except for a typo"]
    ]
    assert "in rows under 6 words: 1 case or punctuation, 1 typo" in screen.texts()
