"""The context that a run needs is found before its model is loaded, and no prompt of the run is longer."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Passage
from engine.core.task import Document
from engine.core.techniques import Technique
from engine.core.variant import DecodingSpec, RetrievalSpec, Variant
from engine.running.answering import ReadyVariant, RunContext, request_for
from engine.running.preflight.context_size import context_needed
from engine.running.sampling import choose_shots
from tests.helpers import small_task

WORDS = "word " * 400
TASK = replace(
    small_task(documents=(Document(name="a.md", text=WORDS),)),
    examples=tuple(
        replace(row, input=row.input + " and more" * number) for number, row in enumerate(small_task().examples)
    ),
)
SHORT = DecodingSpec(max_tokens=16)
TRAIN, TEST = TASK.split("train"), TASK.split("test")


@pytest.mark.parametrize(
    "variant",
    [
        Variant(id="zero-shot", technique=Technique.ZERO_SHOT, decoding=SHORT),
        Variant(id="few-shot", technique=Technique.FEW_SHOT, shots_k=5, decoding=SHORT),
        Variant(
            id="rag",
            technique=Technique.RAG,
            retrieval=RetrievalSpec(examples_k=4, passages_k=2, chunk_words=60),
            decoding=SHORT,
        ),
    ],
    ids=lambda variant: variant.id,
)
def test_no_prompt_of_a_run_is_longer_than_its_room(variant: Variant) -> None:
    """Whatever retrieval finds, the room that was found beforehand holds every row's prompt and answer."""
    plan = RunPlan(run_id="r", task_id="small", model_id="m", variants=(variant,),
                   test_ids=tuple(row.id for row in TEST), train_ids=tuple(row.id for row in TRAIN))  # fmt: skip
    model = ScriptedModel()
    context = RunContext(plan=plan, task=TASK, model=model, retriever=None, cancel=threading.Event())  # type: ignore[arg-type]
    room = context_needed(context, TRAIN, TEST)
    shots = choose_shots(TRAIN, variant.shots_k, seed=0, by_target=True) if variant.shots_k else ()
    chunk = " ".join(WORDS.split()[:60])
    found = [Passage(id=row.id, kind="example", text=row.input, score=1, target=row.target) for row in TRAIN[-4:]]
    found += [Passage(id=str(n), kind="document", text=chunk, score=1) for n in range(2)]
    for number, row in enumerate(TEST):
        passages = found if variant.retrieval else ()
        request = request_for(context, ReadyVariant(variant=variant, shots=shots), row, number, passages)
        assert model.count_tokens(request.messages) + 16 <= room


def test_the_classifier_needs_no_room() -> None:
    """A variant that generates nothing asks for no context."""
    plan = RunPlan(run_id="r", task_id="small", model_id="m", test_ids=(), train_ids=(),
                   variants=(Variant(id="classifier", technique=Technique.CLASSIFIER, decoding=SHORT),))  # fmt: skip
    context = RunContext(plan=plan, task=TASK, model=ScriptedModel(), retriever=None, cancel=threading.Event())  # type: ignore[arg-type]
    assert context_needed(context, TRAIN, TEST) == 0
