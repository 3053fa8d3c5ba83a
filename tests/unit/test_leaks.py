"""The leak guard: what is alike is found, what is not is left in peace, and rows are moved or dropped as asked."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ingest.build_task import LeakFix, fix_leaks, leak_sides, record_leaks
from engine.ingest.data_card import Row
from engine.ingest.leaks import Similarity, Text, find_leaks, find_meaning_leaks, normalize_text


def sides(learn: list[str], test: list[str]) -> tuple[list[Text], list[Text]]:
    """Name texts by their place: learning rows first."""
    both = [Text(id=str(place), text=text) for place, text in enumerate([*learn, *test])]
    return both[: len(learn)], both[len(learn) :]


def test_each_likeness_is_told_by_its_strictest_name() -> None:
    """Letter by letter, but for case and signs, or in most 5-grams: each pair is told once."""
    learn, test = sides(
        ["Where is my parcel?", "I was charged twice for the month of October", "Nothing like it"],
        ["Where is my parcel?", "where is  MY parcel", "I was charged twice for the month of october, sorry", "Else"],
    )
    found = {(pair.test_id, pair.other_id): pair.kind for pair in find_leaks(learn, test)}
    assert found == {("3", "0"): Similarity.EXACT, ("4", "0"): Similarity.NORMALIZED, ("5", "1"): Similarity.NEAR}


def test_a_test_row_inside_a_document_is_found() -> None:
    """A row of which most 5-grams stand in a document is told with the document's name."""
    _, test = sides([], ["How many days of leave are there in the first year?", "Short one"])
    document = Text(
        id="leave.md", text="# Leave\nOften asked: how many days of leave are there, in the first year. 25. Short."
    )
    (pair,) = find_leaks([], test, [document])
    assert (pair.kind, pair.other_id, pair.similarity) == (Similarity.DOCUMENT, "leave.md", pytest.approx(1.0, abs=0.2))


def jaccard(one: str, other: str) -> float:
    """Compute the share of 5-grams in common, the plain way."""
    grams = [{normalize_text(t)[i : i + 5] for i in range(max(len(normalize_text(t)) - 4, 1))} for t in (one, other)]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def test_near_duplicates_are_those_of_the_plain_way() -> None:
    """Against all pairs compared one by one: nothing is told that is not there, and next to nothing is missed."""
    dice = random.Random(0)
    words = [f"{a}{b}" for a in ("order", "bill", "light", "box", "late") for b in ("ing", "ed", "er", "s", "ly")]
    learn = [" ".join(dice.choices(words, k=8)) for _ in range(200)]
    test = [" ".join([*text.split()[: dice.randrange(5, 9)], dice.choice(words)]) for text in learn]
    wanted = {
        (str(200 + t), str(n))
        for t, one in enumerate(test)
        for n, other in enumerate(learn)
        if jaccard(one, other) >= 0.8
    }
    found = {(pair.test_id, pair.other_id) for pair in find_leaks(*sides(learn, test))}
    assert len(wanted) > 30
    assert found <= wanted
    assert len(found) >= 0.98 * len(wanted)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=8), st.lists(st.text(max_size=30), max_size=8))
def test_any_texts_are_compared(learn: list[str], test: list[str]) -> None:
    """Empty, short and odd texts do no harm; equal ones are always found."""
    found = find_leaks(*sides(learn, test))
    exact = {pair.test_id for pair in found if pair.kind is Similarity.EXACT}
    assert exact == {str(len(learn) + place) for place, text in enumerate(test) if text and text in learn}


def test_meaning_is_compared_by_cosine() -> None:
    """Rows near each other as vectors are told with their cosine."""
    learn, test = sides(["a", "b"], ["c", "d"])
    vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)
    turned = np.array([[0.98, 0.199], [0.7, 0.714]], dtype=np.float32)
    (pair,) = find_meaning_leaks(learn, test, vectors, turned, similarity=0.9)
    assert (pair.test_id, pair.other_id, pair.kind) == ("2", "0", Similarity.MEANING)
    assert pair.similarity == pytest.approx(0.98)


@pytest.mark.parametrize(
    ("fix", "splits"),
    [
        (LeakFix.KEEP, {0: "train", 1: "validation", 2: "test", 3: "test"}),
        (LeakFix.DROP, {0: "train", 1: "validation", 3: "test"}),
        (LeakFix.MOVE, {0: "train", 1: "validation", 2: "train", 3: "test"}),
        (LeakFix.DROP_LEARNING, {1: "validation", 2: "test", 3: "test"}),
    ],
)
def test_leaks_are_fixed_as_asked(fix: LeakFix, splits: dict[int, str]) -> None:
    """Test rows are dropped or moved, or learning rows dropped, and the record says so in words."""
    rows = [Row(place, place + 2, text, "x") for place, text in enumerate(["same", "other one", "Same", "fresh"])]
    before = {0: "train", 1: "validation", 2: "test", 3: "test"}
    pairs = find_leaks(*leak_sides(rows, before))
    after = fix_leaks(before, pairs, fix)
    assert after == splits
    record = record_leaks(before, after, pairs, fix, left=0, similarity=0.8, meaning_similarity=None)
    assert record.changed_rows == (fix is not LeakFix.KEEP)
    assert "1 of 2 test rows" in record.sentence()
    assert "1 normalized" in record.sentence()
