"""Rows that say the same in other words: a nearest neighbour that stands out from what is usual among these rows.

A fixed cosine cannot tell a reworded row from another row about the same thing: in a table of 150 requests that a
hundred people worded each, unrelated rows reach 0.9; in one of support mails a rewording reaches 0.7. So a test row's
nearest training row counts by how prominent it is: its cosine divided by the mean cosine of the next ones (the ratio
margin of Artetxe and Schwenk 2019, "Margin-based Parallel Corpus Mining", on one side), less what their common words
explain, weighted by rarity. It must be mutual: no other test row is nearer to the training row. And it must be more
prominent than the nearest neighbours of nearly all training rows among themselves, where no leak can be: if the splits
were drawn alike, unleaked test rows exceed that in as small a share (conformal prediction; Vovk, Gammerman and Shafer
2005). Pure functions of numpy.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.ingest.leaks.pairs import LeakPair, Similarity, Text
from engine.ingest.leaks.text_forms import is_one_word_change, normalize_text
from engine.ingest.leaks.thresholds import (
    FEW_ROWS,
    FEW_ROWS_COSINE,
    LEAST_PROMINENCE,
    NARROW_COSINE,
    NARROW_ROWS,
    NATURAL_SHARE,
    NEIGHBOURS,
    SAME_COSINE,
    SHORT_WORDS,
    overlap_weight,
    words_of_content,
)
from engine.ingest.progress import Report, part_of

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
_BLOCK = 512
_LEAST_COSINE = 0.05
"""Below this the mean of the next neighbours is taken as this, so that a ratio stays finite."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Nearest:
    """The nearest other row of each row."""

    places: NDArray[np.int64]
    cosines: Floats
    prominence: Floats
    """Minus infinity where the nearest row is nearer to another one, or has no further neighbours."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Rows:
    """One side: its different texts, normalized, and their unit vectors."""

    texts: Sequence[str]
    vectors: Vectors
    members: Sequence[Sequence[int]]
    """The places of the rows that have each text: a row that occurs twice is one neighbour, not two."""


def find_meaning_leaks(
    learn: Sequence[Text],
    test: Sequence[Text],
    learn_vectors: Vectors,
    test_vectors: Vectors,
    *,
    natural_share: float = NATURAL_SHARE,
    report: Report | None = None,
) -> list[LeakPair]:
    """Find test rows that say the same as a row of the learning side, given unit vectors, shape (rows, dimensions).

    Args:
        learn: texts that variants may learn from.
        test: texts that they are tested on.
        learn_vectors: of `learn`.
        test_vectors: of `test`.
        natural_share: the share of training rows whose nearest neighbour among themselves may stand out as much; of
            test rows that are not leaked, about as many are reported.
        report: takes the progress.
    """
    tell = report or (lambda _fraction: None)
    if not len(learn) or not len(test):
        return []
    learn_vectors, test_vectors = _spread_out(learn_vectors, test_vectors)
    sides = _different(learn, learn_vectors), _different(test, test_vectors)
    rarity = _rarity([text for side in sides for text in side.texts])
    found = _nearest(sides[1], sides[0], rarity, part_of(tell, 0.0, 0.4))
    least = _natural_prominence(sides, rarity, natural_share, part_of(tell, 0.4, 1.0))
    least_cosine = FEW_ROWS_COSINE if len(sides[0].texts) < FEW_ROWS else -1.0
    stands_out = (found.prominence > least) & (found.cosines >= least_cosine)
    pairs = []
    for row in np.flatnonzero((found.cosines >= SAME_COSINE) | stands_out).tolist():
        place = int(found.places[row])
        both = sides[1].texts[row], sides[0].texts[place]
        if found.cosines[row] < SAME_COSINE and min(map(words_of_content, both)) < SHORT_WORDS:
            continue
        pairs += [
            LeakPair(
                kind=Similarity.MEANING,
                test_id=test[member].id,
                other_id=learn[sides[0].members[place][0]].id,
                similarity=float(min(found.cosines[row], 1.0)),
                short=max(len(text.split()) for text in both) < SHORT_WORDS,
            )
            for member in sides[1].members[row]
        ]
    return pairs


def _spread_out(learn: Vectors, test: Vectors) -> tuple[Vectors, Vectors]:
    """Take what all rows have in common out of their vectors, where that is most of them.

    Some embedders, such as multilingual-e5, put all texts into a narrow cone: unrelated rows have a cosine of 0.8, and
    no row stands out by a ratio. Without the mean, cosines spread as those of others do (Mu and Viswanath,
    "All-but-the-Top", 2018).
    """
    mean = np.concatenate([learn, test]).mean(axis=0)
    if len(learn) + len(test) < NARROW_ROWS or float(mean @ mean) < NARROW_COSINE:
        return learn, test
    return _unit(learn - mean), _unit(test - mean)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def _different(items: Sequence[Text], vectors: Vectors) -> _Rows:
    members: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        members.setdefault(normalize_text(item.text), []).append(place)
    firsts = [places[0] for places in members.values()]
    return _Rows(texts=list(members), vectors=vectors[firsts], members=list(members.values()))


def _natural_prominence(
    sides: tuple[_Rows, _Rows], rarity: dict[str, float], natural_share: float, tell: Report
) -> float:
    """Return the prominence that only `natural_share` of the learning side's rows exceed among themselves.

    Copies with a changed word do not measure what is usual; their rows count as not prominent. Where the learning
    side has too few rows for such a share, the most prominent row of either side is the measure.
    """
    allowed = int(natural_share * len(sides[0].texts))
    measured = sides[:1] if allowed else sides
    values = [LEAST_PROMINENCE]
    for part, side in enumerate(measured):
        if len(side.texts) >= NEIGHBOURS + 2:
            here = part_of(tell, part / len(measured), (part + 1) / len(measured))
            values += _prominent(side, rarity, allowed, here)
    values.sort(reverse=True)
    return max(LEAST_PROMINENCE, values[min(allowed, len(values) - 1)])


def _prominent(side: _Rows, rarity: dict[str, float], allowed: int, tell: Report) -> list[float]:
    """Return the highest prominences within one side, some more than allowed."""
    nearest = _nearest(side, side, rarity, tell)
    highest: list[float] = []
    for row in np.argsort(-nearest.prominence).tolist():
        if len(highest) > allowed:
            break
        if not is_one_word_change(side.texts[row], side.texts[int(nearest.places[row])]):
            highest.append(float(nearest.prominence[row]))
    return highest


def _nearest(rows: _Rows, others: _Rows, rarity: dict[str, float], tell: Report) -> _Nearest:
    """Find each row's nearest other row; `rows` and `others` may be the same side."""
    places, cosines, next_ones = _search(rows, others, part_of(tell, 0.0, 0.6))
    mutual = _mutual(rows, others, places, part_of(tell, 0.6, 1.0))
    explained = np.zeros(len(places))
    for row in np.flatnonzero(mutual).tolist():
        one, other = rows.texts[row], others.texts[int(places[row])]
        explained[row] = overlap_weight(min(len(one.split()), len(other.split()))) * _overlap(one, other, rarity)
    prominence = cosines / np.maximum(next_ones, _LEAST_COSINE) - explained
    return _Nearest(places=places, cosines=cosines, prominence=np.where(mutual, prominence, -np.inf))


