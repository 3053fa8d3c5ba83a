"""What the benchmarks of languages compute: splits that are alike in all languages, shares, differences, and chance."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from adapters.retrieval.markdown import parse_blocks
from adapters.storage.task_folder import read_task
from benchmarks.languages import TASK, deal, questions_of, scores_compared, shares_right, tickets_by_language
from benchmarks.run import NAMES, ROOT
from benchmarks.section_search import Wanted, chance, found_in
from engine.core.run.prediction import Passage

LABELS = {f"{label}{number}": label for label in "ab" for number in range(16)}


def passage(source: str, start: int) -> Passage:
    """Make a passage of a document."""
    return Passage(id=f"{source}:{start}", kind="document", text="", score=1.0, source=source, start=start, end=start)


def test_splits_are_stratified_and_use_every_ticket_alike() -> None:
    """Each split trains on four tickets of each label; over four splits each ticket is trained on once, over ten 2 or 3 times."""
    hands = deal(LABELS, splits=10, trained=4)
    assert all(Counter(LABELS[ticket] for ticket in hand) == {"a": 4, "b": 4} for hand in hands)
    assert Counter(ticket for hand in hands[:4] for ticket in hand) == dict.fromkeys(LABELS, 1)
    assert set(Counter(ticket for hand in hands for ticket in hand).values()) == {2, 3}
    assert hands == deal(LABELS, splits=10, trained=4)
    assert hands != deal(LABELS, splits=10, trained=4, seed=1)


def test_a_ticket_is_scored_by_the_splits_that_test_it() -> None:
    """Splits in which it is trained on do not count."""
    right = np.array([[1.0, np.nan], [0.0, 1.0], [np.nan, 1.0]])
    assert shares_right(right).tolist() == [0.5, 1.0]


def test_scores_are_compared_by_ticket() -> None:
    """The same lead on every ticket is surer than one that comes and goes, though the means are alike."""
    reference = np.tile([0.2, 0.6], 40)
    steady, wild = reference + 0.1, reference + np.tile([0.4, 0.4, -0.2, -0.2], 20)
    assert scores_compared(steady, reference) == "+10.0 (9 to 10)"
    assert scores_compared(wild, reference) == "+10.0 (3 to 16)"
    assert scores_compared(reference - 0.1, reference).startswith("\N{MINUS SIGN}10.0 (")


def test_a_section_is_found_where_a_passage_begins_in_it() -> None:
    """In the document that is wanted, not at the same place of another one."""
    wanted = [Wanted(row="?", places={"a.md": range(10, 20)})]
    assert found_in([[passage("a.md", 0), passage("a.md", 19)]], wanted).tolist() == [True]
    assert found_in([[passage("a.md", 20)]], wanted).tolist() == [False]
    assert found_in([[passage("b.md", 12)]], wanted).tolist() == [False]
    assert found_in([[]], wanted).tolist() == [False]


def test_chance_counts_the_chunks_of_a_section() -> None:
    """Three of ten drawn hold the one that is wanted in 30 %, one of the two that are wanted in 1 - 7/10 * 6/9."""
    starts = [("a.md", place) for place in range(10)]
    one = Wanted(row="?", places={"a.md": range(1)})
    two = Wanted(row="?", places={"a.md": range(2)})
    assert chance([one], starts) == pytest.approx(0.3)
    assert chance([two], starts) == pytest.approx(1 - 7 / 10 * 6 / 9)
    assert chance([one, two], starts) == pytest.approx((0.3 + 1 - 7 / 10 * 6 / 9) / 2)


def test_each_ticket_stands_in_each_language_and_names_a_section_there() -> None:
    """The places hold what the row marks as its answer; over all languages there is one place in each document."""
    task = read_task(TASK)
    documents = {document.name: document.text for document in task.documents}
    tickets = tickets_by_language(task)
    assert {tuple(rows) for rows in tickets.values()} == {tuple(tickets["en"])}
    for language, rows in tickets.items():
        document, wanted = questions_of(task, language)
        for row, one in zip(rows.values(), wanted, strict=True):
            (place,) = one.places.values()
            text = documents[document.name][place.start : place.stop]
            assert all(mark["passage"] in text for mark in row.metadata["supporting"])
            assert parse_blocks(text)[0].title == row.metadata["section"]
        _document, anywhere = questions_of(task, language, in_any=True)
        assert all(set(one.places) == set(documents) for one in anywhere)


def test_every_benchmark_that_is_named_exists() -> None:
    """A name that leads nowhere would be seen only when somebody measures."""
    for module in NAMES.values():
        path = Path(ROOT, *module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
