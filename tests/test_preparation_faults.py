"""Workers that die while a run is prepared, homes that vanish, and what is offered afterwards: with the real model."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import cli
from engine.core.errors import UntrainableError, WorkerDiedError
from engine.core.generation import ModelFacts
from engine.core.run.events import Event, Notice, PredictionMade, PreparationProgress
from engine.core.techniques import Technique
from engine.running import runner
from tests.memory_lab import until
from tests.real_lab import RealLab, essence

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="signals are a Unix matter"),
]


def _kill_workers() -> None:
    """Kill the processes of models and retrieval, and nothing else that tests of this process have started."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(word.startswith("adapters.") and word.endswith(".worker") for word in child.cmdline()):
                child.kill()


def _end_retrieval(real: RealLab) -> None:
    retriever = real.workspace.retriever
    if pid := retriever.pid:  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGKILL)
        until(lambda: retriever.pid is None)  # type: ignore[attr-defined]


def _killing(times: int) -> Callable[[Event], None]:
    """Kill all workers at the first steps that show a variant being prepared."""
    left = [times]

    def watch(event: Event) -> None:
        if (
            isinstance(event, PreparationProgress)
            and event.variant_id
            and event.progress.stage != "Warming up"
            and left[0]
        ):
            left[0] -= 1
            _kill_workers()

    return watch


@pytest.mark.parametrize("technique", [Technique.RAG, Technique.CLASSIFIER])
def test_a_worker_killed_in_preparation_costs_a_second_try(real: RealLab, technique: Technique) -> None:
    """The variant is prepared again, the run says so and ends as one that was left alone."""
    notices: list[str] = []
    kill = _killing(1)
    _end_retrieval(real)  # a worker that runs already might be done before it is killed

    def watch(event: Event) -> None:
        kill(event)
        if isinstance(event, Notice):
            notices.append(event.text)

    plan = real.plan([technique], limit=3)
    ended = real.carry_out(plan, watch)
    assert ended.status == "done", ended
    assert [text for text in notices if "was started again" in text and "SIGKILL" in text]
    rows = real.rows(plan)
    assert not [row for row in rows if row.failure]
    whole = real.plan([technique], limit=3)
    assert real.carry_out(whole).status == "done"
    assert essence(rows) == essence(real.rows(whole))


def test_workers_that_die_every_time_end_the_run_in_a_sentence(real: RealLab) -> None:
    """There is no third try, and the run can be resumed."""
    ended = real.carry_out(real.plan([Technique.RAG], limit=2), _killing(99))
    assert (ended.status, ended.goes_on) == ("failed", True)
    assert "ended during a request (signal SIGKILL" in ended.message


@pytest.mark.parametrize(
    ("fault", "offered"), [(UntrainableError("No such layers."), False), (WorkerDiedError("Gone."), True)]
)
def test_only_runs_that_can_go_on_are_offered_resume(
    fault: Exception,
    offered: bool,
    real: RealLab,
    smollm2: ModelFacts,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What would end the same way again is not offered; what a second start may cure is."""

    def fails(*_arguments: object, **_options: object) -> None:
        raise fault

    monkeypatch.setattr(runner, "prepare", fails)
    monkeypatch.setenv("ADAPTLAB_HOME", str(real.home))
    code = cli.main(["compare", "--task", real.task_id, "--variants", "zero-shot", "--limit", "1"])
    words = capsys.readouterr().err
    assert code == 1
    assert str(fault) in words
    assert ("--resume" in words) is offered


def test_a_home_deleted_in_mid_run_does_not_end_done(real: RealLab, tmp_path: Path) -> None:
    """SQLite would go on writing into the deleted file: the run ends, and says what happened."""

    def watch(event: Event) -> None:
        if isinstance(event, PredictionMade):
            shutil.rmtree(real.home, ignore_errors=True)

    ended = real.carry_out(real.plan([Technique.ZERO_SHOT], limit=4), watch)
    assert ended.status == "failed"
    assert "was deleted or replaced while it was in use" in ended.message
    assert not (real.home / "runs.sqlite3").exists()
