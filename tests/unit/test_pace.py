"""How fast a model is taken to answer before a run: by its last run here, by a speed test, or by its size."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.run.events import Event, PredictionMade, RunEnded, VariantReady
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing
from engine.core.run.shot_record import ShotRecord
from engine.core.task import AnswerKind, AnswerSpec, Task
from engine.core.techniques import Technique
from engine.core.variant import ShotChoice
from engine.running.preflight.pace import (
    FLOPS_PER_CORE,
    LEAST_ROWS,
    SERVER_ROW_S,
    SERVER_ROWS_AT_ONCE,
    RunPace,
    Shown,
    pace_of,
    plan_tokens,
    shown_pace,
)
from engine.running.row_tokens import work
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_model, memory_task
from tests.unit.test_search import plan

LABELS = memory_task()
TEXTS = replace(LABELS, id="t", answer=AnswerSpec(kind=AnswerKind.TEXT))
PLAN = plan(LABELS, names=(Technique.ZERO_SHOT, Technique.CLASSIFIER), trials=None)
ZERO_SHOT, _CLASSIFIER = PLAN.variants
LOCAL = replace(ScriptedModel().facts, parameters=100_000_000)
SERVER = replace(LOCAL, parameters=0, server=True)


def answered(
    total_s: float | None = 2.0, *, variant: str = "zero-shot", kept: bool = False, failure: Failure | None = None
) -> PredictionMade:
    """Return an answer that took so many seconds."""
    made = Prediction(
        run_id="r", variant_id=variant, technique=variant, example_id="x", target="x", failure=failure,
        timing=Timing(total_s=total_s),
    )  # fmt: skip
    return PredictionMade(prediction=made, kept=kept)


def learned(*events: Event, task: Task = LABELS, of: RunPlan = PLAN) -> Shown:
    """Return what a run with these events has shown."""
    pace = RunPace(of, task)
    for event in events:
        pace.take(event)
    return shown_pace(pace.figures() or {}, {}, task)


def test_a_model_that_showed_nothing_is_taken_by_its_size() -> None:
    """At two floating point operations a parameter and token; a server of unknown size takes a second a row."""
    tokens = plan_tokens(PLAN, LABELS)
    local = pace_of(LOCAL, cores=2)
    assert local.tokens_per_s == 2 * FLOPS_PER_CORE / (2 * 100_000_000)
    assert local.seconds(ZERO_SHOT, tokens) == work(ZERO_SHOT, tokens) / local.tokens_per_s
    assert local.seconds(ZERO_SHOT, tokens, at_once=True) == local.seconds(ZERO_SHOT, tokens)
    server = pace_of(SERVER, cores=2)
    assert server.seconds(ZERO_SHOT, tokens) == SERVER_ROW_S
    assert server.seconds(ZERO_SHOT, tokens, at_once=True) == SERVER_ROW_S / SERVER_ROWS_AT_ONCE


@pytest.mark.parametrize("task", [LABELS, TEXTS])
def test_what_a_run_showed_is_what_the_next_row_is_taken_to_last(task: Task) -> None:
    """Rows of 2 s foretell rows of 2 s, whatever the model's size, and one with three times the work takes 6."""
    pace = pace_of(LOCAL, 2, learned(*[answered(2.0)] * LEAST_ROWS, task=task))
    tokens = plan_tokens(PLAN, task)
    assert pace.seconds(ZERO_SHOT, tokens) == pytest.approx(2.0)
    longer = replace(tokens, row=3 * tokens.row + 6 * tokens.answer)
    assert work(ZERO_SHOT, longer) == 3 * work(ZERO_SHOT, tokens)
    assert pace.seconds(ZERO_SHOT, longer) == pytest.approx(6.0)


def test_a_server_of_unknown_size_is_taken_by_its_rows() -> None:
    """Most of a row there is latency: a longer one takes as long; one row that waited for a busy server is no measure."""
    pace = pace_of(SERVER, 2, learned(answered(90.0), *[answered(0.6)] * LEAST_ROWS))
    tokens = plan_tokens(PLAN, LABELS)
    assert pace.seconds(ZERO_SHOT, tokens) == pace.seconds(ZERO_SHOT, replace(tokens, row=2_000.0)) == 0.6
    assert pace.seconds(ZERO_SHOT, tokens, at_once=True) == 0.6 / SERVER_ROWS_AT_ONCE


def test_examples_nearest_to_each_row_count_once_that_is_decided() -> None:
    """The plan leaves it open, and each row reads them anew: the same seconds show a faster model."""
    few = plan(LABELS, names=(Technique.FEW_SHOT,), trials=None)
    rows = [answered(2.0, variant="few-shot")] * LEAST_ROWS
    record = ShotRecord(choice=ShotChoice.NEAREST)
    ready = VariantReady(variant_id="few-shot", paid=Preparation(prepare_s=1.0, shots=record))
    fixed, nearest = learned(*rows, of=few), learned(ready, *rows, of=few)
    assert fixed.tokens_per_s is not None
    assert nearest.tokens_per_s is not None
    assert nearest.tokens_per_s > 2 * fixed.tokens_per_s


