"""The leak guard: rows that occur, exactly or nearly, both where variants learn and where they are tested.

Four kinds of similarity, from strict to loose: identical; identical except for case, blanks and punctuation;
most character 5-grams in common; near each other as embeddings. The 5-grams are compared through MinHash and
bands (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3), so that not all pairs
are compared: 16 bands of 4 rows find a pair of similarity 0.8 with probability 0.9998, one of 0.5 with 0.64. What the
bands propose is then compared exactly. Pure functions of numpy.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

GRAM = 5
"""Letters in an n-gram."""
BANDS, BAND_ROWS = 16, 4
DEFAULT_SIMILARITY = 0.8
"""Share of 5-grams in common (Jaccard) from which two rows count as near-duplicates."""
DEFAULT_MEANING_SIMILARITY = 0.95
"""Cosine of embeddings from which two rows count as the same in other words."""
_MOST_PER_ROW = 5
_BUCKET = 40
_CHUNK_LETTERS = 2_000_000


class Similarity(StrEnum):
    """How two texts are similar."""

    EXACT = "exact"
    NORMALIZED = "normalized"
    NEAR = "near"
    MEANING = "meaning"
    DOCUMENT = "document"


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A text with its id."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeakPair:
    """A test row and what it resembles on the other side."""

    kind: Similarity
    test_id: str
    other_id: str
    similarity: float
    """1 for exact and normalized; Jaccard for near; cosine for meaning; share of 5-grams found for document."""


Report = Callable[[float], None]


def normalize_text(text: str) -> str:
    """Return a text without case, accents' encodings, punctuation and extra blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return " ".join(folded.translate(_ASCII).split())
    return " ".join("".join(sign if sign.isalnum() else " " for sign in folded).split())


_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}


def find_leaks(
    learn: Sequence[Text],
    test: Sequence[Text],
    documents: Sequence[Text] = (),
    *,
    similarity: float = DEFAULT_SIMILARITY,
    report: Report | None = None,
) -> list[LeakPair]:
    """Find test rows that are exactly, normalized or nearly on the learning side or in a document.

    A test row is reported with up to five others, each by its strictest kind.
    """
    tell = report or (lambda _fraction: None)
    pairs: dict[tuple[str, str], LeakPair] = {}
    _equal(Similarity.EXACT, [item.text for item in learn], [item.text for item in test], learn, test, pairs)
    learn_texts, test_texts = (
        [normalize_text(item.text) for item in learn],
        [normalize_text(item.text) for item in test],
    )
    _equal(Similarity.NORMALIZED, learn_texts, test_texts, learn, test, pairs)
    tell(0.1)
    learn_grams = _Grams(learn_texts)
    tell(0.3)
    test_grams = _Grams(test_texts)
    tell(0.4)
    _near(learn_grams, test_grams, learn, test, pairs, similarity, lambda fraction: tell(0.4 + 0.5 * fraction))
    if documents:
        _in_documents(test_grams, test, documents, pairs, similarity)
    tell(1.0)
    return list(pairs.values())


def find_meaning_leaks(
    learn: Sequence[Text],
    test: Sequence[Text],
    learn_vectors: NDArray[np.float32],
    test_vectors: NDArray[np.float32],
    *,
    similarity: float = DEFAULT_MEANING_SIMILARITY,
) -> list[LeakPair]:
    """Find test rows whose unit vectors, shape (rows, dimensions), are near one of the learning side.

    Every pair is compared, in blocks; the five nearest of each test row count.
    """
    found: list[LeakPair] = []
    if not len(learn) or not len(test):
        return found
    for start in range(0, len(test), 512):
        cosines = test_vectors[start : start + 512] @ learn_vectors.T
        depth = min(_MOST_PER_ROW, cosines.shape[1])
        nearest = np.argpartition(-cosines, depth - 1, axis=1)[:, :depth]
        for row, places in enumerate(nearest):
            ranked = places[np.argsort(-cosines[row, places], kind="stable")]
            found += [
                LeakPair(
                    kind=Similarity.MEANING,
                    test_id=test[start + row].id,
                    other_id=learn[place].id,
                    similarity=float(min(cosines[row, place], 1.0)),
                )
                for place in ranked
                if cosines[row, place] >= similarity
            ]
    return found


def _equal(
    kind: Similarity,
    learn_texts: Sequence[str],
    test_texts: Sequence[str],
    learn: Sequence[Text],
    test: Sequence[Text],
    pairs: dict[tuple[str, str], LeakPair],
) -> None:
    wanted = set(test_texts)
    places: dict[str, list[int]] = {}
    for place, text in enumerate(learn_texts):
        if text and text in wanted:
            places.setdefault(text, []).append(place)
    for item, text in zip(test, test_texts, strict=True):
        for place in places.get(text, ())[:_MOST_PER_ROW]:
            key = (item.id, learn[place].id)
            pairs.setdefault(key, LeakPair(kind=kind, test_id=key[0], other_id=key[1], similarity=1.0))


