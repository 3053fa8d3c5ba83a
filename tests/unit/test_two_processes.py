"""One run and two processes: what was agreed to is kept, a plan is read when its turn comes, and deleting waits."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from engine.analysis.progress import LiveRun
from engine.core.errors import UsageError
from engine.core.run.events import PredictionMade, RunEnded, RunQueued, RunStarted
from engine.core.run.manifest import Conditions, plan_fields
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, memory_lab


def test_what_is_agreed_to_when_a_run_is_resumed_is_kept() -> None:
    """Stopped again, it goes on with the limit and the host of the last consent, in the terminal as in the browser."""
    lab, cancel = memory_lab(speed=500), threading.Event()
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    plan = replace(plan, spending_limit_usd=1.0)
    for event in lab.runs.carry_out(plan, cancel, resume=False):
        if isinstance(event, RunStarted):
            cancel.set()
    agreed = replace(plan, spending_limit_usd=2.0, rows_to="there.example")
    cancel.clear()
    for event in lab.runs.carry_out(agreed, cancel, resume=True):
        if isinstance(event, RunStarted):
            assert event.plan == agreed
            cancel.set()
    assert lab.plans.kept(plan.run_id) == agreed


def test_a_run_that_waited_goes_by_the_plan_as_it_is_when_its_turn_comes() -> None:
    """Another process, which had the machine, has added rows to the run: it answers these, too."""
    lab = memory_lab(speed=500)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=3)
    lab.memory.machine.taken = True
    events = lab.runs.carry_out(plan, threading.Event(), resume=False)
    assert isinstance(next(events), RunQueued)
    more = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=5)
    added = replace(plan, test_ids=more.test_ids, looks=1)
    lab.memory.store.update_run(plan.run_id, manifest={"plan": plan_fields(added)})
    lab.memory.machine.taken = False
    rest = list(events)
    assert rest[-1] == RunEnded(status="done")
    assert {event.prediction.example_id for event in rest if isinstance(event, PredictionMade)} == set(added.test_ids)
    assert lab.plans.kept(plan.run_id) == added
    live = LiveRun(plan, Conditions())
    live.apply(RunStarted(plan=added, targets=()))
    assert live.progress().rows_total == 5, "and so does what is shown of it"


def test_a_run_that_another_process_may_carry_out_is_not_deleted() -> None:
    """While the machine is in use elsewhere, a run that counts as running stays; others can go, and it can later."""
    lab = memory_lab()
    running, done = lab.finished(rows=3), lab.finished(rows=3, seed=1)
    lab.runs._jobs.forget(running)
    lab.memory.store.update_run(running, status="running")
    lab.memory.machine.taken = True
    with pytest.raises(UsageError, match="may still be running in another window or terminal"):
        lab.runs.delete(running)
    lab.runs.delete(done)
    assert [info.run_id for info in lab.runs.list()] == [running]
    lab.memory.machine.taken = False
    lab.runs.delete(running)
    assert not lab.runs.list()
