"""Averaging draws: a variant with shots or weights is prepared several times, and rows take turns among them."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.errors import UsageError
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, Variant
from engine.running.answering import ReadyVariant, RunContext, request_for
from engine.running.batches import answer_batch
from engine.running.planning import plan_run
from engine.running.preparation.preparing import prepare
from tests.helpers import small_task
from tests.unit.test_preparing_at_servers import AtServer

TASK = small_task(train=24)
FEW_SHOT = Variant(id="few-shot", technique=Technique.FEW_SHOT, shots_k=4)
LORA = Variant(id="lora", technique=Technique.LORA, lora=LoraSpec())
BARE = Variant(id="zero-shot", technique=Technique.ZERO_SHOT)


def prepared(variant: Variant, model: ScriptedModel, *, draws: int) -> tuple[RunContext, ReadyVariant]:
    """Prepare one variant with so many draws."""
    plan = RunPlan(
        run_id="r", task_id="small", model_id="m", variants=(variant,), test_ids=(), train_ids=(), draws=draws
    )
    context = RunContext(plan=plan, task=TASK, model=model, retriever=None, cancel=threading.Event())  # type: ignore[arg-type]
    ready: list[ReadyVariant] = []
    list(prepare(context, None, TASK.split("train"), ready.append))  # type: ignore[arg-type]
    return context, ready[0]


def test_shots_are_drawn_as_often_as_asked_and_rows_take_turns() -> None:
    """Three draws are three sets of shots; row 0, 1, 2 get one each, row 3 the first again; one draw is as before."""
    context, ready = prepared(FEW_SHOT, ScriptedModel(), draws=3)
    assert len({tuple(shot.id for shot in draw.shots) for draw in ready.draws}) == 3
    rows = TASK.split("test")[:4]
    requests = [request_for(context, ready.for_row(row), example, row, ()) for row, example in enumerate(rows)]
    assert [request.slot for request in requests] == ["few-shot", "few-shot#1", "few-shot#2", "few-shot"]
    assert all(first.messages[:-1] != second.messages[:-1] for first, second in pairwise(requests))
    alone = prepared(FEW_SHOT, ScriptedModel(), draws=1)[1]
    assert alone.draws == ()
    assert alone.shots == ready.draws[0].shots


def test_a_batch_keeps_its_rows_in_order() -> None:
    """In batches each draw answers its own rows, and the predictions come back in the order of the rows."""
    context, ready = prepared(FEW_SHOT, ScriptedModel(), draws=3)
    rows = list(enumerate(TASK.split("test")))[2:9]
    made = answer_batch(context, ready, rows).made
    assert [prediction.example_id for prediction in made] == [example.id for _row, example in rows]
    shown = [prediction.prompt for prediction in made]
    assert len({prompt.rsplit(rows[place][1].input, 1)[0] for place, prompt in enumerate(shown)}) == 3


def test_weights_of_a_server_are_one_draw() -> None:
    """A server holds one set of weights: three draws of it would be the same three times."""
    assert prepared(LORA, AtServer(), draws=3)[1].draws == ()


def test_what_does_not_depend_on_a_draw_is_prepared_once() -> None:
    """A bare prompt has no draws."""
    assert prepared(BARE, ScriptedModel(), draws=3)[1].draws == ()


@pytest.mark.parametrize("draws", [0, 6])
def test_a_senseless_number_of_draws_is_refused(draws: int) -> None:
    """None, or more than five trainings, are not planned."""
    facts = replace(ScriptedModel().facts)
    with pytest.raises(UsageError, match="draws"):
        plan_run(TASK, facts, techniques=[Technique.ZERO_SHOT], draws=draws)
