"""In free text a trial's answer that repeats an example of its prompt counts as wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.models.scripted import ScriptedModel
from adapters.storage.task_folder import read_task
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.events import RunEnded
from engine.core.run.prediction import Prediction
from engine.core.task import AnswerKind, AnswerSpec, Example
from engine.core.techniques import Technique
from engine.running.answering import ReadyVariant
from engine.running.search.copies import repeats_an_example
from tests.unit.test_search import TASK, carried_out, plan, ports


class Parrot(ScriptedModel):
    """Repeats the first example of its prompt."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer with what it was shown."""
        shown = next((turn.content for turn in request.messages if turn.role == "assistant"), "nothing was shown")
        for piece in super().generate(request, cancel=cancel):
            yield replace(piece, text=shown)


def test_a_repeated_example_counts_as_wrong_in_a_trial(tmp_path: Path) -> None:
    """House style asks for form, which every example has: a parrot keeps all rules, and no search is fooled by it."""
    house = read_task(Path(__file__).parents[2] / "data" / "tasks" / "house-style")
    task = replace(house, examples=(*house.split("train")[:30], *house.split("test")[:10]))
    a_plan = plan(task, names=(Technique.FEW_SHOT,), trials={"all": 3})
    here = ports(tmp_path, a_plan, Parrot())
    assert carried_out(a_plan, here, task)[-1] == RunEnded(status="done")
    (search,) = (here.store.manifest("r").effort or {}).values()
    assert {score for trial in search.in_order for score in trial.row_scores} == {0.0}
    assert sum(made.score or 0.0 for made in here.store.predictions("r")) > 5


def test_only_a_text_that_is_an_examples_is_a_repeated_one() -> None:
    """The row's own target is none, and neither is a label, whatever examples have it."""
    row, other = (
        Example(id="1", input="a", target="Fixed it.", split="train"),
        Example(id="2", input="b", target="Added it.", split="train"),
    )
    text = replace(TASK, answer=AnswerSpec(kind=AnswerKind.TEXT))
    ready = ReadyVariant(variant=plan().variants[0], shots=(other,))

    def made(answer: str) -> Prediction:
        return Prediction(run_id="r", variant_id="v", technique="few-shot", example_id="1", target="t", answer=answer)

    assert repeats_an_example(text, ready, row, made("added  it"))
    assert not repeats_an_example(text, ready, row, made("Fixed it."))
    assert not repeats_an_example(text, replace(ready, shots=(row,)), row, made("Fixed it."))
    assert not repeats_an_example(text, ready, row, made("Added more."))
    assert not repeats_an_example(TASK, ready, row, made("Added it."))