class _Grams:
    """Texts as sorted sets of hashed 5-grams, end to end, with their MinHash signatures."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.hashes: list[NDArray[np.uint64]] = []
        signatures = []
        start = 0
        while start < len(texts):
            end, letters = start, 0
            while end < len(texts) and (end == start or letters < _CHUNK_LETTERS):
                letters += len(texts[end])
                end += 1
            chunk = _hashed(texts[start:end])
            self.hashes += chunk
            signatures.append(_signatures(chunk))
            start = end
        self.signatures = np.concatenate(signatures) if signatures else np.zeros((0, BANDS * BAND_ROWS), np.uint64)


def _hashed(texts: Sequence[str]) -> list[NDArray[np.uint64]]:
    """Return each text's distinct 5-grams as hashes; a text of fewer letters is one gram."""
    result: list[NDArray[np.uint64]] = []
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    mixed = np.zeros(max(len(letters) - GRAM + 1, 0), dtype=np.uint64)
    for place in range(GRAM):
        mixed = _mix(mixed * np.uint64(0x100000001B3) + letters[place : place + len(mixed)])
    start = 0
    for text in texts:
        size = len(text)
        if size >= GRAM:
            result.append(np.unique(mixed[start : start + size - GRAM + 1]))
        else:
            code = int.from_bytes(text.encode("utf-32-le", "surrogatepass"), "little") % (1 << 63)
            result.append(_mix(np.array([code], dtype=np.uint64)))
        start += size
    return result


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits, as SplitMix64 does (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _signatures(chunk: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Return the MinHash signatures, shape (texts, bands x rows)."""
    sizes = np.array([len(grams) for grams in chunk])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    flat = np.concatenate(chunk)
    signatures = np.empty((len(chunk), BANDS * BAND_ROWS), dtype=np.uint64)
    for row in range(BANDS * BAND_ROWS):
        salt = _mix(np.array([row + 1], dtype=np.uint64))[0]
        signatures[:, row] = np.minimum.reduceat(_mix(flat ^ salt), starts)
    return signatures


def _near(
    learn: _Grams,
    test: _Grams,
    learn_items: Sequence[Text],
    test_items: Sequence[Text],
    pairs: dict[tuple[str, str], LeakPair],
    similarity: float,
    tell: Report,
) -> None:
    best: dict[int, dict[int, float]] = {}
    if not learn_items or not test_items:
        return
    for band in range(BANDS):
        columns = slice(band * BAND_ROWS, (band + 1) * BAND_ROWS)
        learn_keys, test_keys = _band_keys(learn.signatures[:, columns]), _band_keys(test.signatures[:, columns])
        order = np.argsort(learn_keys, kind="stable")
        ordered = learn_keys[order]
        firsts, lasts = np.searchsorted(ordered, test_keys, "left"), np.searchsorted(ordered, test_keys, "right")
        for row in np.flatnonzero(lasts > firsts).tolist():
            known = best.setdefault(row, {})
            # A large bucket is a template that all its rows share; reporting some of them is enough.
            for place in order[firsts[row] : min(lasts[row], firsts[row] + _BUCKET)].tolist():
                if place not in known:
                    known[place] = _jaccard(test.hashes[row], learn.hashes[place])
        tell((band + 1) / BANDS)
    for row, known in best.items():
        ranked = sorted(
            ((share, place) for place, share in known.items() if share >= similarity), key=lambda x: (-x[0], x[1])
        )
        for share, place in ranked[:_MOST_PER_ROW]:
            key = (test_items[row].id, learn_items[place].id)
            pairs.setdefault(key, LeakPair(kind=Similarity.NEAR, test_id=key[0], other_id=key[1], similarity=share))


def _band_keys(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    keys = np.zeros(len(rows), dtype=np.uint64)
    for column in range(rows.shape[1]):
        keys = _mix(keys * np.uint64(0x100000001B3) + rows[:, column])
    return keys


def _jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def _in_documents(
    test: _Grams,
    test_items: Sequence[Text],
    documents: Sequence[Text],
    pairs: dict[tuple[str, str], LeakPair],
    similarity: float,
) -> None:
    """Report test rows most of whose 5-grams occur in one document."""
    sizes = np.array([len(grams) for grams in test.hashes])
    if not len(sizes):
        return
    flat = np.concatenate(test.hashes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for document in documents:
        grams = _hashed([normalize_text(document.text)])[0]
        shares = np.add.reduceat(np.isin(flat, grams).astype(np.int64), starts) / sizes
        # Below four words nearly any document holds the grams of a row.
        for row in np.flatnonzero((shares >= similarity) & (sizes >= 4 * GRAM)).tolist():
            key = (test_items[row].id, document.id)
            pairs.setdefault(
                key,
                LeakPair(kind=Similarity.DOCUMENT, test_id=key[0], other_id=key[1], similarity=float(shares[row])),
            )
