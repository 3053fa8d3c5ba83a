"""What retrieval found, against the passages that are marked as holding the answer; and causes of wrong answers.

A row's marked passages are in its metadata under `supporting`: a document's name and words that occur in it.
Rows without a mark, such as questions that have no answer, are not counted here. Pure functions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.core.interval import Interval
from engine.core.run.prediction import FailureKind, Passage, Prediction
from engine.core.task import Document, Example, Task
from engine.metrics.intervals import mean_interval


class Coverage(StrEnum):
    """How much of the marked text the prompt held."""

    WHOLE = "whole"
    PART = "part"
    NONE = "none"


class ErrorCause(StrEnum):
    """Why an answer is wrong."""

    MISSED = "retrieval missed it"
    CUT_OFF = "the context cut it off"
    HAD_IT = "the model had it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """What retrieval found for one row."""

    coverage: Coverage
    recall: float
    """Share of the marked passages that were retrieved whole."""
    reciprocal_rank: float
    """1 / rank of the first retrieved passage that holds a marked one whole; 0 if none does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievalQuality:
    """Retrieval of one variant over all rows with a mark."""

    rows: int
    k: int
    """The most document passages that a marked row was given."""
    recall_at_k: Interval
    mrr: Interval
    """Mean reciprocal rank."""
    causes: Mapping[str, int]
    """Wrong answers by `ErrorCause`."""


def support(example: Example, passages: Sequence[Passage], documents: Mapping[str, Document]) -> Support | None:
    """Compare what was retrieved with what is marked; None where nothing is marked.

    A marked passage is retrieved whole when one retrieved passage covers all of it, and in part when the border of a
    chunk goes through it. Two chunks that together cover it also count as whole, but no rank is counted for it.
    """
    marked = [span for span in (_marked_span(item, documents) for item in _marks(example)) if span is not None]
    if not marked:
        return None
    found = [_span(passage) for passage in passages if passage.kind == "document"]
    whole = [any(_covers(span, one) for one in found) or _covered_together(span, found) for span in marked]
    touched = any(_overlaps(span, one) for span in marked for one in found)
    ranks = [rank for rank, one in enumerate(found, start=1) if any(_covers(span, one) for span in marked)]
    coverage = Coverage.WHOLE if all(whole) else Coverage.PART if touched else Coverage.NONE
    return Support(
        coverage=coverage,
        recall=sum(whole) / len(whole),
        reciprocal_rank=1 / ranks[0] if ranks else 0.0,
    )


def error_cause(
    prediction: Prediction, example: Example, documents: Mapping[str, Document], *, reads_passages: bool
) -> ErrorCause | None:
    """Return the cause of a wrong answer; None for a right one, for a row without a mark, and where nothing was sought.

    Args:
        prediction: the answer, with the passages in its prompt.
        example: its row.
        documents: of the task, by name.
        reads_passages: the variant fetches passages. A search that found none has missed.
    """
    if prediction.failure is not None and prediction.failure.kind is FailureKind.CONTEXT_OVERFLOW:
        return ErrorCause.CUT_OFF if _marks(example) else None
    if not _was_sought(prediction, reads_passages=reads_passages):
        return None
    brought = support(example, prediction.passages, documents)
    if brought is None or prediction.outcome == "right":
        return None
    return {Coverage.NONE: ErrorCause.MISSED, Coverage.PART: ErrorCause.CUT_OFF, Coverage.WHOLE: ErrorCause.HAD_IT}[
        brought.coverage
    ]


def _was_sought(prediction: Prediction, *, reads_passages: bool) -> bool:
    """Tell whether passages were sought for a row: one that failed without any may have failed before."""
    found = any(passage.kind == "document" for passage in prediction.passages)
    return reads_passages and (found or prediction.failure is None)


def marked_rows(task: Task) -> list[str]:
    """Return the ids of the examples that mark the passages with their answer: the only ones that judge retrieval."""
    return [example.id for example in task.examples if _marks(example)]


def retrieval_quality(
    task: Task, predictions: Iterable[Prediction], *, reads_passages: bool
) -> RetrievalQuality | None:
    """Sum up one variant's retrieval on the marked rows; None where it sought no passage there.

    Args:
        task: whose rows mark the passages with their answers.
        predictions: of one variant.
        reads_passages: it fetches passages. A row for which the search found none counts as missed.
    """
    documents = {document.name: document for document in task.documents}
    examples = {example.id: example for example in task.examples if _marks(example)}
    recalls, ranks, causes = [], [], []
    k = 0
    for prediction in predictions:
        example = examples.get(prediction.example_id)
        seen = [passage for passage in prediction.passages if passage.kind == "document"]
        if example is None:
            continue
        k = max(k, len(seen))
        cause = error_cause(prediction, example, documents, reads_passages=reads_passages)
        if cause is not None:
            causes.append(str(cause))
        sought = _was_sought(prediction, reads_passages=reads_passages)
        brought = support(example, seen, documents) if sought else None
        if brought is not None:
            recalls.append(brought.recall)
            ranks.append(brought.reciprocal_rank)
    if not recalls:
        return None
    return RetrievalQuality(
        rows=len(recalls),
        k=k,
        recall_at_k=mean_interval(recalls),
        mrr=mean_interval(ranks),
        causes=dict(Counter(causes)),
    )


def quality_figures(quality: RetrievalQuality | None) -> dict[str, Any] | None:
    """Return the figures as `summary.json` holds them."""
    if quality is None:
        return None
    figures = {
        name: {"value": interval.value, "ci_low": interval.low, "ci_high": interval.high}
        for name, interval in (("recall_at_k", quality.recall_at_k), ("mrr", quality.mrr))
        if not math.isnan(interval.value)
    }
    return {"rows": quality.rows, "k": quality.k, **figures, "wrong_answers": dict(quality.causes)}


_Span = tuple[str, int, int]
"""A document's name, and where the text begins and ends in it, in characters."""


def _marks(example: Example) -> Sequence[Mapping[str, str]]:
    marks = example.metadata.get("supporting", ())
    return [item for item in marks if isinstance(item, dict)] if isinstance(marks, list | tuple) else ()


def _marked_span(item: Mapping[str, str], documents: Mapping[str, Document]) -> _Span | None:
    document = documents.get(item.get("document", ""))
    words = item.get("passage", "")
    start = document.text.find(words) if document is not None and words else -1
    return None if start < 0 else (item["document"], start, start + len(words))


def _span(passage: Passage) -> _Span:
    return passage.source, passage.start or 0, passage.end or 0


def _covers(span: _Span, other: _Span) -> bool:
    return span[0] == other[0] and other[1] <= span[1] and span[2] <= other[2]


def _overlaps(span: _Span, other: _Span) -> bool:
    return span[0] == other[0] and max(span[1], other[1]) < min(span[2], other[2])


def _covered_together(span: _Span, found: Sequence[_Span]) -> bool:
    place = span[1]
    for _name, start, end in sorted(one for one in found if _overlaps(span, one)):
        if start > place + 1:  # chunks that follow each other leave out the blank between them
            return False
        place = max(place, end)
    return place >= span[2]
