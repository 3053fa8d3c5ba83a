"""The real lab with the real model, while things go wrong: what was done is kept, and the run goes on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import cli
from engine.core.generation import ModelFacts
from engine.core.run.events import Event, Notice, PredictionMade, RunEnded, TextStreamed, VariantReady
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import FailureKind, Prediction
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, LoraSpec
from engine.services.lab import Lab
from engine.services.workspace import Workspace
from tests.helpers import NEAR_TIE, SMOLLM2, TEXTS, WriteCsv, keep_table
from wiring import open_workspace

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="signals are a Unix matter"),
]

ROOT = Path(__file__).parents[1]
PROMPTS = (Technique.ZERO_SHOT, Technique.FEW_SHOT)
PATIENCE_S = 120.0


class RealLab:
    """A lab on a home folder of its own, with a small task."""

    def __init__(self, home: Path, csv: Path) -> None:
        """Open it."""
        self.home = home
        self.csv = csv
        self.workspace: Workspace = open_workspace(home)
        self.lab = Lab(self.workspace)
        self.task_id = self.add(csv)

    def add(self, csv: Path) -> str:
        """Keep a CSV as a task."""
        return keep_table(self.lab, csv)

    def plan(self, techniques: Sequence[Technique] = PROMPTS, *, task_id: str = "", **options: object) -> RunPlan:
        """Plan a run on the small task."""
        return self.lab.runs.plan(
            task_id=task_id or self.task_id, model_id=SMOLLM2, techniques=techniques, **options  # type: ignore[arg-type]
        )  # fmt: skip

    def carry_out(
        self,
        plan: RunPlan,
        watch: Callable[[Event], object] = lambda _event: None,
        *,
        cancel: threading.Event | None = None,
    ) -> RunEnded:
        """Carry a plan out in this thread, showing each event to `watch`; return the end."""
        last: Event | None = None
        for event in self.lab.runs.carry_out(plan, cancel or threading.Event(), resume=False):
            watch(event)
            last = event
        assert isinstance(last, RunEnded)
        return last

    def rows(self, plan: RunPlan) -> list[Prediction]:
        """Return what is kept, after checking that every variant has every row once."""
        rows = self.lab.results.predictions(plan.run_id)
        wanted = {(variant.id, example) for variant in plan.variants for example in plan.test_ids}
        assert {(row.variant_id, row.example_id) for row in rows} == wanted
        assert len(rows) == len(wanted)
        return rows

    def wait(self, run_id: str, *statuses: str) -> str:
        """Wait until a run has one of these statuses."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            status = self.lab.runs.snapshot(run_id).status
            if status in statuses:
                return status
            time.sleep(0.02)
        raise AssertionError(f"{run_id} is {self.lab.runs.snapshot(run_id)}")

    def kill_model_worker(self) -> None:
        """Kill the model worker as the OOM killer would."""
        for model in self.workspace.models._open.values():  # type: ignore[attr-defined]
            os.kill(model.worker_pid, signal.SIGKILL)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, write_csv: WriteCsv) -> Iterator[RealLab]:
    """One lab for all tests: its model worker stays loaded from run to run."""
    folder = tmp_path_factory.mktemp("faults")
    more = [
        (f"{texts[n]}, please, it is {n + 2} days now", label, "test")
        for n in range(6)
        for label, texts in TEXTS.items()
    ]
    made = RealLab(folder / "home", write_csv(folder / "desk.csv", test_rows=6, extra=more))
    yield made
    made.lab.close()


def essence(rows: Sequence[Prediction]) -> set[tuple[object, ...]]:
    """What must be equal between two runs of one plan."""
    return {(row.variant_id, row.example_id, row.answer, row.text, row.score) for row in rows}


def test_a_killed_worker_costs_one_more_attempt(real: RealLab) -> None:
    """SIGKILL on the model worker in mid-answer: the row is tried once more, and no row is lost or failed."""
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
    """`kill -9` on the terminal's process in mid-run, then `--resume`, ends as a run that was left alone."""
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
    plan = real.lab.runs.kept_plan(run_id)
    total = len(plan.variants) * len(plan.test_ids)
    assert 3 <= kept(real.home, run_id) < total
    assert children
    assert not psutil.wait_procs(children, timeout=60)[1], "a worker outlived the process that had started it"
    assert real.lab.runs.snapshot(run_id).status == "cancelled"
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


def _kept_s(ready: list[VariantReady]) -> dict[str, float]:
    """Return what training, indexing and fitting took, without the prior for labels, which each run measures."""
    return {
        event.variant_id: event.paid.prepare_s - sum(prior.measure_s for prior in event.paid.priors)
        for event in ready
        if event.variant_id in {"rag", "lora", "rag+lora", "classifier"}
    }


def test_every_technique_runs_end_to_end_and_weights_are_found_again(real: RealLab) -> None:
    """Training, canary, index, classifier and scoring in one run; a second run pays for none of it again."""
    plan = real.plan(list(Technique), limit=3)
    quick = LoraSpec(epochs=2)
    plan = replace(plan, variants=tuple(replace(v, lora=quick if v.lora else None) for v in plan.variants))
    ready: list[VariantReady] = []
    notices: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, VariantReady):
            ready.append(event)
        if isinstance(event, Notice):
            notices.append(event.text)

    ended = real.carry_out(plan, watch)
    assert ended.status == "done", ended
    rows = real.rows(plan)
    assert not [row for row in rows if row.failure]
    assert len([text for text in notices if "move a probability" in text]) == 2, notices
    kept_s = _kept_s(ready)
    assert all(seconds > 0 for seconds in kept_s.values())
    assert {row.variant_id: bool(row.passages) for row in rows}["rag+lora"]
    base = {row.example_id: row.probabilities for row in rows if row.variant_id == "zero-shot"}
    assert all(row.probabilities != base[row.example_id] for row in rows if row.variant_id == "lora")
    summary = {figures["variant"]: figures for figures in real.lab.results.summary(plan.run_id)["variants"]}
    assert summary["classifier"]["tokens_per_s"]["decode"] is None
    assert all(figures["peak_rss_bytes"] for figures in summary.values())
    ready.clear()
    again = replace(plan, run_id=plan.run_id + "-again")
    assert real.carry_out(again, watch).status == "done"
    assert {event.variant_id for event in ready if event.paid.reused} == set(kept_s)
    assert _kept_s(ready) == pytest.approx(kept_s)
    assert essence(real.rows(again)) == essence(rows)
    _weights_of_another_base_are_refused(real, plan)


def _weights_of_another_base_are_refused(real: RealLab, plan: RunPlan) -> None:
    """The canary stops a run whose weights say that they were trained on another base."""
    (path,) = (real.home / "lora").glob("*/manifest.json")
    manifest = path.read_text()
    path.write_text(json.dumps({**json.loads(manifest), "base_digest": "f" * 64}))
    try:
        ended = real.carry_out(replace(plan, run_id=plan.run_id + "-other"))
    finally:
        path.write_text(manifest)
    assert ended.status == "failed"
    assert "ffffffffffff" in ended.message
    assert not real.lab.results.predictions(plan.run_id + "-other")
