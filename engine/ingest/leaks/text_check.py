"""The check by words: exactly, normalized, one change, most words or 5-grams in common, contained in a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from engine.ingest.leaks.edits import letter_changes, word_changes
from engine.ingest.leaks.hashing import gram_sets, word_sets
from engine.ingest.leaks.near import Side, document_pairs, near_pairs
from engine.ingest.leaks.pairs import LeakPair, Similarity, Text
from engine.ingest.leaks.prepared import IsDone, Prepared, prepare
from engine.ingest.leaks.text_forms import is_one_typing_error, is_short_change_of_letters, normalize_text
from engine.ingest.leaks.thresholds import (
    DEFAULT_SIMILARITY,
    SHORT_WORDS,
    shingle_threshold,
    word_set_threshold,
)
from engine.ingest.progress import Report, part_of

MOST_PER_ROW = 5
"""Pairs reported for a test row, beside those with documents."""
_ENOUGH_PER_ROW = 2 * MOST_PER_ROW
"""Pairs found for a test row after which no more are looked for; it is a template or a frequent row."""
_STRICTNESS = {kind: place for place, kind in enumerate(Similarity)}

_Found = Iterator[tuple[Similarity, int, int, float]]


def find_leaks(
    learn: Sequence[Text],
    test: Sequence[Text],
    documents: Sequence[Text] = (),
    *,
    similarity: float = DEFAULT_SIMILARITY,
    report: Report | None = None,
) -> list[LeakPair]:
    """Find test rows that are on the learning side or in a document: the same, slightly changed, or nearly the same.

    A test row is reported with up to five others, each by its strictest kind.
    """
    tell = report or (lambda _fraction: None)
    found: dict[str, dict[str, LeakPair]] = {}
    for pair in _exact(learn, test):
        found.setdefault(pair.test_id, {})[pair.other_id] = pair
    test_side = prepare(test)
    if not len(test_side.ids):
        return _strictest(found)
    learn_side = prepare(learn)
    tell(0.1)
    test_grams = Side(texts=test_side, sets=gram_sets(test_side.texts))
    tell(0.2)
    if len(learn_side.ids):
        _compare(learn_side, test_grams, similarity, found, tell)
    in_documents = list(document_pairs(test_grams, documents))
    tell(1.0)
    return _strictest(found) + in_documents


def _strictest(found: Mapping[str, Mapping[str, LeakPair]]) -> list[LeakPair]:
    """Return the pairs, of each test row the strictest ones."""
    return [
        pair
        for pairs in found.values()
        for pair in sorted(pairs.values(), key=lambda pair: _rank(pair.kind, pair.similarity))[:MOST_PER_ROW]
    ]


def _rank(kind: Similarity, share: float) -> tuple[int, float]:
    return _STRICTNESS[kind], -share


def _exact(learn: Sequence[Text], test: Sequence[Text]) -> Iterator[LeakPair]:
    for row, place in _equal([item.text for item in learn], [item.text for item in test]):
        yield LeakPair(
            kind=Similarity.EXACT,
            test_id=test[row].id,
            other_id=learn[place].id,
            similarity=1.0,
            short=len(normalize_text(test[row].text).split()) < SHORT_WORDS,
        )


def _equal(learn: Sequence[str], test: Sequence[str]) -> Iterator[tuple[int, int]]:
    wanted = set(test)
    places: dict[str, list[int]] = {}
    for place, text in enumerate(learn):
        if text and text in wanted:
            places.setdefault(text, []).append(place)
    for row, text in enumerate(test):
        for place in places.get(text, ())[:MOST_PER_ROW]:
            yield row, place


def _compare(
    learn: Prepared, test_grams: Side, similarity: float, found: dict[str, dict[str, LeakPair]], tell: Report
) -> None:
    """Add pairs to those that were found, each by its strictest kind."""
    test = test_grams.texts

    def is_done(row: int) -> bool:
        return len(found.get(test.ids[row], ())) >= _ENOUGH_PER_ROW

    for kind, row, place, share in _changes(learn, test_grams, similarity, is_done, tell):
        known, other = found.setdefault(test.ids[row], {}), learn.ids[place]
        if other not in known or _rank(kind, share) < _rank(known[other].kind, known[other].similarity):
            known[other] = LeakPair(
                kind=kind,
                test_id=test.ids[row],
                other_id=other,
                similarity=share,
                short=bool(max(test.counts[row], learn.counts[place]) < SHORT_WORDS),
            )


def _changes(learn: Prepared, test_grams: Side, similarity: float, is_done: IsDone, tell: Report) -> _Found:
    test = test_grams.texts
    for row, place in _equal(learn.texts, test.texts):
        yield Similarity.NORMALIZED, row, place, 1.0
    yield from _typing(learn, test, is_done)
    tell(0.3)
    yield from _words(learn, test, is_done)
    tell(0.4)
    learn_words, test_words = [Side(texts=side, sets=word_sets(side.rows())) for side in (learn, test)]
    threshold = partial(word_set_threshold, similarity=similarity)
    for row, place, share in near_pairs(learn_words, test_words, threshold, is_done, part_of(tell, 0.4, 0.5)):
        yield Similarity.NEAR, row, place, share
    learn_grams = Side(texts=learn, sets=gram_sets(learn.texts))
    tell(0.8)
    threshold = partial(shingle_threshold, similarity=similarity)
    for row, place, share in near_pairs(learn_grams, test_grams, threshold, is_done, part_of(tell, 0.8, 1.0)):
        yield Similarity.NEAR, row, place, share


def _typing(learn: Prepared, test: Prepared, is_done: IsDone) -> _Found:
    for row, place in letter_changes(learn, test, is_done):
        one, other = test.texts[row], learn.texts[place]
        letters = one.replace(" ", ""), other.replace(" ", "")
        if one == other or not (letters[0] == letters[1] or is_one_typing_error(*letters)):
            continue
        short = max(test.counts[row], learn.counts[place]) < SHORT_WORDS
        if not short or is_short_change_of_letters(one, other):
            yield Similarity.TYPING, row, place, 1 - 1 / max(len(one), len(other))


def _words(learn: Prepared, test: Prepared, is_done: IsDone) -> _Found:
    for row, place in word_changes(learn, test, is_done):
        one, other = test.texts[row], learn.texts[place]
        if one == other:
            continue
        longest = int(max(test.counts[row], learn.counts[place]))
        if sorted(one.split()) == sorted(other.split()):
            yield Similarity.ORDER, row, place, 1.0
        elif is_one_typing_error(one, other):
            yield Similarity.TYPING, row, place, 1 - 1 / max(len(one), len(other))
        else:
            yield Similarity.WORD, row, place, 1 - 1 / longest
