"""Recall, MRR and the causes of errors against marked passages."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.retrieval.chunking import chunk_document
from engine.core.run.prediction import Failure, FailureKind, Passage, Prediction
from engine.core.task import AnswerKind, Document, Example
from engine.metrics.retrieval import Coverage, ErrorCause, error_cause, quality_figures, retrieval_quality, support
from tests.helpers import small_task

TEXT = "# Leave\n\nFull-time staff get 28 days. Night staff get 3 more days.\n\n## Carry-over\n\nUp to 5 days carry over.\n"
LEAVE = Document(name="leave.md", text=TEXT)
TRAVEL = Document(name="travel.md", text="Trains are second class. Hotels cost up to 90 euros.")
DOCUMENTS = {document.name: document for document in (LEAVE, TRAVEL)}


def asked(*marks: tuple[str, str]) -> Example:
    """A question whose answer stands in these passages."""
    supporting = [{"document": name, "passage": words} for name, words in marks]
    return Example(id="q", input="?", target="a", split="test", metadata={"supporting": supporting})


def passage(source: str, body: str, *, headings: str = "") -> Passage:
    """A chunk of a document; its text may stand under a line of headings."""
    start = DOCUMENTS[source].text.find(body)
    return Passage(id=f"{source}#{start}", kind="document", text=headings + body, score=1.0, source=source, start=start,
                   end=start + len(body))  # fmt: skip


def predicted(*passages: Passage, score: float | None = 0.0, failure: Failure | None = None) -> Prediction:
    return Prediction(
        run_id="r", variant_id="rag", technique="rag", example_id="q", target="a", score=score, failure=failure,
        passages=passages,
    )  # fmt: skip


NIGHT = ("leave.md", "Night staff get 3 more days.")


def test_a_passage_under_its_headings_is_found_at_its_rank() -> None:
    """The heading line that a chunk carries does not hide its body; the rank is that of the first that holds it."""
    seen = [
        passage("travel.md", TRAVEL.text),
        passage("leave.md", "Full-time staff get 28 days. Night staff get 3 more days.", headings="Leave\n"),
    ]
    found = support(asked(NIGHT), seen, DOCUMENTS)
    assert found is not None
    assert (found.coverage, found.recall, found.reciprocal_rank) == (Coverage.WHOLE, 1.0, 0.5)


def test_the_same_words_in_another_document_do_not_count() -> None:
    """A passage is the marked one only where it stands."""
    found = support(asked(NIGHT), [replace(passage("leave.md", NIGHT[1]), source="travel.md")], DOCUMENTS)
    assert found is not None
    assert found.coverage is Coverage.NONE


def test_of_two_marked_passages_one_is_half() -> None:
    """A question that needs two passages and got one is recalled by half, and its context is cut."""
    example = asked(NIGHT, ("leave.md", "Up to 5 days carry over."))
    found = support(example, [passage("leave.md", "Up to 5 days carry over.")], DOCUMENTS)
    assert found is not None
    assert (found.coverage, found.recall, found.reciprocal_rank) == (Coverage.PART, 0.5, 1.0)


def test_a_border_through_the_passage_is_a_cut_unless_both_sides_are_there() -> None:
    """Half of the marked words is not the answer; both halves are, though no single passage ranks for it."""
    left, right = passage("leave.md", "Night staff get"), passage("leave.md", "3 more days.")
    half, both = support(asked(NIGHT), [left], DOCUMENTS), support(asked(NIGHT), [right, left], DOCUMENTS)
    assert half is not None
    assert both is not None
    assert (half.coverage, half.recall) == (Coverage.PART, 0.0)
    assert (both.coverage, both.recall, both.reciprocal_rank) == (Coverage.WHOLE, 1.0, 0.0)


def test_a_row_without_a_mark_is_counted_nowhere() -> None:
    """A question that has no answer says nothing about retrieval, whatever its metadata holds."""
    assert support(asked(), [passage("leave.md", TEXT)], DOCUMENTS) is None
    odd = replace(asked(), metadata={"supporting": "leave.md"})
    assert support(odd, [passage("leave.md", TEXT)], DOCUMENTS) is None
    assert error_cause(predicted(passage("leave.md", TEXT)), odd, DOCUMENTS, reads_passages=True) is None


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        (predicted(passage("leave.md", NIGHT[1]), score=1.0), None),
        (predicted(passage("leave.md", NIGHT[1])), ErrorCause.HAD_IT),
        (predicted(passage("leave.md", "Night staff get")), ErrorCause.CUT_OFF),
        (predicted(passage("travel.md", TRAVEL.text)), ErrorCause.MISSED),
        (predicted(), ErrorCause.MISSED),
        (predicted(score=None, failure=Failure(kind=FailureKind.UNPARSED, message="")), None),
        (predicted(passage("leave.md", NIGHT[1]), score=None, failure=Failure(kind=FailureKind.UNPARSED, message="")),
         ErrorCause.HAD_IT),
        (predicted(score=None, failure=Failure(kind=FailureKind.CONTEXT_OVERFLOW, message="")), ErrorCause.CUT_OFF),
    ],
)  # fmt: skip
def test_a_wrong_answer_has_one_cause(prediction: Prediction, expected: ErrorCause | None) -> None:
    """Retrieval that missed, a context that cut, a model that had it; of a right answer, and without a search, nobody."""
    assert error_cause(prediction, asked(NIGHT), DOCUMENTS, reads_passages=True) is expected
    overflow = prediction.failure is not None and prediction.failure.kind is FailureKind.CONTEXT_OVERFLOW
    assert error_cause(prediction, asked(NIGHT), DOCUMENTS, reads_passages=False) is (expected if overflow else None)


def test_a_variant_is_summed_up_over_its_marked_rows() -> None:
    """Recall and MRR are means over rows with a mark, with intervals; causes are counted over wrong answers."""
    examples = (replace(asked(NIGHT), id="a"), replace(asked(NIGHT), id="b"), replace(asked(), id="c"))
    task = replace(small_task(kind=AnswerKind.SHORT, documents=(LEAVE, TRAVEL)), examples=examples)
    rows = [
        replace(predicted(passage("leave.md", NIGHT[1]), score=1.0), example_id="a"),
        replace(predicted(passage("travel.md", TRAVEL.text)), example_id="b"),
        replace(predicted(passage("travel.md", TRAVEL.text)), example_id="c"),
    ]
    found = retrieval_quality(task, rows, reads_passages=True)
    assert found is not None
    figures = quality_figures(found)
    assert figures is not None
    assert (figures["rows"], figures["k"]) == (2, 1)
    assert figures["recall_at_k"]["value"] == figures["mrr"]["value"] == 0.5
    assert 0 < figures["recall_at_k"]["ci_low"] < 0.5 < figures["recall_at_k"]["ci_high"] < 1
    assert figures["wrong_answers"] == {"retrieval missed it": 1}
    nothing = [*rows, replace(predicted(), example_id="b")]
    less = quality_figures(retrieval_quality(task, nothing, reads_passages=True))
    assert less is not None
    assert (less["rows"], less["recall_at_k"]["value"]) == (3, pytest.approx(1 / 3)), (
        "a search that finds nothing has missed"
    )
    assert less["wrong_answers"] == {"retrieval missed it": 2}
    assert retrieval_quality(task, [replace(predicted(), example_id="a")], reads_passages=False) is None
    assert quality_figures(None) is None


@given(st.integers(4, 30), st.integers(0, 3))
def test_all_chunks_together_hold_every_passage(size_words: int, overlap_words: int) -> None:
    """Whatever the chunk size, a prompt with all chunks of a document holds each of its sentences whole."""
    chunks = chunk_document(LEAVE, size_words=size_words, overlap_words=overlap_words)
    seen = [
        Passage(
            id=chunk.id,
            kind="document",
            text=chunk.text,
            score=1.0,
            source="leave.md",
            start=chunk.start,
            end=chunk.end,
        )
        for chunk in chunks
    ]
    for words in ("Full-time staff get 28 days.", NIGHT[1], "Up to 5 days carry over."):
        for order in itertools.islice(itertools.permutations(seen), 6):
            found = support(asked(("leave.md", words)), order, DOCUMENTS)
            assert found is not None
            assert found.coverage is Coverage.WHOLE
