"""One variant on one row: retrieve, ask, read the answer, score it; or record why that failed."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from engine.core.errors import (
    AccessError,
    CancelledError,
    ContextOverflowError,
    ModelError,
    RefusedAnswerError,
    RetrievalError,
    ServerAbsentError,
    ServerError,
    UnknownModelError,
    UnparsedAnswerError,
    WorkerDiedError,
    WorkerError,
)
from engine.core.generation import Completion, GenerateRequest, LoraWeights, TextPiece, no_answer
from engine.core.ports import LanguageModel, Retriever
from engine.core.run.label_prior import LabelPrior
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Passage, Prediction, Timing, Usage
from engine.core.steps import CancelSignal
from engine.core.task import Example, Task
from engine.core.variant import Variant, effective_mode
from engine.metrics.label_prior import likeliest, without_prior
from engine.metrics.scoring import read_answer, score_answer
from engine.running.prompt_forms import in_stored_labels, with_labels
from engine.running.prompting import build_prompt, decoding_for
from engine.running.sampling import spread_over_labels

MAX_ATTEMPTS = 2
MOST_NEIGHBOURS = 100
"""Nearest examples that are looked at to spread some over labels."""
STOPPING = (AccessError, ServerAbsentError, UnknownModelError)
"""Server errors that every further row would hit, too: they stop the run, which can be resumed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyVariant:
    """A variant with everything it needs to answer."""

    variant: Variant
    shots: tuple[Example, ...] = ()
    index_id: str = ""
    classifier_id: str = ""
    lora: LoraWeights | None = None
    prior: LabelPrior | None = None
    """None where the plan asks for no correction."""
    draw: int = 0
    """Which of several draws; each keeps its prompt's beginning in a slot of its own."""
    draws: tuple[ReadyVariant, ...] = ()
    """The same variant with each draw of shots or weights, where there are several."""

    @property
    def corrected(self) -> bool:
        """Tell whether the label prior is taken away from its answers."""
        return self.prior is not None and self.prior.corrected

    @property
    def slot(self) -> str:
        """Where the backend keeps the beginning of its prompts."""
        return f"{self.variant.id}#{self.draw}" if self.draw else self.variant.id

    def for_row(self, row: int) -> ReadyVariant:
        """Return the draw that a row is answered with: they take turns, which is fixed before the first answer."""
        return self.draws[row % len(self.draws)] if self.draws else self


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """What answering needs, the same for all rows of a run."""

    plan: RunPlan
    task: Task
    model: LanguageModel
    retriever: Retriever
    cancel: CancelSignal
    began_at: float = 0.0
    """When the run was first started, in seconds since 1970: what was made later was made for it."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was fetched for a row, and what that took."""

    passages: tuple[Passage, ...] = ()
    retrieval_s: float | None = None
    cpu_s: float = 0.0
    rss_bytes: int = 0
    embedding_tokens: int = 0
    tokens_estimated: bool = False

    def paid_with(self, usage: Usage | None) -> Usage:
        """Return a model's tokens with those of fetching."""
        own = usage or Usage()
        estimated = own.estimated or self.tokens_estimated
        return replace(own, embedding_tokens=self.embedding_tokens, estimated=estimated)


def answer_row(
    context: RunContext, ready: ReadyVariant, example: Example, row: int
) -> Generator[str, None, Prediction]:
    """Answer one row; yields text as it is written and returns the prediction.

    A worker that dies is started again, and the row tried once more.

    Raises:
        CancelledError: the user stopped it.
        ModelError: the server is unreachable, or refuses every request.
    """
    attempt = 1
    while True:
        try:
            if not ready.variant.generates:
                return _classified(context, ready, example, attempt)
            return (yield from _generated(context, ready, example, row, attempt))
        except WorkerDiedError as error:
            stop_if_cancelled(context, error)
            if attempt == MAX_ATTEMPTS:
                return failed(context, ready, example, error, attempts=attempt)
            attempt += 1
        except STOPPING:
            raise
        except (ModelError, RetrievalError, WorkerError) as error:
            return failed(context, ready, example, error, attempts=attempt)


