"""The tasks that ship: no duplicates, no leaks, no easy wins, and no faults."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from adapters.retrieval.chunking import chunk_document
from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.task_folder import read_task
from engine.core.task import AnswerKind, Example, Task
from engine.metrics.scoring import score_answer

ROOT = Path(__file__).parents[1] / "data" / "tasks"
NAMES = sorted(path.name for path in ROOT.iterdir() if path.is_dir())
LANGUAGES = ("en", "de", "fr", "zh", "ar", "hi")
WITH_PASSAGES = ("policy-qa", "support-multilingual")
"""The tasks whose rows name the passage that holds the answer."""
MOST_SHARED_TRIGRAMS = 0.25
MOST_SIMILAR = 0.9
MOST_IMBALANCE = 1.5
MOST_FOR_A_TRIVIAL_ANSWER = 0.35


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    """All tasks that ship, read once."""
    return {name: read_task(ROOT / name) for name in NAMES}


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanceRetriever]:
    """The embedder in its worker."""
    made = LanceRetriever(tmp_path_factory.mktemp("indexes"))
    yield made
    made.close()


def words(text: str) -> list[str]:
    """Split a text into its words in normal form; vowel signs stay in their word, and a Chinese sign is a word."""
    signs = []
    for sign in unicodedata.normalize("NFKC", text).casefold():
        if "\u3400" <= sign <= "\u9fff":
            signs.append(f" {sign} ")
        else:
            signs.append(sign if sign == "_" or unicodedata.category(sign)[0] in "LMN" else " ")
    return "".join(signs).split()


def language(example: Example) -> str:
    """Return the language that a row names; rows that name none are in English."""
    return str(example.metadata.get("language", "en"))


def in_english(task: Task) -> list[Example]:
    """Return the rows that the English embedder can judge: to others it gives vectors that mean little."""
    return [example for example in task.examples if language(example) == "en"]


def trigrams(text: str) -> frozenset[tuple[str, ...]]:
    """Collect the runs of three words."""
    found = words(text)
    return frozenset(zip(found, found[1:], found[2:], strict=False))


@pytest.mark.parametrize("name", NAMES)
def test_no_row_stands_twice(tasks: dict[str, Task], name: str) -> None:
    """No two inputs are equal but for case, punctuation and spaces, within or across splits."""
    counts = Counter(" ".join(words(example.input)) for example in tasks[name].examples)
    assert not [text for text, count in counts.items() if count > 1]


@pytest.mark.parametrize("name", NAMES)
def test_no_two_rows_share_their_wording(tasks: dict[str, Task], name: str) -> None:
    """No pair shares more than a quarter of its three-word runs: nothing was made from a template."""
    rows = [(example.id, trigrams(example.input)) for example in tasks[name].examples]
    near = [
        (one, other)
        for (one, first), (other, second) in combinations(rows, 2)
        if first & second and len(first & second) / len(first | second) > MOST_SHARED_TRIGRAMS
    ]
    assert not near


@pytest.mark.model
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_no_two_rows_mean_the_same(tasks: dict[str, Task], name: str, retriever: LanceRetriever) -> None:
    """No two English rows have a cosine above 0.9: the test rows are not the training rows in other words."""
    examples = in_english(tasks[name])
    vectors = retriever.embed([example.input for example in examples]).vectors
    similar = np.triu(vectors @ vectors.T, k=1)
    pairs = [(examples[a].id, examples[b].id, float(similar[a, b])) for a, b in np.argwhere(similar > MOST_SIMILAR)]
    assert not pairs


@pytest.mark.model
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_no_row_stands_in_a_document_in_other_words(
    tasks: dict[str, Task], name: str, retriever: LanceRetriever
) -> None:
    """No English input has a cosine above 0.9 with a passage: it asks for what a document says, it does not say it."""
    task = tasks[name]
    passages = [chunk.text for document in task.documents for chunk in chunk_document(document, size_words=40)]
    if not passages:
        return
    examples = in_english(task)
    inputs = retriever.embed([example.input for example in examples]).vectors
    similar = inputs @ retriever.embed(passages).vectors.T
    assert not [(examples[a].id, passages[b]) for a, b in np.argwhere(similar > MOST_SIMILAR)]


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_balanced(tasks: dict[str, Task], name: str) -> None:
    """In every split the most common label has at most half again as many rows as the rarest, and all occur."""
    task = tasks[name]
    if task.answer.kind is not AnswerKind.LABEL:
        assert not task.answer.labels
        return
    for split in {example.split for example in task.examples}:
        counts = Counter(example.target for example in task.split(split))
        assert set(counts) == set(task.answer.labels)
        assert max(counts.values()) <= MOST_IMBALANCE * min(counts.values())


@pytest.mark.parametrize("name", NAMES)
def test_trivial_answers_score_low(tasks: dict[str, Task], name: str) -> None:
    """Always giving the most common training answer, or copying the input, does not win."""
    task = tasks[name]
    common = Counter(example.target for example in task.split("train")).most_common(1)[0][0]
    test = task.split("test")
    answers = {"majority": [common] * len(test)}
    if task.answer.kind in {AnswerKind.SHORT, AnswerKind.TEXT}:
        answers["copy"] = [example.input for example in test]
    for how, given in answers.items():
        scores = [score_answer(task, e, a)[task.primary_scorer] for e, a in zip(test, given, strict=True)]
        # A rule is about form alone, so that one well-formed line keeps it everywhere: chrF tells these apart.
        if task.primary_scorer == "rules_kept" and how == "majority":
            scores = [score_answer(task, e, a)["chrf"] for e, a in zip(test, given, strict=True)]
        assert sum(scores) / len(scores) <= MOST_FOR_A_TRIVIAL_ANSWER, how


@pytest.mark.parametrize("name", NAMES)
def test_every_target_scores_full_marks(tasks: dict[str, Task], name: str) -> None:
    """The right answer is right by the task's own scorers: a rule that no target keeps would be a fault."""
    task = tasks[name]
    wrong = [
        (example.id, scorer, score)
        for example in task.examples
        for scorer, score in score_answer(task, example, example.target).items()
        if score < 1 - 1e-9
    ]
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_no_question_copies_its_document(tasks: dict[str, Task], name: str) -> None:
    """Where documents hold the answers, no question copies a run of eight words that search would find by itself."""
    task = tasks[name]
    if name not in WITH_PASSAGES:
        return
    runs = {tuple(found[n : n + 8]) for d in task.documents for found in [words(d.text)] for n in range(len(found) - 7)}
    copied = [
        example.id
        for example in task.examples
        for found in [words(example.input)]
        if any(tuple(found[n : n + 8]) in runs for n in range(len(found) - 7))
    ]
    assert not copied


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_its_card(tasks: dict[str, Task], name: str) -> None:
    """Each task says how it was made, what is hard, what a trivial answer scores, what it teaches; and its licence."""
    task = tasks[name]
    assert task.id == name
    assert set(task.card) >= {"made", "hard", "baseline", "teaches"}
    assert task.licence == "Apache-2.0"
    assert task.summary


