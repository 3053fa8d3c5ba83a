"""Retrieval with the real embedder and LanceDB: every retriever must keep these promises."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from adapters.retrieval.retriever import LanceRetriever
from engine.core.errors import CancelledError, RetrievalError, UsageError, WorkerDiedError
from engine.core.ports import BuiltIndex
from engine.core.steps import Progress
from engine.core.task import Document, Example
from engine.core.variant import Reranker, RetrievalSpec, SearchMode

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

ROWS = (
    ("My card was declined at the supermarket", "card"),
    ("The bank card does not work in the shop", "card"),
    ("When will my new card arrive", "card"),
    ("The machine swallowed my card", "card"),
    ("I want my money back for the broken kettle", "refund"),
    ("Please refund order 7781", "refund"),
    ("How long does a refund take", "refund"),
    ("Return the payment for the shoes I sent back", "refund"),
    ("I forgot my password", "login"),
    ("The login page rejects my username", "login"),
    ("Reset my password please", "login"),
    ("I cannot sign in to my account", "login"),
)
EXAMPLES = tuple(
    Example(id=f"row-{number}", input=text, target=target, split="train")
    for number, (text, target) in enumerate(ROWS, 1)
)
DOCUMENTS = (
    Document(
        name="leave",
        text="# Annual leave\n\n## Carry-over\n\nUp to 6 unused days may be moved into the new year.\n\n"
        "## Sickness\n\nA doctor's note is needed from day three.\n",
    ),
    Document(name="fire", text="# Fire safety\n\nLeave by the nearest staircase. Never take the lift. Form ZX-4410.\n"),
)
SPEC = RetrievalSpec(examples_k=3, passages_k=2)
HOSTILE = (
    "",
    "   ",
    '"unbalanced',
    "a AND (b OR NOT",
    "+card -card ^2 ~ card* [1 TO 5] {x} \\",
    "'; DROP TABLE x; --",
    "🔥🧯",
    "nul\0in the middle",
    "\ud800 lone surrogate",
    "card " * 20_000,
    "x" * 100_000,
    " ".join(f"word{number}" for number in range(12_000)),
    "\r\n\u2028\u202e",
)


def last(events: Iterator[Progress | BuiltIndex]) -> str:
    """Run a preparation to its end; return the id."""
    return prepared(list(events)).id


def prepared(events: Sequence[Progress | BuiltIndex]) -> BuiltIndex:
    """Take the last item, which is what the preparation was for."""
    assert isinstance(events[-1], BuiltIndex)
    assert not any(isinstance(event, BuiltIndex) for event in events[:-1])
    return events[-1]


def wait_for_embedding(events: Iterator[Progress | BuiltIndex]) -> None:
    """Go on until the first batch is embedded."""
    next(event for event in events if isinstance(event, Progress) and event.stage == "embedding")


def many_examples(count: int) -> list[Example]:
    """Enough rows for several batches."""
    return [
        Example(id=str(number), input=f"ticket number {number} about a card", target="card", split="train")
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def index_id(retriever: LanceRetriever) -> str:
    """Build the index of the examples and documents above."""
    return last(retriever.index(EXAMPLES, DOCUMENTS, SPEC))


@pytest.mark.parametrize("mode", list(SearchMode))
def test_the_right_item_comes_first(retriever: LanceRetriever, index_id: str, mode: SearchMode) -> None:
    """Every mode finds what plainly is meant, of the kind that is asked for, with its target or its headings."""
    found = retriever.search(index_id, "reset a forgotten password", kind="example", k=3, mode=mode)
    assert found.passages[0].target == "login"
    assert {passage.kind for passage in found.passages} == {"example"}
    scores = [passage.score for passage in found.passages]
    assert scores == sorted(scores, reverse=True)
    assert found.retrieval_s > 0
    assert found.cpu_s > 0
    assert found.rss_bytes > 0

    documents = retriever.search(index_id, "move unused days to the next year", kind="document", k=1, mode=mode)
    assert documents.passages[0].id == "leave#1"
    assert documents.passages[0].source == "leave"
    assert documents.passages[0].text.startswith("Annual leave > Carry-over\n")


def test_modes_differ_as_they_should(retriever: LanceRetriever, index_id: str) -> None:
    """Full text finds a code no embedder knows, and finds nothing where no word is shared; vectors have cosines."""
    by_word = retriever.search(index_id, "zx 4410", kind="document", k=3, mode=SearchMode.FULL_TEXT)
    assert [passage.id for passage in by_word.passages] == ["fire#1"]
    assert not retriever.search(index_id, "qwertz", kind="document", k=3, mode=SearchMode.FULL_TEXT).passages
    same = retriever.search(index_id, EXAMPLES[0].input, kind="example", k=1, mode=SearchMode.VECTOR)
    assert same.passages[0].id == EXAMPLES[0].id
    assert same.passages[0].score == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("mode", list(SearchMode))
def test_k_may_be_any_number(retriever: LanceRetriever, index_id: str, mode: SearchMode) -> None:
    """More than there is gives all there is, once; zero gives nothing."""
    found = retriever.search(index_id, "card refund password", kind="example", k=1000, mode=mode)
    identifiers = [passage.id for passage in found.passages]
    assert len(set(identifiers)) == len(identifiers) <= len(EXAMPLES)
    if mode is not SearchMode.FULL_TEXT:
        assert len(identifiers) == len(EXAMPLES)
    assert not retriever.search(index_id, "card", kind="example", k=0, mode=mode).passages


def test_vector_search_is_exact(retriever: LanceRetriever, index_id: str) -> None:
    """The order is that of the cosines computed by hand: a comparison must not hang on an approximate index."""
    query = "somebody stole my wallet"
    found = retriever.search(index_id, query, kind="example", k=12, mode=SearchMode.VECTOR)
    vectors = retriever.embed([query, *(example.input for example in EXAMPLES)]).vectors
    cosines = vectors[1:] @ vectors[0]
    assert [passage.id for passage in found.passages] == [EXAMPLES[row].id for row in np.argsort(-cosines)]
    assert [passage.score for passage in found.passages] == pytest.approx(sorted(cosines, reverse=True), abs=1e-4)


@pytest.mark.parametrize("mode", list(SearchMode))
@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_queries_are_plain_words(
    retriever: LanceRetriever, index_id: str, mode: SearchMode, query: str
) -> None:
    """What a user or a CSV cell holds must never be read as search syntax, nor end a run."""
    found = retriever.search(index_id, query, kind="example", k=2, mode=mode)
    assert len(found.passages) <= 2
    if mode is not SearchMode.FULL_TEXT:
        assert len(found.passages) == 2


def test_equal_scores_keep_one_order(retriever: LanceRetriever) -> None:
    """Twins rank as they stand in the task, so that a run can be repeated."""
    twins = [Example(id=f"twin-{n}", input="the very same words", target="a", split="train") for n in range(9)]
    twin_index = last(retriever.index(twins, (), SPEC))
    for mode in SearchMode:
        found = retriever.search(twin_index, "same words", kind="example", k=4, mode=mode)
        assert [passage.id for passage in found.passages] == ["twin-0", "twin-1", "twin-2", "twin-3"]


def test_a_standing_index_is_reused(retriever: LanceRetriever, index_id: str) -> None:
    """The second call embeds nothing; k and mode share the index; other contents get another."""
    asked_at = time.time()
    events = list(retriever.index(EXAMPLES, DOCUMENTS, RetrievalSpec(passages_k=9, mode=SearchMode.HYBRID)))
    assert prepared(events).id == index_id
    assert prepared(events).made_at < asked_at
    assert "embedding" not in {event.stage for event in events if isinstance(event, Progress)}
    assert last(retriever.index(EXAMPLES[:-1], DOCUMENTS, SPEC)) != index_id
    assert last(retriever.index(EXAMPLES, DOCUMENTS, RetrievalSpec(chunk_words=5, chunk_overlap_words=0))) != index_id


@pytest.mark.usefixtures("own_retrieval_worker")
def test_the_build_time_is_kept(tmp_path: Path) -> None:
    """One-off cost is that of the first build, whoever asks later, and without the start of the worker."""
    retriever = LanceRetriever(tmp_path)
    try:
        index = prepared(list(retriever.index(EXAMPLES, DOCUMENTS, SPEC)))
        classifier = prepared(list(retriever.fit_classifier(EXAMPLES, seed=0)))
        assert index.build_s > 0
        assert classifier.build_s > 0
        retriever.close()
        assert retriever.pid is None
        index_again = prepared(list(retriever.index(EXAMPLES, DOCUMENTS, SPEC)))
        classifier_again = prepared(list(retriever.fit_classifier(EXAMPLES, seed=0)))
        assert index_again == index
        assert classifier_again == classifier
    finally:
        retriever.close()


def test_progress_goes_forward(retriever: LanceRetriever) -> None:
    """A bar that jumps back is worse than none."""
    events = list(retriever.index(many_examples(200), (), SPEC))
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 5


def test_a_killed_worker_is_replaced(retriever: LanceRetriever, index_id: str) -> None:
    """Indexes and classifiers outlive the process that made them."""
    classifier_id = last(retriever.fit_classifier(EXAMPLES, seed=0))
    for _ in range(2):
        first_pid = retriever.pid
        assert first_pid is not None
        os.kill(first_pid, signal.SIGKILL)
        while retriever.pid is not None:
            pass
        found = retriever.search(index_id, "card", kind="example", k=1, mode=SearchMode.VECTOR)
        assert found.passages[0].target == "card"
        assert found.retrieval_s < 2, "starting the worker is not part of a search"
        assert retriever.classify(classifier_id, "lost my password").label == "login"
        assert retriever.pid != first_pid


def test_death_in_mid_request_is_a_typed_error(retriever: LanceRetriever) -> None:
    """The caller learns of it, and the same request then succeeds."""
    rows = many_examples(301)
    build = retriever.index(rows, (), SPEC)
    wait_for_embedding(build)
    assert retriever.pid is not None
    os.kill(retriever.pid, signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        last(build)
    assert last(retriever.index(rows, (), SPEC))


def test_cancel_stops_between_batches(tmp_path: Path) -> None:
    """A cancelled build leaves no index, and the worker serves on."""
    retriever = LanceRetriever(tmp_path / "new" / "folder")
    cancel = threading.Event()
    build = retriever.index(many_examples(3000), (), SPEC, cancel=cancel)
    wait_for_embedding(build)
    cancel.set()
    with pytest.raises(CancelledError):
        last(build)
    assert not list(tmp_path.rglob("*.json"))
    pid = retriever.pid
    assert pid is not None
    assert last(retriever.index(EXAMPLES, (), SPEC))
    assert retriever.pid == pid
    retriever.close()


def test_a_caller_who_leaves_blocks_nobody(retriever: LanceRetriever, index_id: str) -> None:
    """A page that is closed in mid-build must not leave the worker busy."""
    build = retriever.index(many_examples(2999), (), SPEC)
    wait_for_embedding(build)
    del build
    assert retriever.search(index_id, "card", kind="example", k=1, mode=SearchMode.VECTOR).passages


def test_what_is_missing_is_said(retriever: LanceRetriever, index_id: str) -> None:
    """Unknown ids and kinds are errors that name the fix; an empty kind is none."""
    for wrong in ("0123456789abcdef", "../../etc/passwd", ""):
        with pytest.raises(RetrievalError, match="Build it"):
            retriever.search(wrong, "x", kind="example", k=1, mode=SearchMode.VECTOR)
        with pytest.raises(RetrievalError):
            retriever.classify(wrong, "x")
    with pytest.raises(UsageError, match="document"):
        retriever.search(index_id, "x", kind="documents", k=1, mode=SearchMode.VECTOR)
    empty = last(retriever.index((), (), SPEC))
    assert not retriever.search(empty, "x", kind="example", k=1, mode=SearchMode.HYBRID).passages


def test_a_damaged_index_is_built_again(tmp_path: Path) -> None:
    """A manifest alone makes no index."""
    made = last(LanceRetriever(tmp_path / "whole").index(EXAMPLES, (), SPEC))
    # In another folder: what the worker has opened before, it keeps.
    shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
    for table in (tmp_path / "damaged" / "lancedb").iterdir():
        shutil.rmtree(table / "data")
    retriever = LanceRetriever(tmp_path / "damaged")
    with pytest.raises(RetrievalError, match="Build it again"):
        retriever.search(made, "card", kind="example", k=1, mode=SearchMode.VECTOR)
    assert last(retriever.index(EXAMPLES, (), SPEC)) == made
    assert retriever.search(made, "card", kind="example", k=1, mode=SearchMode.VECTOR).passages


def test_embed_gives_unit_vectors(retriever: LanceRetriever) -> None:
    """Near-duplicate checks read the dot product as a cosine."""
    vectors = retriever.embed(["My card was declined", "my card was declined!", "The weather is fine"]).vectors
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.8 > vectors[0] @ vectors[2]
    assert retriever.embed([]).vectors.shape == (0, 384)


def test_the_caller_stays_light() -> None:
    """The web process must not carry the weight or the crashes of native libraries."""
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'lancedb', 'sklearn', 'pyarrow'}"
    code = f"import sys; import adapters.retrieval.retriever; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("reranker", list(Reranker))
def test_every_reranker_finds_what_is_meant(retriever: LanceRetriever, index_id: str, reranker: Reranker) -> None:
    """Hybrid search can join its lists in each of LanceDB's ways, nearest first, and the same way twice."""
    query = "move unused days to the next year"
    found = [
        retriever.search(index_id, query, kind="document", k=3, mode=SearchMode.HYBRID, reranker=reranker).passages
        for _ in range(2)
    ]
    assert found[0][0].id == "leave#1"
    assert [passage.score for passage in found[0]] == sorted((passage.score for passage in found[0]), reverse=True)
    assert found[0] == found[1]


def test_a_passage_knows_its_place(retriever: LanceRetriever, index_id: str) -> None:
    """A retrieved passage carries where its words stand in the document; an example has no such place."""
    texts = {document.name: document.text for document in DOCUMENTS}
    for passage in retriever.search(index_id, "unused days", kind="document", k=9, mode=SearchMode.HYBRID).passages:
        assert passage.start is not None
        assert passage.text.endswith(texts[passage.source][passage.start : passage.end])
    example = retriever.search(index_id, "card", kind="example", k=1, mode=SearchMode.VECTOR).passages[0]
    assert (example.start, example.end) == (None, None)
