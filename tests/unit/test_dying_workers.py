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
from engine.core.variant import PriorCorrection, ShotChoice
from engine.running.batches import MOST_DEATHS
from engine.running.defaults import TechniqueOptions
from engine.running.planning import plan_run
from engine.running.runner import Ports
from tests.helpers import small_task
from tests.memory_lab_models import Answers, MemoryRetriever
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


@pytest.mark.parametrize("throughput", [False, True])
def test_one_row_at_which_it_dies_with_every_variant_is_one_row(tmp_path: Path, *, throughput: bool) -> None:
    """The run comes to its end: it could never get past a row that is not kept and asked for first."""
    options = TechniqueOptions(shot_choice=ShotChoice.DRAWN, shots_k=1)
    names = (Technique.ZERO_SHOT, Technique.FEW_SHOT)
    made = plan_run(
        TASK, ScriptedModel().facts, techniques=names, prior_correction=PriorCorrection.OFF, options=options
    )
    third = replace(made.variants[0], id="zero-shot-again")
    plan = replace(made, run_id="r", variants=(*made.variants, third), throughput=throughput, batch_rows=4)
    lost = TASK.rows(plan.test_ids[5:6])[0]
    here = ports(tmp_path, plan, Mortal([lost.input]))
    assert carried_out(plan, here, TASK)[-1] == RunEnded(status="done")
    for variant in plan.variants:
        failed = {name for name, one in answers(here, variant.id).items() if one.failure is not None}
        assert lost.id in failed
        assert len(failed) == (4 if throughput else 1)
        assert len(answers(here, variant.id)) == len(ROWS)


def test_a_classifier_alone_goes_on_after_rows_at_which_its_worker_died(tmp_path: Path) -> None:
    """Rows that are answered in between tell that the worker lives."""

    class Fragile(MemoryRetriever):
        asked = 0

        def classify(self, *arguments: Any, **options: Any) -> Any:
            self.asked += 1
            if 2 <= self.asked % 5 <= 3:
                raise WorkerDiedError("The retrieval worker ended during a request.", "Try again.")
            return super().classify(*arguments, **options)

    plan = a_plan(names=(Technique.CLASSIFIER,))
    here = replace(ports(tmp_path, plan), retriever=Fragile(Answers(lambda _text: None, 1000.0)))
    assert carried_out(plan, here, TASK)[-1] == RunEnded(status="done")
    failed = [made for made in answers(here, "classifier").values() if made.failure is not None]
    assert MOST_DEATHS <= len(failed) < len(ROWS)
