"""A worker that dies whatever it is asked stops the run, which goes on later; one that dies at some rows does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.errors import WorkerDiedError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.events import RunEnded
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import FailureKind, Prediction
from engine.core.techniques import Technique
from engine.core.variant import PriorCorrection
from engine.running.planning import plan_run
from engine.running.runner import Ports
from engine.running.turns import MOST_DEATHS
from tests.helpers import small_task
from tests.unit.test_search import carried_out, ports

TASK = small_task(train=3, test=12)
ROWS = [row.input for row in TASK.split("test")]


class Mortal(ScriptedModel):
    """Its worker dies at some inputs, and counts how often."""

    def __init__(self, inputs: Sequence[str]) -> None:
        """Die at these."""
        super().__init__()
        self.inputs, self.deaths = set(inputs), 0

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Die, or answer."""
        if any(text in request.messages[-1].content for text in self.inputs):
            self.deaths += 1
            raise WorkerDiedError("The model worker ended during a request.", "Try again.")
        yield from super().generate(request, cancel=cancel)


def a_plan(
    *, throughput: bool = False, names: Sequence[Technique] = (Technique.ZERO_SHOT, Technique.CLASSIFIER)
) -> RunPlan:
    """Plan twelve rows without a prior; batches have four."""
    made = plan_run(TASK, ScriptedModel().facts, techniques=names, prior_correction=PriorCorrection.OFF)
    return replace(made, run_id="r", throughput=throughput, batch_rows=4)


def answers(here: Ports, variant_id: str = "zero-shot") -> dict[str, Prediction]:
    """Return a variant's kept answers by row."""
    return {made.example_id: made for made in here.store.predictions("r") if made.variant_id == variant_id}


@pytest.mark.parametrize("throughput", [False, True])
def test_a_worker_that_always_dies_stops_the_run_which_goes_on(tmp_path: Path, *, throughput: bool) -> None:
    """After three rows or batches, each tried twice. They are not kept, and a resumed run asks for them again."""
    plan = a_plan(throughput=throughput)
    here = ports(tmp_path, plan, mortal := Mortal(ROWS))
    ended = carried_out(plan, here, TASK)[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.goes_on) == ("failed", True)
    assert ended.message.startswith("Stopped, since no row gets an answer any more. The model worker ended")
    assert mortal.deaths == 2 * (1 + MOST_DEATHS), "the warm-up, too, has asked for it twice"
    assert not answers(here)
    assert answers(here, "classifier"), "what was answered is kept"
    mortal.inputs.clear()
    assert carried_out(plan, here, TASK)[-1] == RunEnded(status="done")
    assert {made.failure for made in answers(here).values()} == {None}
    assert len(answers(here)) == len(ROWS)


def test_rows_at_which_it_dies_are_failures_where_others_are_answered(tmp_path: Path) -> None:
    """Two in a row, and the last one: the run comes to its end, and they count as wrong."""
    plan = a_plan(names=(Technique.ZERO_SHOT,))
    ids = list(plan.test_ids)
    lost = {ids[0], ids[1], ids[5], ids[-1]}
    here = ports(tmp_path, plan, Mortal([row.input for row in TASK.rows(sorted(lost))]))
    assert carried_out(plan, here, TASK)[-1] == RunEnded(status="done")
    failures = {name: made.failure for name, made in answers(here).items()}
    assert {name for name, failure in failures.items() if failure is not None} == lost
    assert {failure.kind for failure in failures.values() if failure is not None} == {FailureKind.WORKER_DIED}
