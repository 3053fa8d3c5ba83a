"""Hashes of texts' parts, for many texts at once: character 5-grams, words, and MinHash signatures of such sets.

MinHash and bands (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3) propose which
pairs to compare, so that not all are: 20 bands of 4 rows propose a pair of similarity 0.8 with probability 0.99997,
one of 0.7 with 0.996, one of 0.65 with 0.98, one of 0.5 with 0.72. Pure functions of numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRAM = 5
"""Letters in an n-gram."""
BANDS, BAND_ROWS = 20, 4
_MULTIPLIER = 0x100000001B3
_CHUNK_LETTERS = 2_000_000

Hashes = NDArray[np.uint64]


def mix(values: Hashes) -> Hashes:
    """Scatter bits, as SplitMix64 does (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HashSets:
    """Sets of hashed parts, one for each text, with their MinHash signatures, shape (texts, bands x rows)."""

    sets: Sequence[Hashes]
    signatures: Hashes

    def band_keys(self, band: int) -> Hashes:
        """Return a key for each text; texts with the same key are compared."""
        keys = np.zeros(len(self.signatures), dtype=np.uint64)
        for column in range(band * BAND_ROWS, (band + 1) * BAND_ROWS):
            keys = mix(keys * np.uint64(_MULTIPLIER) + self.signatures[:, column])
        return keys


def gram_sets(texts: Sequence[str]) -> HashSets:
    """Return the distinct 5-grams of each text, of at least one text; a text of fewer letters is one gram."""
    sets: list[Hashes] = []
    signatures: list[Hashes] = []
    for chunk in _chunks(texts):
        grams = hash_grams(chunk)
        sets += grams
        signatures.append(_signatures(grams))
    return HashSets(sets=sets, signatures=np.concatenate(signatures))


def word_sets(rows: Sequence[Hashes]) -> HashSets:
    """Return each text's distinct words, from its hashed words; each text has at least one."""
    sets = [np.unique(row) for row in rows]
    return HashSets(sets=sets, signatures=_signatures(sets))


def hash_grams(texts: Sequence[str]) -> list[Hashes]:
    """Return each text's distinct 5-grams as sorted hashes."""
    result: list[Hashes] = []
    letters = code_points("".join(texts))
    mixed = np.zeros(max(len(letters) - GRAM + 1, 0), dtype=np.uint64)
    for place in range(GRAM):
        mixed = mix(mixed * np.uint64(_MULTIPLIER) + letters[place : place + len(mixed)])
    start = 0
    for text in texts:
        size = len(text)
        if size >= GRAM:
            result.append(np.unique(mixed[start : start + size - GRAM + 1]))
        else:
            code = int.from_bytes(text.encode("utf-32-le", "surrogatepass"), "little") % (1 << 63)
            result.append(mix(np.array([code], dtype=np.uint64)))
        start += size
    return result


def code_points(text: str) -> Hashes:
    """Return the letters of a text as numbers."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)


def jaccard(one: Hashes, other: Hashes) -> float:
    """Return the share of parts that two sorted sets have in common."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / max(len(one) + len(other) - common, 1)


def same_keys(test: Hashes, learn: Hashes, most: int) -> Iterator[tuple[int, list[int]]]:
    """Yield the places of test keys, each with the places of the learning keys that are equal, at most so many.

    A key that more texts have is a template that they share; some of them are enough.
    """
    order = np.argsort(learn, kind="stable")
    ordered = learn[order]
    firsts, lasts = np.searchsorted(ordered, test, "left"), np.searchsorted(ordered, test, "right")
    for place in np.flatnonzero(lasts > firsts).tolist():
        yield place, order[firsts[place] : min(lasts[place], firsts[place] + most)].tolist()


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = 0
    while start < len(texts):
        end, letters = start, 0
        while end < len(texts) and (end == start or letters < _CHUNK_LETTERS):
            letters += len(texts[end])
            end += 1
        yield texts[start:end]
        start = end


def _signatures(sets: Sequence[Hashes]) -> Hashes:
    signatures = np.empty((len(sets), BANDS * BAND_ROWS), dtype=np.uint64)
    starts = np.concatenate([[0], np.cumsum([len(parts) for parts in sets])[:-1]])
    flat = np.concatenate(sets)
    for row in range(BANDS * BAND_ROWS):
        salt = mix(np.array([row + 1], dtype=np.uint64))[0]
        signatures[:, row] = np.minimum.reduceat(mix(flat ^ salt), starts)
    return signatures
