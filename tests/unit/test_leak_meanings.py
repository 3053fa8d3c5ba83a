"""The leak guard by meaning: a pair counts if it stands out from what is usual among the rows, whatever its cosine."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.core.errors import CancelledError
from engine.ingest.leaks.meaning import find_meaning_leaks
from engine.ingest.leaks.pairs import LeakPair, Similarity, Text
from engine.ingest.leaks.thresholds import FEW_ROWS, MEANING_ROWS, NATURAL_SHARE, overlap_weight, words_of_content

Vectors = NDArray[np.float32]


def unit(vectors: NDArray[np.float64]) -> Vectors:
    """Scale to length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def crowd(rows: int, *, topics: int, spread: float, seed: int = 0) -> Vectors:
    """Draw rows around topics; the smaller the spread, the nearer rows of one topic are to each other."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(topics, 64))
    return unit(centres[np.arange(rows) % topics] + spread * rng.normal(size=(rows, 64)))


def near(vectors: Vectors, cosine: float, seed: int = 5) -> Vectors:
    """Turn each vector into one of this cosine to it."""
    turned = np.random.default_rng(seed).normal(size=vectors.shape)
    turned -= np.sum(turned * vectors, axis=1, keepdims=True) * vectors
    return unit(cosine * vectors + np.sqrt(1 - cosine**2) * unit(turned))


def texts(prefix: str, rows: int) -> list[Text]:
    """Write rows of seven words, of which no two share one."""
    return [
        Text(id=f"{prefix}{row}", text=" ".join(f"{prefix}{row}w{word}" for word in range(7))) for row in range(rows)
    ]


def found(learn: Vectors, test: Vectors, **options: float) -> list[LeakPair]:
    """Compare rows without a word in common."""
    return find_meaning_leaks(texts("l", len(learn)), texts("t", len(test)), learn, test, **options)


@pytest.mark.parametrize(("spread", "usual"), [(0.3, 0.9), (0.6, 0.7), (3.0, 0.0)])
def test_a_rewording_stands_out_in_dense_and_in_sparse_tables(spread: float, usual: float) -> None:
    """Halfway from the usual cosine to 1 is enough, be it 0.95 among rows at 0.9 or 0.7 among rows at 0."""
    learn, test = crowd(1200, topics=60, spread=spread), crowd(200, topics=60, spread=spread, seed=1)
    told = {pair.test_id: pair.other_id for pair in found(learn, test)}
    assert len(told) <= 3 * NATURAL_SHARE * 200
    test[:20] = near(learn[:20], max((1 + usual) / 2, 0.7) + 0.02)
    pairs = found(learn, test)
    planted = {(f"t{row}", f"l{row}") for row in range(20)}
    assert len(planted & {(pair.test_id, pair.other_id) for pair in pairs}) >= 16
    assert all(pair.kind is Similarity.MEANING for pair in pairs)


def test_the_same_cosine_among_many_as_near_is_no_finding() -> None:
    """Where a hundred rows are as near to each other, the nearest of them is nothing special."""
    learn, test = crowd(1200, topics=12, spread=0.3), crowd(100, topics=12, spread=0.3, seed=1)
    cosines = (test @ learn.T).max(axis=1)
    assert cosines.min() > 0.9
    assert len(found(learn, test)) <= 3


def test_what_common_words_explain_does_not_count() -> None:
    """A rare name in common makes two short rows near; they have to stand out more than rows without a common word."""
    learn, test = crowd(1200, topics=60, spread=0.6), crowd(200, topics=60, spread=0.6, seed=1)
    test[:20] = near(learn[:20], 0.87)
    learn_texts, test_texts = texts("l", 1200), texts("t", 200)
    without = find_meaning_leaks(learn_texts, test_texts, learn, test)
    named = [
        Text(id=item.id, text=" ".join([*item.text.split()[:2], *(f"name{row}part{part}" for part in range(5))]))
        for side in (learn_texts, test_texts)
        for row, item in enumerate(side[:20])
    ]
    within = find_meaning_leaks([*named[:20], *learn_texts[20:]], [*named[20:], *test_texts[20:]], learn, test)
    planted = {(f"t{row}", f"l{row}") for row in range(20)}
    counts = [len(planted & {(pair.test_id, pair.other_id) for pair in pairs}) for pairs in (without, within)]
    assert counts[0] >= 16
    assert counts[1] <= 4


def test_common_words_weigh_less_in_longer_rows() -> None:
    """The weight of an overlap falls with the number of words."""
    weights = [overlap_weight(words) for words in range(1, 60)]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 2 * weights[-1]


def test_the_natural_share_bounds_what_is_told_of_rows_that_are_drawn_alike() -> None:
    """Of unleaked test rows, drawn like the training rows, about the natural share is told, and no more for less."""
    learn = crowd(2000, topics=200, spread=0.8)
    test = crowd(2000, topics=200, spread=0.8, seed=1)
    counts = [len(found(learn, test, natural_share=share)) for share in (0.001, 0.01, 0.05)]
    assert counts == sorted(counts)
    for share, count in zip((0.001, 0.01, 0.05), counts, strict=True):
        assert count <= 2000 * share * 2 + 5


def test_short_rows_count_only_where_they_are_all_but_the_same() -> None:
    """Rows under six words are told by meaning from a cosine of 0.97 on, and apart."""
    learn, test = crowd(1200, topics=60, spread=0.6), crowd(200, topics=60, spread=0.6, seed=1)
    test[:20] = near(learn[:20], 0.9)
    test[20:30] = near(learn[20:30], 0.98)
    short = [
        [Text(id=item.id, text=" ".join(item.text.split()[:4])) for item in texts(prefix, rows)]
        for prefix, rows in (("l", 1200), ("t", 200))
    ]
    pairs = find_meaning_leaks(*short, learn, test)
    assert {pair.test_id for pair in pairs} == {f"t{row}" for row in range(20, 30)}
    assert all(pair.short for pair in pairs)


def test_few_rows_need_a_cosine_too() -> None:
    """In a small table rows are far apart, and one of 0.5 stands out by chance: 0.65 is asked for as well."""
    learn, test = crowd(FEW_ROWS - 1, topics=FEW_ROWS, spread=1.0), crowd(100, topics=900, spread=1.0, seed=1)
    test[:20], test[20:40] = near(learn[:20], 0.6), near(learn[20:40], 0.8)
    told = {pair.test_id for pair in found(learn, test)}
    assert not told & {f"t{row}" for row in range(20)}
    assert len(told & {f"t{row}" for row in range(20, 40)}) >= 18


def test_copies_do_not_hide_a_rewording() -> None:
    """A training row that stands there three times, and a copy of it among the test rows, leave its rewording found."""
    learn, test = crowd(1200, topics=60, spread=0.6), crowd(200, topics=60, spread=0.6, seed=1)
    learn[1] = learn[2] = learn[0]
    test[0] = learn[0]
    test[1:2] = near(learn[:1], 0.9)
    learn_texts, test_texts = texts("l", 1200), texts("t", 200)
    learn_texts[1:3] = [Text(id=item.id, text=learn_texts[0].text) for item in learn_texts[1:3]]
    test_texts[0] = Text(id="t0", text=learn_texts[0].text)
    pairs = find_meaning_leaks(learn_texts, test_texts, learn, test)
    assert {("t0", "l0"), ("t1", "l0")} <= {(pair.test_id, pair.other_id) for pair in pairs}


@pytest.mark.parametrize(("learn", "test"), [(0, 3), (3, 0), (1, 1), (2, 2), (5, 5)])
def test_tiny_tables_do_no_harm(learn: int, test: int) -> None:
    """With no or hardly any rows, only rows that are all but the same are told."""
    vectors = crowd(10, topics=10, spread=1.0)
    pairs = found(vectors[:learn], vectors[:test])
    assert {pair.test_id for pair in pairs} == {f"t{row}" for row in range(min(learn, test))}
    assert found(vectors[:learn], vectors[5 : 5 + test]) == []


def test_it_is_told_how_far_it_is_and_can_be_stopped() -> None:
    """The progress rises to the end, and an error from its receiver ends the work."""
    learn, test = crowd(1200, topics=60, spread=0.6), crowd(600, topics=60, spread=0.6, seed=1)
    told: list[float] = []
    find_meaning_leaks(texts("l", 1200), texts("t", 600), learn, test, report=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len(told) > 4

    def stop(_fraction: float) -> None:
        raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        find_meaning_leaks(texts("l", 1200), texts("t", 600), learn, test, report=stop)


def test_the_default_reaches_as_far_as_is_promised() -> None:
    """Up to 20,000 rows meanings are compared without being asked."""
    assert MEANING_ROWS == 20_000


def cone(vectors: Vectors, share: float) -> Vectors:
    """Put vectors into a narrow cone, as some embedders do: all have a direction in common."""
    axis = np.zeros(vectors.shape[1])
    axis[0] = np.sqrt(share / (1 - share))
    return unit(vectors + axis)


def test_a_narrow_cone_hides_no_rewording() -> None:
    """Where unrelated rows have a cosine of 0.9, a rewording that keeps two words is told as where they have one of 0."""
    learn, test = crowd(1200, topics=60, spread=3.0), crowd(200, topics=60, spread=3.0, seed=1)
    test[:20] = near(learn[:20], 0.7)
    planted = {(f"t{row}", f"l{row}") for row in range(20)}
    learned, tested = texts("l", 1200), texts("t", 200)
    shared = [Text(id=f"t{row}", text=f"{tested[row].text} l{row}w0 l{row}w1") for row in range(20)]
    pairs = find_meaning_leaks(learned, [*shared, *tested[20:]], cone(learn, 0.9), cone(test, 0.9))
    assert len(planted & {(pair.test_id, pair.other_id) for pair in pairs}) >= 16
    assert len(pairs) <= 20 + 3 * NATURAL_SHARE * 200


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("my address is wrong here", 5, 5),
        ("عنواني مكتوب خطأ في العقد", 6, 7),
        ("역에 있는 현금인출기에 카드가", 6, 7),
        ("मेरा पता ग़लत है", 4, 4),
        ("2034 - 77", 3, 3),
    ],
)
def test_a_row_is_short_by_what_its_words_hold(text: str, least: float, most: float) -> None:
    """Words of Arabic and Korean, which take others along, count for more than those of other scripts."""
    assert least <= words_of_content(text) <= most