def _search(rows: _Rows, others: _Rows, tell: Report) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return the place and cosine of each row's nearest other, and the mean cosine of the next (infinite: none)."""
    count, same = len(rows.texts), rows is others
    places, cosines = np.zeros(count, dtype=np.int64), np.zeros(count)
    next_ones = np.full(count, np.inf)
    depth = min(NEIGHBOURS + 1, len(others.texts) - same)
    for start in range(0, count, _BLOCK):
        block = rows.vectors[start : start + _BLOCK] @ others.vectors.T
        here = np.arange(len(block))
        if same:
            block[here, start + here] = -np.inf
        nearest = np.argmax(block, axis=1)
        places[start : start + _BLOCK], cosines[start : start + _BLOCK] = nearest, block[here, nearest]
        if depth > 1:
            top = -np.partition(-block, depth - 1, axis=1)[:, :depth]
            next_ones[start : start + _BLOCK] = (top.sum(axis=1) - block[here, nearest]) / (depth - 1)
        tell((start + len(block)) / count)
    return places, cosines, next_ones


def _mutual(rows: _Rows, others: _Rows, places: NDArray[np.int64], tell: Report) -> NDArray[np.bool_]:
    """Tell which rows are the nearest ones of their nearest other. Its copies do not compete: they are found anyway."""
    if rows is others:
        tell(1.0)
        return np.equal(places[places], np.arange(len(places)), dtype=bool)
    known = set(others.texts)
    rivals = np.array([row for row, text in enumerate(rows.texts) if text not in known], dtype=np.int64)
    best = np.full(len(others.texts), -1, dtype=np.int64)
    wanted = np.unique(places)
    for start in range(0, len(wanted) if len(rivals) else 0, _BLOCK):
        part = wanted[start : start + _BLOCK]
        best[part] = rivals[np.argmax(others.vectors[part] @ rows.vectors[rivals].T, axis=1)]
        tell((start + len(part)) / len(wanted))
    return np.equal(best[places], np.arange(len(places)), dtype=bool)


def _rarity(texts: Sequence[str]) -> dict[str, float]:
    """Return each word's inverse document frequency, in nats."""
    counts = Counter(word for text in texts for word in set(text.split()))
    return {word: math.log((len(texts) + 1) / (count + 1)) + 1e-6 for word, count in counts.items()}


def _overlap(one: str, other: str, rarity: dict[str, float]) -> float:
    """Return the share of the words of the text with fewer (or more usual) ones that the other has, by rarity."""
    words, others = set(one.split()), set(other.split())
    weights = [sum(rarity[word] for word in part) for part in (words & others, words, others)]
    least = min(weights[1:])
    return weights[0] / least if least else 0.0
