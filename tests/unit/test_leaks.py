"""The leak guard by words: each kind of change is found in rows of any length, and what is not alike is left in peace."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ingest.data_card import Row
from engine.ingest.leaks.fixing import fix_until_none_left
from engine.ingest.leaks.pairs import LeakPair, Similarity, Text
from engine.ingest.leaks.record import LeakFix, fix_leaks, leak_sides, record_leaks
from engine.ingest.leaks.text_check import MOST_PER_ROW, find_leaks
from engine.ingest.leaks.text_forms import is_one_typing_error, is_one_word_change, normalize_text
from engine.ingest.leaks.thresholds import shingle_threshold, word_set_threshold

VOCABULARY = [
    f"{a}{b}" for a in ("order", "bill", "light", "box", "late", "card") for b in ("ing", "ed", "er", "s", "ly")
]


def sides(learn: list[str], test: list[str]) -> tuple[list[Text], list[Text]]:
    """Name texts by their place: learning rows first."""
    both = [Text(id=str(place), text=text) for place, text in enumerate([*learn, *test])]
    return both[: len(learn)], both[len(learn) :]


def kinds(learn: list[str], test: list[str], **options: float) -> dict[tuple[str, str], str]:
    """Return the kind of each pair."""
    return {(pair.test_id, pair.other_id): pair.kind for pair in find_leaks(*sides(learn, test), **options)}


BASE = "I was charged twice for the month of October"
CHANGED = {
    BASE: Similarity.EXACT,
    "i was CHARGED twice, for the month of October!": Similarity.NORMALIZED,
    "I was chraged twice for the month of October": Similarity.TYPING,
    "I was charged twice forthe month of October": Similarity.TYPING,
    "October was charged twice for the month of I": Similarity.ORDER,
    "I was billed twice for the month of October": Similarity.WORD,
    "I was charged twice for the month October": Similarity.WORD,
    "I was charged twice for the whole month of October": Similarity.WORD,
    "I was charged twice for the month of October, sorry and thanks": Similarity.NEAR,
}


@pytest.mark.parametrize("changed", CHANGED, ids=str)
def test_each_change_is_told_by_its_strictest_name(changed: str) -> None:
    """Whatever was done to a row of nine words, the pair is told once, and by the strictest name that fits."""
    assert kinds([BASE, "Nothing like it"], [changed, "Something else"]) == {("2", "0"): CHANGED[changed]}


def typed_wrongly(text: str, rng: random.Random) -> str:
    """Make one typing error in the longest word."""
    word = max(text.split(), key=len)
    place = rng.randrange(len(word) - 1)
    wrong = {
        0: word[:place] + word[place + 1 :],
        1: word[:place] + word[place] + word[place:],
        2: word[:place] + ("x" if word[place] != "x" else "y") + word[place + 1 :],
        3: word[:place] + word[place + 1] + word[place] + word[place + 2 :],
    }[rng.randrange(4)]
    return text.replace(word, wrong, 1)


@pytest.mark.parametrize("words", [4, 5, 6, 7, 8, 12, 20, 40])
def test_a_typing_error_is_found_in_rows_of_any_length(words: int) -> None:
    """Of rows of 4 to 40 words with one wrong letter, all are found with their own row."""
    rng = random.Random(words)
    learn = ["".join(rng.choice(string.ascii_lowercase) for _ in range(6)) + " " + text
             for text in (" ".join(rng.choices(VOCABULARY, k=words - 1)) for _ in range(60))]  # fmt: skip
    test = [typed_wrongly(text, rng) for text in learn]
    found = kinds(learn, test)
    assert all((str(60 + place), str(place)) in found for place in range(60))


@pytest.mark.parametrize("words", [6, 9, 15, 40])
@pytest.mark.parametrize("change", ["replaced", "exchanged", "less", "more"])
def test_one_changed_word_is_found(words: int, change: str) -> None:
    """Of rows of 6 to 40 words, each with one word changed or two exchanged, all are found with their own row."""
    rng = random.Random(words)
    learn = [rng.sample(VOCABULARY + [f"word{n}" for n in range(20)], words) for _ in range(40)]
    test = [list(row) for row in learn]
    for row in test:
        place = rng.randrange(words)
        match change:
            case "replaced":
                row[place] = "zebra"
            case "exchanged":
                row[place], row[place - 1] = row[place - 1], row[place]
            case "less":
                del row[place]
            case _:
                row.insert(place, "zebra")
    found = kinds([" ".join(row) for row in learn], [" ".join(row) for row in test])
    assert all((str(40 + place), str(place)) in found for place in range(40))


def test_in_short_rows_a_changed_word_or_figure_is_another_row() -> None:
    """Under six words only typing errors within words, order, case and punctuation count, and they are told apart."""
    learn = ["turn on the light", "call tim", "room 204 is cold", "where is my parcel", "cancel my order"]
    test = ["turn off the light", "call jim", "room 205 is cold", "where is my parcle", "my order cancel"]
    pairs = find_leaks(*sides(learn, test))
    assert {(pair.test_id, pair.other_id): pair.kind for pair in pairs} == {
        ("8", "3"): Similarity.TYPING,
        ("9", "4"): Similarity.ORDER,
    }
    assert all(pair.short for pair in pairs)
    assert not any(pair.short for pair in find_leaks(*sides([BASE], list(CHANGED))))


def test_a_word_less_than_six_is_compared_with_six() -> None:
    """A row is short only if both are: five words that are six but for one are found, and not set apart."""
    (pair,) = find_leaks(*sides(["please cancel my order from Monday"], ["please cancel order from Monday"]))
    assert (pair.kind, pair.short) == (Similarity.WORD, False)


def test_longer_rows_need_less_in_common() -> None:
    """The threshold falls with the number of words, moves with the chosen similarity, and never passes 1."""
    for threshold in (shingle_threshold, word_set_threshold):
        steps = [threshold(words, 0.7) for words in range(1, 60)]
        assert steps == sorted(steps, reverse=True)
        assert steps[-1] < steps[6]
        assert threshold(40, 0.9) - threshold(40, 0.7) == pytest.approx(0.2)
        assert threshold(8, 1.0) == 1.0
    assert word_set_threshold(5, 0.5) > 1


def test_reordered_clauses_are_found_by_their_words() -> None:
    """The same words in other clauses share few 5-grams at the seams, but nearly all words."""
    learn = ["because we leave on Friday please send the technician to our house in the morning or at noon"]
    test = ["please send the technician in the morning or at noon to our house since we leave on a Friday"]
    assert kinds(learn, test) == {("1", "0"): Similarity.NEAR}


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


def word_jaccard(one: str, other: str) -> float:
    """Compute the share of words in common, the plain way."""
    words = set(one.split()), set(other.split())
    return len(words[0] & words[1]) / len(words[0] | words[1])


def test_what_is_found_is_what_the_plain_way_finds() -> None:
    """Against all pairs compared one by one: nothing is told that is not there, and next to nothing is missed."""
    rng = random.Random(0)
    learn = [" ".join(rng.choices(VOCABULARY, k=8)) for _ in range(200)]
    test = [" ".join([*text.split()[: rng.randrange(4, 9)], *rng.choices(VOCABULARY, k=2)]) for text in learn]
    wanted = {
        (str(200 + t), str(n))
        for t, one in enumerate(test)
        for n, other in enumerate(learn)
        if jaccard(one, other) >= shingle_threshold(min(len(one.split()), len(other.split())), 0.7)
        or word_jaccard(one, other) >= word_set_threshold(min(len(one.split()), len(other.split())), 0.7)
        or is_one_word_change(one, other)
    }
    found = set(kinds(learn, test))
    assert len(wanted) > 30
    assert found <= wanted
    assert len(found) >= 0.98 * len(wanted)


letters = st.text(alphabet="abc ", max_size=8).map(lambda text: " ".join(text.split()))


@given(letters, letters)
def test_one_typing_error_is_a_distance_of_one(one: str, other: str) -> None:
    """Against the textbook's table of optimal string alignment."""
    rows = [[max(i, j) if 0 in {i, j} else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (one[i - 1] != other[j - 1]))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    assert is_one_typing_error(one, other) == (rows[-1][-1] == 1)


@settings(max_examples=60)
@given(st.lists(st.text(max_size=30), max_size=8), st.lists(st.text(max_size=30), max_size=8))
def test_any_texts_are_compared(learn: list[str], test: list[str]) -> None:
    """Empty, short and odd texts do no harm; equal ones are always found."""
    found = find_leaks(*sides(learn, test))
    exact = {pair.test_id for pair in found if pair.kind is Similarity.EXACT}
    assert exact == {str(len(learn) + place) for place, text in enumerate(test) if text and text in learn}
    assert len({(pair.test_id, pair.other_id) for pair in found}) == len(found)


def test_a_template_is_told_of_some_of_its_rows() -> None:
    """Where all rows are one template, each test row is told with a few others, not with all."""
    rows = [f"order number {n} has not been delivered to the customer in time" for n in range(400)]
    pairs = find_leaks(*sides(rows[:300], rows[300:]))
    assert {pair.test_id for pair in pairs} == {str(n) for n in range(300, 400)}
    assert len(pairs) <= 100 * MOST_PER_ROW


@pytest.mark.parametrize(
    ("fix", "splits"),
    [
        (LeakFix.KEEP, {0: "train", 1: "validation", 2: "test", 3: "test", 4: "test"}),
        (LeakFix.DROP, {0: "train", 1: "validation", 4: "test"}),
        (LeakFix.MOVE, {0: "train", 1: "validation", 2: "train", 3: "train", 4: "test"}),
        (LeakFix.DROP_LEARNING, {2: "test", 3: "test", 4: "test"}),
    ],
)
def test_leaks_are_fixed_as_asked(fix: LeakFix, splits: dict[int, str]) -> None:
    """Validation rows are guarded like training rows: test rows like either are dropped or moved, or these are dropped."""
    rows = [
        Row(place, place + 2, text, "x")
        for place, text in enumerate(["same", "other one", "Same", "Other one!", "fresh"])
    ]
    before = {0: "train", 1: "validation", 2: "test", 3: "test", 4: "test"}
    pairs = find_leaks(*leak_sides(rows, before))
    assert {(pair.test_id, pair.other_id) for pair in pairs} == {("2", "0"), ("3", "1")}
    after = fix_leaks(before, pairs, fix)
    assert after == splits
    assert fix_until_none_left(rows, before, pairs, fix, similarity=0.7) == (splits, 2 if fix is LeakFix.KEEP else 0)
    record = record_leaks(before, after, pairs, fix, left=0, similarity=0.7, meanings=False)
    assert record.changed_rows == 2 * (fix is not LeakFix.KEEP)
    assert "2 of 3 test rows are similar to" in record.sentence()
    assert "in rows under 6 words: 2 case or punctuation" in record.sentence()
    assert "3 test rows against 2 training or validation rows" in record.sentence()


def test_more_training_rows_than_were_told_are_dropped() -> None:
    """A test row with nine copies in training is told with five; dropping training rows goes on until none is left."""
    rows = [Row(place, place + 2, "the very same row again and again", "x") for place in range(10)]
    before = {place: "train" if place else "test" for place in range(10)}
    pairs = find_leaks(*leak_sides(rows, before))
    assert len(pairs) == MOST_PER_ROW
    assert fix_until_none_left(rows, before, pairs, LeakFix.DROP_LEARNING, similarity=0.7) == ({0: "test"}, 0)


@pytest.mark.parametrize("meanings", [True, False])
def test_nothing_found_says_what_was_searched(meanings: bool) -> None:
    """A search that found nothing is no proof that nothing is there: the sentence names the ways and the sides."""
    record = record_leaks(
        {0: "train", 1: "validation", 2: "test"},
        {},
        [],
        LeakFix.KEEP,
        left=0,
        similarity=0.7,
        meanings=meanings,
        documents=1,
    )
    said = record.sentence()
    assert said.startswith(
        "The leak check found nothing (1 test row against 2 training or validation rows and 1 document"
    )
    for way in ("same text", "typos", "a changed word", "word order"):
        assert way in said
    assert ("meaning by embeddings" in said, "not meaning" in said) == (meanings, not meanings)
    assert "clean" not in said


def test_short_pairs_are_counted_apart() -> None:
    """Pairs of short rows stand beside the others with a count of their own."""
    pairs = [
        LeakPair(kind=Similarity.WORD, test_id="2", other_id="0", similarity=0.9),
        LeakPair(kind=Similarity.TYPING, test_id="2", other_id="1", similarity=0.9, short=True),
    ]
    record = record_leaks({2: "test"}, {}, pairs, LeakFix.KEEP, left=2, similarity=0.7, meanings=True)
    assert (record.found, record.short) == ({"word": 1}, {"typing": 1})
    assert "pairs: 1 one word changed; in rows under 6 words: 1 typo" in record.sentence()