def test_trainings_go_by_what_is_read() -> None:
    """Runs of labels tell, or the speed test; how long texts take to be written does not."""
    texts = RunPace(PLAN, TEXTS)
    for _ in range(LEAST_ROWS):
        texts.take(answered(2.0))
    figures = texts.figures()
    assert figures is not None
    assert shown_pace(figures, {}, TEXTS).reading_tokens_per_s is None
    assert shown_pace(figures, {"prefill_tokens_per_s": 200.0}, TEXTS).reading_tokens_per_s == 200.0
    assert shown_pace({}, {"prefill_tokens_per_s": 200.0}, TEXTS).tokens_per_s is None
    assert pace_of(LOCAL, 2, shown_pace({}, {"prefill_tokens_per_s": 200.0}, TEXTS)).reading_tokens_per_s == 200.0


def test_runs_of_labels_and_of_texts_are_kept_apart() -> None:
    """Each kind is what the next run of its kind goes by."""
    texts = replace(memory_task(), id="texts", answer=AnswerSpec(kind=AnswerKind.TEXT))
    lab = memory_lab(speed=20.0, tasks=[texts])
    for task_id in (TASK, texts.id):
        a_plan = lab.plans.make(task_id=task_id, model_id=MODEL, techniques=(Technique.ZERO_SHOT,))
        list(lab.runs.carry_out(a_plan, threading.Event(), resume=False))
    kept = lab.memory.workspace.paces.read()[memory_model().digest]
    assert set(kept) == {"labels", "texts: texts"}
    assert shown_pace(kept, {}, LABELS) != shown_pace(kept, {}, texts)
    assert shown_pace(kept, {}, replace(texts, id="other texts")).tokens_per_s is None


def test_only_rows_that_were_answered_alone_just_now_tell() -> None:
    """Not kept ones, failed ones, those of a batch, or those without the model; and not before there are some."""
    failed = Failure(kind=FailureKind.BACKEND, message="busy")
    nothing = [answered(kept=True), answered(failure=failed), answered(None), answered(variant="classifier")]
    assert learned(*nothing * LEAST_ROWS) == Shown()
    some = [answered(2.0)] * LEAST_ROWS
    assert learned(*some[1:], *nothing) == Shown()
    assert learned(*some, *nothing * 50) == learned(*some)


@pytest.mark.parametrize(
    ("by_run", "by_speed_test", "shown"),
    [
        ({"labels": {"tokens_per_s": 90.0}}, {"prefill_tokens_per_s": 200.0}, 90.0),
        ({"texts: t": {"tokens_per_s": 90.0}}, {"prefill_tokens_per_s": 200.0}, 200.0),
        ({}, {"prefill_tokens_per_s": 200.0}, 200.0),
        ({"labels": {"tokens_per_s": "fast"}}, {"prefill_tokens_per_s": float("nan")}, None),
        ({"labels": 3}, {"prefill_tokens_per_s": 0.0}, None),
        ({"labels": {"tokens_per_s": 0.0}}, {"prefill_tokens_per_s": float("inf")}, None),
        ({}, {}, None),
    ],
)
def test_a_run_tells_more_than_a_speed_test(
    by_run: dict[str, Any], by_speed_test: dict[str, float], shown: float | None
) -> None:
    """What is not a speed, as in a damaged file, is passed by; runs whose answers are texts tell nothing of labels."""
    assert shown_pace(by_run, by_speed_test, LABELS).tokens_per_s == shown


def row_s(lab: MemoryLab) -> float:
    a_plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=(Technique.ZERO_SHOT,))
    return lab.plans.preflight(a_plan).parts.answer_s["zero-shot"]


def test_the_next_estimate_goes_by_the_last_run() -> None:
    """In the app a run's end is what changes it; a speed test does until there is one."""
    lab = memory_lab(speed=20.0)
    by_size = row_s(lab)
    lab.memory.speeds.keep(memory_model().digest, {"prefill_tokens_per_s": 1.0})
    by_test = row_s(lab)
    assert by_test > 10 * by_size
    a_plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=(Technique.ZERO_SHOT,))
    assert len(a_plan.test_ids) >= LEAST_ROWS
    assert list(lab.runs.carry_out(a_plan, threading.Event(), resume=False))[-1] == RunEnded(status="done")
    answers = [one for one in lab.memory.store.predictions(a_plan.run_id) if one.failure is None]
    assert row_s(lab) == pytest.approx(sum(one.timing.total_s or 0.0 for one in answers) / len(answers))