def _classified(context: RunContext, ready: ReadyVariant, example: Example, attempt: int) -> Prediction:
    started = time.perf_counter()
    found = context.retriever.classify(ready.classifier_id, example.input, embedder=ready.variant.embedder)
    total_s = time.perf_counter() - started
    blank = _blank(context, ready, example)
    return replace(
        _scored(context, blank, example, found.label, found.label),
        usage=Usage(
            prompt_tokens=found.tokens,
            embedding_tokens=found.embedding_tokens,
            estimated=found.tokens_estimated,
        ),
        timing=Timing(ttft_s=total_s, total_s=total_s, cpu_s=found.cpu_s),
        probabilities=found.probabilities,
        rss_bytes=found.rss_bytes,
        attempts=attempt,
    )


def _generated(
    context: RunContext, ready: ReadyVariant, example: Example, row: int, attempt: int
) -> Generator[str, None, Prediction]:
    started = time.perf_counter()
    found = retrieve(context, ready, example)
    request = request_for(context, ready, example, row, found.passages)
    first_at: float | None = None
    completion: Completion | None = None
    try:
        for piece in context.model.generate(request, cancel=context.cancel):
            if isinstance(piece, TextPiece):
                first_at = first_at or time.perf_counter()
                if not ready.corrected:
                    yield piece.text
            else:
                completion = piece
    except ModelError as error:
        error.usage = found.paid_with(error.usage)
        raise
    ended = time.perf_counter()
    if completion is None:
        raise no_answer()
    completion = in_stored_labels(context.task, ready.variant.prompt, completion)
    if ready.corrected:
        completion = without_label_prior(ready, completion)
        yield completion.text
    before_s = completion.load_s + completion.waited_s
    timing = Timing(
        retrieval_s=found.retrieval_s,
        ttft_s=max((first_at or ended) - started - before_s, 0.0),
        total_s=max(ended - started - before_s, 0.0),
        load_s=completion.load_s,
        waited_s=completion.waited_s,
        prefill_s=completion.prefill_s,
        decode_s=completion.decode_s,
        thinking_s=completion.thinking_s,
        cpu_s=completion.cpu_s + found.cpu_s,
    )
    return replace(completed(context, ready, example, completion, found), timing=timing, attempts=attempt)


def stop_if_cancelled(context: RunContext, error: Exception) -> None:
    """A worker that ended because the run was stopped is not restarted, and its row is not a failure."""
    if context.cancel.is_set():
        raise CancelledError("The run was stopped.") from error


def retrieve(context: RunContext, ready: ReadyVariant, example: Example, *, without: str = "") -> Retrieved:
    """Fetch what the variant wants for this row; `without` names an example that must not be included."""
    spec = ready.variant.retrieval
    if spec is None:
        return Retrieved()
    started = time.perf_counter()
    passages: list[Passage] = []
    cpu_s, rss_bytes, tokens, estimated = 0.0, 0, 0, False
    for kind, count in (("example", spec.examples_k), ("document", spec.passages_k)):
        if count:
            spread = spec.spread and kind == "example"
            looked_at = MOST_NEIGHBOURS if spread else count
            found = context.retriever.search(
                ready.index_id,
                example.input,
                kind=kind,
                k=looked_at + 1 if without else looked_at,
                mode=spec.mode,
                reranker=spec.reranker,
                embedder=ready.variant.embedder,
            )
            others = [passage for passage in found.passages if passage.id != without]
            passages += spread_over_labels(others, count) if spread else others[:count]
            cpu_s += found.cpu_s
            rss_bytes = max(rss_bytes, found.rss_bytes)
            tokens += found.embedding_tokens
            estimated |= found.tokens_estimated
    if spec.found_labels_only and not _labels_found(passages):
        raise RetrievalError(
            "No example was found for this row, so no label can be chosen.",
            "Search by meaning (terminal: --search vector).",
        )
    return Retrieved(tuple(passages), time.perf_counter() - started, cpu_s, rss_bytes, tokens, estimated)


def _labels_found(passages: Sequence[Passage]) -> set[str]:
    return {passage.target for passage in passages if passage.kind == "example"}