def test_support_tickets_is_as_large_as_promised(tasks: dict[str, Task]) -> None:
    """At least 50 training rows with 10 a class, 150 test rows, 20 help-centre articles."""
    task = tasks["support-tickets"]
    assert len(task.answer.labels) == 5
    assert min(Counter(example.target for example in task.split("train")).values()) >= 10
    assert len(task.split("train")) >= 50
    assert len(task.split("test")) >= 150
    assert len(task.documents) >= 20


def test_support_multilingual_is_as_large_as_promised(tasks: dict[str, Task]) -> None:
    """The same 20 training and 60 test tickets in six languages, 4 and 12 of each label, none in two splits."""
    task = tasks["support-multilingual"]
    versions: dict[str, list[Example]] = {}
    for example in task.examples:
        versions.setdefault(example.metadata["ticket"], []).append(example)
    assert len(versions) == 80
    for rows in versions.values():
        assert sorted(map(language, rows)) == sorted(LANGUAGES)
        assert len({(row.split, row.target, row.metadata["difficulty"]) for row in rows}) == 1
    counts = Counter((language(e), e.split, e.target) for e in task.examples)
    assert counts == {
        (name, split, label): number
        for name in LANGUAGES
        for split, number in (("train", 4), ("test", 12))
        for label in task.answer.labels
    }


def test_support_multilingual_has_one_help_document_for_each_language(tasks: dict[str, Task]) -> None:
    """Each holds the same sections in the same order; a row names one of its language, and each is asked for."""
    task = tasks["support-multilingual"]
    sections = {document.name: sections_of(document.text) for document in task.documents}
    assert sorted(sections) == sorted(f"help-{name}.md" for name in LANGUAGES)
    assert {len(found) for found in sections.values()} == {25}
    asked: dict[str, set[tuple[str, int]]] = {}
    for example in task.examples:
        (mark,) = example.metadata["supporting"]
        assert mark["document"] == f"help-{language(example)}.md"
        titles = sections[mark["document"]]
        assert mark["passage"] in titles[example.metadata["section"]], example.id
        asked.setdefault(language(example), set()).add(
            (example.metadata["ticket"], list(titles).index(example.metadata["section"]))
        )
    assert len({frozenset(pairs) for pairs in asked.values()}) == 1
    assert {place for _ticket, place in asked["en"]} == set(range(25))


def sections_of(text: str) -> dict[str, str]:
    """Return the sections of a help document by title."""
    parts = (part.partition("\n") for part in text.split("\n## ")[1:])
    return {title: body for title, _, body in parts}


@pytest.mark.parametrize("name", WITH_PASSAGES)
def test_every_supporting_passage_stands_in_its_document(tasks: dict[str, Task], name: str) -> None:
    """Each answer can be found: its passage is, word for word, in the document that it names."""
    task = tasks[name]
    documents = {document.name: document.text for document in task.documents}
    missing, without = [], []
    for example in task.examples:
        supporting = example.metadata.get("supporting", [])
        if not supporting and example.target != task.answer.refusal:
            without.append(example.id)
        missing += [example.id for item in supporting if item["passage"] not in documents.get(item["document"], "")]
    assert not missing
    assert not without
