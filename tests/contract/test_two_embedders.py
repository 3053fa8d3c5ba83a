"""Two embedders behind one retriever: what one made is never read with the other, and both are found again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from adapters.retrieval.retriever import LanceRetriever
from engine.core.embedder import EmbedderFacts
from engine.core.errors import RetrievalError, UsageError
from engine.core.ports import BuiltIndex
from engine.core.task import Document, Example
from engine.core.variant import ClassifierKind, ClassifierSpec, RetrievalSpec, SearchMode
from tests.contract.embedders_here import with_prompts

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

ROWS = [("My card was declined", "card"), ("I want my money back", "refund"), ("I forgot my password", "login")]
EXAMPLES = [Example(id=target, input=text, target=target, split="train") for text, target in ROWS]
DOCUMENTS = [Document(name="leave", text="# Leave\n\nUp to 6 days may be moved into the new year.\n")]
SPEC = RetrievalSpec(examples_k=1, passages_k=1)


def built(steps: Iterator[object]) -> BuiltIndex:
    """Go to the end of a preparation."""
    found = list(steps)[-1]
    assert isinstance(found, BuiltIndex)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a second embedder."""
    return with_prompts(tmp_path_factory.mktemp("second"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where indexes are kept."""
    return tmp_path_factory.mktemp("indexes")


@pytest.fixture(scope="module")
def retriever(home: Path) -> Iterator[LanceRetriever]:
    """One worker for all tests."""
    made = LanceRetriever(home)
    yield made
    made.close()


@pytest.fixture(scope="module")
def other(retriever: LanceRetriever, folder: Path) -> EmbedderFacts:
    """The second embedder, taken up by its folder."""
    return retriever.embedder_at(str(folder))


def nearest(
    retriever: LanceRetriever, index: str, embedder: str, mode: SearchMode = SearchMode.VECTOR
) -> Sequence[str]:
    """Search for a row."""
    found = retriever.search(index, "reset my password", kind="example", k=1, mode=mode, embedder=embedder)
    return [passage.id for passage in found.passages]


def test_an_index_is_searched_with_its_own_embedder_alone(retriever: LanceRetriever, other: EmbedderFacts) -> None:
    """Each has an id of its own; the other embedder is refused in every mode, by name."""
    plain = built(retriever.index(EXAMPLES, DOCUMENTS, SPEC)).id
    prompted = built(retriever.index(EXAMPLES, DOCUMENTS, SPEC, embedder=other.id)).id
    assert plain != prompted
    assert nearest(retriever, plain, "") == nearest(retriever, prompted, other.id) == ["login"]
    for mode in SearchMode:
        with pytest.raises(RetrievalError, match="with-prompts"):
            nearest(retriever, prompted, "", mode)
        with pytest.raises(RetrievalError, match="all-MiniLM-L6-v2"):
            nearest(retriever, plain, other.id, mode)


def test_a_classifier_reads_vectors_of_its_own_embedder_alone(retriever: LanceRetriever, other: EmbedderFacts) -> None:
    """The same with classifiers; one on words needs none, so that any may be named."""
    made = built(retriever.fit_classifier(EXAMPLES, seed=0, embedder=other.id)).id
    assert made != built(retriever.fit_classifier(EXAMPLES, seed=0)).id
    assert retriever.classify(made, "my password", embedder=other.id).probabilities
    with pytest.raises(RetrievalError, match="with-prompts"):
        retriever.classify(made, "my password")
    words = ClassifierSpec(kind=ClassifierKind.WORDS)
    by_words = built(retriever.fit_classifier(EXAMPLES, seed=0, spec=words, embedder=other.id)).id
    assert retriever.classify(by_words, "my password").label == "login"
    encoder = ClassifierSpec(kind=ClassifierKind.ENCODER)
    with pytest.raises(RetrievalError, match="trained from all-MiniLM-L6-v2 only"):
        built(retriever.fit_classifier(EXAMPLES, seed=0, spec=encoder, embedder=other.id))


def test_rows_of_an_index_are_not_embedded_again_for_a_classifier(tmp_path: Path) -> None:
    """Index, classifier and the choice of examples share vectors, and each still costs what it would alone."""
    texts = [
        Example(id=str(n), input=f"ticket number {n} " + "about a card " * 20, target=str(n % 2), split="train")
        for n in range(200)
    ]
    retriever = LanceRetriever(tmp_path)
    try:
        index = built(retriever.index(texts, (), SPEC))
        shots = retriever.embed([row.input for row in texts])
        states = {state.facts.name: state for state in retriever.embedders()}
        embedded_s = states["all-MiniLM-L6-v2"].kept / (states["all-MiniLM-L6-v2"].texts_per_s or 1)
        assert states["all-MiniLM-L6-v2"].kept == 200
        assert shots.embed_s >= embedded_s
        assert index.build_s >= embedded_s
        assert built(retriever.fit_classifier(texts, seed=0)).build_s >= embedded_s
        assert np.linalg.norm(shots.vectors, axis=1) == pytest.approx(1.0, abs=1e-4)
    finally:
        retriever.close()


@pytest.mark.usefixtures("own_retrieval_worker")
def test_a_folder_is_found_again_by_another_process(
    retriever: LanceRetriever, other: EmbedderFacts, home: Path, folder: Path
) -> None:
    """It is listed from then on; a changed one has another id, and what was made with the first is refused by name."""
    again = LanceRetriever(home)
    assert [state.facts.id for state in again.embedders()][-1] == other.id
    config = folder / "sentence_bert_config.json"
    before = config.read_text()
    config.write_text(before.replace("64", "32"))
    try:
        with pytest.raises(UsageError, match=other.id):
            again.embed(["a"], embedder=other.id)
    finally:
        config.write_text(before)


@pytest.mark.usefixtures("own_retrieval_worker")
def test_unknown_tokens_are_counted_without_loading_anything(retriever: LanceRetriever, other: EmbedderFacts) -> None:
    """English is known, Chinese mostly is not; one with the same vocabulary counts the same."""
    rows = ["请问如何重置我的密码？", "我的账单金额不对"]
    unloaded = LanceRetriever(Path(retriever._folder))
    assert unloaded.unknown_share(["How do I reset my password?"]) == 0
    share = unloaded.unknown_share(rows)
    assert share is not None
    assert 0.4 < share < 0.95
    assert unloaded.unknown_share(rows, other.id) == share
    assert unloaded.unknown_share([]) == 0
    assert unloaded.pid is None