def request_for(
    context: RunContext, ready: ReadyVariant, example: Example, row: int, passages: Sequence[Passage]
) -> GenerateRequest:
    """Build the request for one row."""
    variant, task = ready.variant, context.task
    narrow = variant.retrieval is not None and variant.retrieval.found_labels_only
    if narrow:
        task = with_labels(task, _labels_found(passages), variant.prompt)
    built = build_prompt(
        task,
        example.input,
        prompt=variant.prompt,
        shots=ready.shots,
        passages=passages,
        nearest_first=variant.retrieval is not None and variant.retrieval.nearest_first,
    )
    return GenerateRequest(
        messages=built.messages,
        prefix_messages=0 if narrow else built.prefix_messages,  # its instructions differ from row to row
        decoding=decoding_for(
            task,
            variant.decoding,
            seed=context.plan.seed,
            row=row,
            every_label=ready.corrected,
            prompt=variant.prompt,
        ),
        slot=ready.slot,
        lora=ready.lora,
        lora_scale=variant.lora_scale,
    )


def without_label_prior(ready: ReadyVariant, completion: Completion) -> Completion:
    """Take the variant's label prior away from an answer, where that was decided.

    Raises:
        ModelError: a label has no probability.
    """
    if ready.prior is None or not ready.corrected:
        return completion
    if len(completion.probabilities) < len(ready.prior.log_prior):
        error = ModelError(
            "The backend did not give the probability of every label.",
            "Turn prior correction off (terminal: --prior-correction off).",
        )
        error.usage = completion.usage
        raise error
    probabilities = without_prior(completion.probabilities, ready.prior.log_prior)
    return replace(completion, text=likeliest(probabilities), probabilities=probabilities)


def completed(
    context: RunContext, ready: ReadyVariant, example: Example, completion: Completion, found: Retrieved
) -> Prediction:
    """Read and score what the model wrote; the caller adds what it took."""
    blank = replace(
        _blank(context, ready, example),
        usage=found.paid_with(completion.usage),
        probabilities=completion.probabilities,
        passages=found.passages,
        prompt=completion.prompt,
        thinking=completion.thinking,
        rss_bytes=completion.rss_bytes + found.rss_bytes,
        identity=completion.identity,
    )
    try:
        answer = read_answer(context.task, effective_mode(context.task, ready.variant.decoding.mode), completion.text)
    except UnparsedAnswerError as error:
        cut = " It was cut off at the maximum length." if completion.finish == "length" else ""
        failure = Failure(kind=FailureKind.UNPARSED, message=error.what + cut)
        return replace(blank, text=completion.text, failure=failure)
    return _scored(context, blank, example, completion.text, answer)


def _scored(context: RunContext, blank: Prediction, example: Example, text: str, answer: str) -> Prediction:
    scores = score_answer(context.task, example, answer)
    return replace(blank, text=text, answer=answer, scores=scores, score=scores[context.task.primary_scorer])


def _blank(context: RunContext, ready: ReadyVariant, example: Example) -> Prediction:
    return Prediction(
        run_id=context.plan.run_id,
        variant_id=ready.variant.id,
        technique=str(ready.variant.technique),
        example_id=example.id,
        target=example.target,
    )


def passes(error: Exception) -> bool:
    """Tell whether an error is a fault of the server, which may be over when it is asked again."""
    return isinstance(error, ServerError) and not isinstance(error, RefusedAnswerError)


def failed(
    context: RunContext, ready: ReadyVariant, example: Example, error: Exception, *, attempts: int
) -> Prediction:
    """Record why a row has no answer, with the tokens that it took all the same."""
    kind = FailureKind.BACKEND
    for type_of_error, its_kind in (
        (ContextOverflowError, FailureKind.CONTEXT_OVERFLOW),
        (WorkerDiedError, FailureKind.WORKER_DIED),
        (RetrievalError, FailureKind.RETRIEVAL),
        (RefusedAnswerError, FailureKind.REFUSED),
    ):
        if isinstance(error, type_of_error):
            kind = its_kind
    failure = Failure(kind=kind, message=str(error), passing=passes(error))
    usage = (error.usage if isinstance(error, ModelError) else None) or Usage()
    return replace(_blank(context, ready, example), failure=failure, usage=usage, attempts=attempts)
