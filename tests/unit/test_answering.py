"""One row, one prediction: second attempts, failures by kind, batches, and what a stop leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.errors import (
    AdaptLabError,
    CancelledError,
    ContextOverflowError,
    ModelError,
    RetrievalError,
    WorkerDiedError,
    WorkerError,
)
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.ports import SearchResult
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import FailureKind, Passage, Usage
from engine.core.steps import drain
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, DecodingSpec, RetrievalSpec, Variant
from engine.running.answering import ReadyVariant, RunContext, answer_row, retrieve
from engine.running.batches import answer_batch
from tests.helpers import small_task

TASK = small_task()
ROW = TASK.split("test")[0]
ZERO = ReadyVariant(variant=Variant(id="zero-shot", technique=Technique.ZERO_SHOT))
FREE = ReadyVariant(
    variant=Variant(id="free", technique=Technique.ZERO_SHOT, decoding=DecodingSpec(mode=DecodingMode.FREE))
)
RAG = ReadyVariant(
    variant=Variant(id="rag", technique=Technique.RAG, retrieval=RetrievalSpec(examples_k=2, passages_k=1)),
    index_id="i",
)


class Faulty(ScriptedModel):
    """The scripted model, after raising these errors one per call."""

    def __init__(self, *errors: Exception) -> None:
        """Line the errors up."""
        super().__init__()
        self.errors = list(errors)

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Raise what is next in line, else answer."""
        if self.errors:
            raise self.errors.pop(0)
        yield from super().generate(request, cancel=cancel)

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: Any = None
    ) -> list[Completion | Exception]:
        """Raise what is next in line, else answer."""
        if self.errors:
            raise self.errors.pop(0)
        return super().generate_batch(requests, cancel=cancel)


