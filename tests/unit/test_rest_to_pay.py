"""What is left to pay of a run that has reached its spending limit, where its answers or the rows asked again cost money."""

from __future__ import annotations

from dataclasses import replace

from engine.core.prices import TokenPrices
from engine.core.run.events import PredictionMade, RunEnded
from engine.core.run.prediction import Failure, FailureKind
from engine.core.techniques import Technique
from tests.memory_lab import MODEL, TASK, memory_lab, script

PRICES = TokenPrices(source="test/one", input_usd=1000.0, cached_input_usd=500.0, output_usd=2000.0)
BUSY = Failure(kind=FailureKind.BACKEND, message="The server is busy.", passing=True)


def test_rows_that_are_asked_again_are_left_to_pay() -> None:
    """A run that reached its limit while it asked for them again has a prediction for each row, and is not over."""
    lab = memory_lab(speed=500)
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=[Technique.ZERO_SHOT], limit=6)
    for limit_usd, lost, left in ((0.01, True, True), (0.01, False, False), (1000.0, True, False)):
        own = replace(plan, run_id=f"{limit_usd}-{lost}", prices=PRICES, spending_limit_usd=limit_usd)
        events = script(own, lab.tasks.get(TASK))
        place, made = next((at, one.prediction) for at, one in enumerate(events) if isinstance(one, PredictionMade))
        if lost:
            failed = replace(made, answer=None, score=None, scores={}, failure=BUSY)
            events[place] = PredictionMade(prediction=failed)
        lab.play(own, [*events, RunEnded(status="failed")])
        rest = lab.plans.rest_to_pay(own.run_id)
        assert (rest is not None) is left
        if rest is not None:
            assert (rest.source, rest.estimated_usd > 0, rest.spent_usd > limit_usd) == ("test/one", True, True)
