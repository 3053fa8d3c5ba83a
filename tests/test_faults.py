"""The real lab with the real model, while things go wrong: what was done is kept, and the run goes on."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import cli
from engine.core.generation import ModelFacts
from engine.core.run.events import Event, PredictionMade, RunEnded, TextStreamed
from engine.core.run.prediction import FailureKind, Prediction
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode
from tests.helpers import NEAR_TIE, WriteCsv
from tests.real_lab import RealLab, essence

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="signals are a Unix matter"),
]

ROOT = Path(__file__).parents[1]


def test_a_killed_worker_costs_one_more_attempt(real: RealLab) -> None:
    """SIGKILL on the model worker during an answer: the row is tried once more, and no row is lost or failed."""
    plan = real.plan(decoding=DecodingMode.FREE, limit=5)
    twice: list[Prediction] = []
    seen: set[tuple[str, str]] = set()

    def watch(event: Event) -> None:
        if isinstance(event, PredictionMade) and event.prediction.attempts == 2:
            twice.append(event.prediction)
        if isinstance(event, TextStreamed) and not twice and (event.variant_id, event.example_id) not in seen:
            # An answer of one token may be whole before the signal arrives: then the next row is hit.
            seen.add((event.variant_id, event.example_id))
            real.kill_model_worker()

    assert real.carry_out(plan, watch).status == "done"
    assert len(twice) == 1
    rows = real.rows(plan)
    assert not [row for row in rows if row.failure and row.failure.kind is FailureKind.WORKER_DIED]
    assert [row.attempts for row in rows].count(2) == 1
    undisturbed = replace(plan, run_id=plan.run_id + "-again")
    assert real.carry_out(undisturbed).status == "done"
    assert essence(rows) == essence(real.rows(undisturbed))


def test_a_killed_process_resumes_to_the_same_predictions(
    real: RealLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kill -9` on the terminal's process during a run, then `--resume`, ends as a run that was left alone."""
    command = [
        sys.executable, "cli.py", "compare", "--task", real.task_id, "--variants", "zero-shot,few-shot", "--seed", "5",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "ADAPTLAB_HOME": str(real.home)}, text=True, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stderr is not None
    run_id = process.stderr.readline().split()[1]
    children = psutil.Process(process.pid).children(recursive=True)
    while process.poll() is None and kept(real.home, run_id) < 3:
        time.sleep(0.005)
        children = psutil.Process(process.pid).children(recursive=True) or children
    process.kill()
    process.wait(timeout=60)
    process.stderr.close()
    plan = real.lab.plans.kept(run_id)
    total = len(plan.variants) * len(plan.test_ids)
    assert 3 <= kept(real.home, run_id) < total
    assert children
    assert not psutil.wait_procs(children, timeout=60)[1], "a worker outlived the process that had started it"
    assert real.lab.runs.snapshot(run_id).status == "interrupted"
    monkeypatch.setenv("ADAPTLAB_HOME", str(real.home))
    assert cli.main(["compare", "--resume", run_id, "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "summary.json").read_text())["status"] == "done"
    whole = replace(plan, run_id=run_id + "-whole")
    assert real.carry_out(whole).status == "done"
    assert essence(real.rows(plan)) == essence(real.rows(whole))


def kept(home: Path, run_id: str) -> int:
    """Count a run's committed predictions, from outside."""
    with sqlite3.connect(home / "runs.sqlite3", timeout=30) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM predictions WHERE run_id = ?", (run_id,)).fetchone()[0])


def test_a_cancelled_run_goes_on_where_it_stood(real: RealLab) -> None:
    """Cancel keeps what was made; resume makes only the rest and ends as done."""
    plan, cancel = real.plan(limit=4), threading.Event()
    made: list[PredictionMade] = []

    def watch(event: Event) -> None:
        if isinstance(event, PredictionMade):
            made.append(event)
            if len(made) == 3:
                cancel.set()

    ended = real.carry_out(plan, watch, cancel=cancel)
    assert (ended.status, bool(ended.fix)) == ("cancelled", True)
    before = real.lab.results.predictions(plan.run_id)
    assert len(before) == 3
    assert real.lab.results.summary(plan.run_id)["status"] == "cancelled"
    real.lab.runs.resume(plan.run_id)
    assert real.wait(plan.run_id, "done", "failed") == "done"
    assert real.rows(plan)[:3] == before


def test_a_cancel_in_mid_answer_leaves_no_half_row(real: RealLab) -> None:
    """An answer that was stopped is not kept as an answer or a failure: it is made again when the run goes on."""
    plan, cancel = real.plan([Technique.ZERO_SHOT], limit=3, decoding=DecodingMode.FREE), threading.Event()

    def watch(event: Event) -> None:
        if isinstance(event, TextStreamed):
            cancel.set()

    assert real.carry_out(plan, watch, cancel=cancel).status == "cancelled"
    assert len(real.lab.results.predictions(plan.run_id)) <= 1
    real.lab.runs.resume(plan.run_id)
    assert real.wait(plan.run_id, "done", "failed") == "done"
    assert all(row.failure is None or row.failure.kind is FailureKind.UNPARSED for row in real.rows(plan))


def test_a_second_run_waits_for_the_first(real: RealLab) -> None:
    """One run at a time measures: the second says that it waits, can be cancelled while waiting, and then goes on."""
    first, second, third = real.plan(limit=1), real.plan(limit=1), real.plan(limit=1)
    events = real.lab.runs.carry_out(first, threading.Event(), resume=False)
    next(events)
    real.lab.runs.start(second)
    real.lab.runs.start(third)
    real.wait(second.run_id, "queued")
    real.wait(third.run_id, "queued")
    assert "another run" in real.lab.runs.snapshot(second.run_id).message
    real.lab.runs.cancel(third.run_id)
    assert real.wait(third.run_id, "cancelled", "done") == "cancelled"
    assert real.lab.runs.snapshot(second.run_id).status == "queued"
    *_, last = events
    assert isinstance(last, RunEnded)
    assert last.status == "done"
    assert real.wait(second.run_id, "done", "failed") == "done"
    real.rows(second)


@pytest.mark.parametrize("throughput", [False, True])
def test_a_row_that_does_not_fit_is_a_failure_with_both_figures(
    real: RealLab, tmp_path: Path, write_csv: WriteCsv, throughput: bool
) -> None:
    """An overlong row is a record with the prompt's length and the context's; its neighbours are answered."""
    csv = write_csv(tmp_path / "long.csv", test_rows=2, extra=[("word " * 3000, "billing", "test")])
    plan = real.plan(task_id=real.add(csv), throughput=throughput)
    assert real.carry_out(plan).status == "done"
    failed = [row for row in real.rows(plan) if row.failure is not None]
    assert len(failed) == 2
    for row in failed:
        assert row.failure is not None
        assert row.failure.kind is FailureKind.CONTEXT_OVERFLOW
        assert row.score is None
        assert "2048" in row.failure.message
        assert any(part.isdigit() and int(part) > 3000 for part in row.failure.message.split())
    for figures in real.lab.results.summary(plan.run_id)["variants"]:
        assert (figures["n"], figures["failures"]) == (3, {"context_overflow": 1})


def test_throughput_gives_the_answers_of_single_rows(real: RealLab) -> None:
    """Batches answer as rows do, but where the first two labels were near each other (see `NEAR_TIE`)."""
    plain = real.plan([Technique.FEW_SHOT])
    batched = replace(real.plan([Technique.FEW_SHOT], throughput=True), test_ids=plain.test_ids)
    assert real.carry_out(plain).status == real.carry_out(batched).status == "done"
    batch = {row.example_id: row.answer for row in real.rows(batched)}
    changed = [row for row in real.rows(plain) if row.answer != batch[row.example_id]]
    assert len(changed) <= len(batch) / 4
    for row in changed:
        best, second = sorted(row.probabilities.values())[:-3:-1]
        assert best - second < NEAR_TIE


def test_a_file_that_native_code_refuses_ends_the_run_alone(
    real: RealLab,
    smollm2: ModelFacts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A GGUF whose last tensor is cut passes the header check; llama.cpp's refusal is an error line and exit 1."""
    path = tmp_path / "cut.gguf"
    with Path(smollm2.path).open("rb") as file:
        path.write_bytes(file.read(smollm2.size_bytes - 1000))
    monkeypatch.setenv("ADAPTLAB_HOME", str(real.home))
    code = cli.main(
        ["compare", "--task", real.task_id, "--model", str(path), "--variants", "zero-shot", "--limit", "1"]
    )
    captured = capsys.readouterr()
    assert code in {1, 2}
    assert "cut.gguf" in captured.err
    assert "Traceback" not in captured.err