class SameForAll:
    """A retriever that finds the same items for all, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        """Take the error to fail with."""
        self.error = error

    def search(self, _index: str, _query: str, *, kind: str, k: int, **_options: object) -> SearchResult:
        """Find k items."""
        if self.error is not None:
            raise self.error
        items = tuple(
            Passage(id=f"{kind}{n}", kind=kind, text=f"{kind} {n}", score=1.0, target="fault") for n in range(k)
        )
        return SearchResult(passages=items, retrieval_s=0.1, cpu_s=0.5, rss_bytes=7)


def context(model: ScriptedModel, *, retriever: object = None, cancelled: bool = False) -> RunContext:
    """Put together what answering needs."""
    plan = RunPlan(run_id="r", task_id="small", model_id="m", variants=(), test_ids=(), train_ids=())
    cancel = threading.Event()
    if cancelled:
        cancel.set()
    return RunContext(plan=plan, task=TASK, model=model, retriever=retriever or SameForAll(), cancel=cancel)  # type: ignore[arg-type]


def test_a_row_is_not_retrieved_for_itself() -> None:
    """Training prompts hold as many retrieved rows as served ones, and never the row that they are for."""
    ready = ReadyVariant(
        variant=Variant(id="mix", technique=Technique.RAG_LORA, retrieval=RetrievalSpec(examples_k=3)), index_id="i"
    )
    served = retrieve(context(ScriptedModel()), ready, ROW).passages
    training = retrieve(context(ScriptedModel()), ready, ROW, without="example1").passages
    assert [passage.id for passage in served] == ["example0", "example1", "example2"]
    assert [passage.id for passage in training] == ["example0", "example2", "example3"]


def test_a_dead_worker_is_tried_once_more() -> None:
    """One death costs an attempt and no row."""
    made = drain(answer_row(context(Faulty(WorkerDiedError("gone"))), ZERO, ROW, 0))
    assert (made.failure, made.attempts, made.answer in TASK.answer.labels) == (None, 2, True)


def test_a_worker_that_dies_twice_is_a_failure() -> None:
    """A row that kills its worker is a record of that kind, with both attempts counted and no score."""
    made = drain(answer_row(context(Faulty(WorkerDiedError("a"), WorkerDiedError("b"))), ZERO, ROW, 0))
    assert made.failure is not None
    assert (made.failure.kind, made.attempts, made.score) == (FailureKind.WORKER_DIED, 2, None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ContextOverflowError("too long"), FailureKind.CONTEXT_OVERFLOW),
        (ModelError("odd"), FailureKind.BACKEND),
        (WorkerError("odd"), FailureKind.BACKEND),
    ],
)
def test_other_errors_are_failures_at_once(error: AdaptLabError, kind: FailureKind) -> None:
    """What will not get better is not tried again; the message is kept whole."""
    made = drain(answer_row(context(Faulty(error)), ZERO, ROW, 0))
    assert made.failure is not None
    assert (made.failure.kind, made.failure.message, made.attempts) == (kind, str(error), 1)


def test_a_stop_is_never_a_failure() -> None:
    """A cancelled answer, or a worker that was ended because of the stop, ends the run without a record."""
    for model, cancelled in ((Faulty(CancelledError("x")), False), (Faulty(WorkerDiedError("x")), True)):
        with pytest.raises(CancelledError):
            drain(answer_row(context(model, cancelled=cancelled), ZERO, ROW, 0))
    with pytest.raises(CancelledError):
        answer_batch(context(Faulty(WorkerDiedError("x")), cancelled=True), ZERO, [(0, ROW)])


def test_a_retrieval_that_fails_is_a_failure_of_its_kind() -> None:
    """Without its passages a RAG row is not answered as if it were zero-shot."""
    where = context(ScriptedModel(), retriever=SameForAll(RetrievalError("no index")))
    single = drain(answer_row(where, RAG, ROW, 0))
    (batched,) = answer_batch(where, RAG, [(0, ROW)]).made
    for made in (single, batched):
        assert made.failure is not None
        assert made.failure.kind is FailureKind.RETRIEVAL
        assert made.text == ""


def test_a_prediction_carries_what_it_took() -> None:
    """Retrieval's time, processor time and memory are part of the row's; the first token comes after retrieval."""
    made = drain(answer_row(context(ScriptedModel(seconds_per_piece=0.01)), RAG, ROW, 0))
    assert [passage.kind for passage in made.passages] == ["example", "example", "document"]
    assert made.timing.retrieval_s is not None
    assert made.timing.ttft_s is not None
    assert made.timing.total_s is not None
    assert made.timing.retrieval_s <= made.timing.ttft_s <= made.timing.total_s
    assert made.timing.cpu_s >= 1.0
    assert made.rss_bytes == 7
    assert made.usage.prompt_tokens > 0
    assert "document 0" in made.prompt
    assert made.scores["accuracy"] == made.score


def test_an_answer_without_a_label_is_unparsed_and_keeps_its_text() -> None:
    """What the model wrote stays to be read; the row has no answer, no score, and its tokens still count."""

    class Rambling(ScriptedModel):
        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            yield TextPiece(text="hm")
            usage = Usage(prompt_tokens=3, completion_tokens=64)
            yield Completion(text="hm", usage=usage, prefill_s=0.1, decode_s=0.1, ttft_s=0.1, finish="length")

    made = drain(answer_row(context(Rambling()), FREE, ROW, 0))
    assert made.failure is not None
    assert (made.failure.kind, made.text, made.answer, made.score) == (FailureKind.UNPARSED, "hm", None, None)
    assert "maximum length" in made.failure.message
    assert made.usage.completion_tokens == 64


def test_a_batch_has_shares_and_no_latencies() -> None:
    """Nothing measured together is shown as the latency of one row; answers are those of single rows."""
    rows = list(enumerate(TASK.split("test")))
    batch = answer_batch(context(ScriptedModel()), ZERO, rows).made
    single = [drain(answer_row(context(ScriptedModel()), ZERO, example, row)) for row, example in rows]
    assert [made.answer for made in batch] == [made.answer for made in single]
    for made in batch:
        assert (made.timing.ttft_s, made.timing.total_s) == (None, None)
        assert made.timing.batch_share_s is not None


def test_a_backend_that_says_nothing_is_a_failure() -> None:
    """A stream without a completion is not an empty answer."""

    class Silent(ScriptedModel):
        def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
            yield from ()

    made = drain(answer_row(context(Silent()), ZERO, ROW, 0))
    assert made.failure is not None
    assert made.failure.kind is FailureKind.BACKEND
