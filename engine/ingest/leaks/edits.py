"""Texts of which one word or one letter was changed, found without comparing all pairs.

Every text is filed under itself and under itself less one part, for each of its parts; two texts that are at most one
change apart meet under a common key (symmetric deletion, as in SymSpell; Mor and Fraenkel 1982). Words are filed as a
sum of their hashes, so their order makes no difference; letters as a polynomial, from whose prefixes and suffixes the
hash of every deletion follows at once. Linear in the number of words and letters. Pure functions of numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.ingest.leaks.hashing import Hashes, code_points, mix, same_keys
from engine.ingest.leaks.prepared import IsDone, Prepared
from engine.ingest.leaks.thresholds import SHORT_WORDS, TYPING_LETTERS

Places = NDArray[np.int64]
_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_MOST_UNDER_A_KEY = 20


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Filed:
    """Keys of texts, each with the place of its text."""

    keys: Hashes
    places: Places


def word_changes(learn: Prepared, test: Prepared, is_done: IsDone) -> Iterator[tuple[int, int]]:
    """Yield places (test, learn) of texts that have the same words, but for at most one; short texts: all of them.

    Test texts that are done are passed over.
    """
    (learn_whole, learn_less), (test_whole, test_less) = _bags(learn), _bags(test)
    yield from _meet(test_whole, learn_whole, is_done)
    yield from _meet(test_less, learn_less, is_done)
    yield from _meet(test_whole, learn_less, is_done)
    yield from _meet(test_less, learn_whole, is_done)


def letter_changes(learn: Prepared, test: Prepared, is_done: IsDone) -> Iterator[tuple[int, int]]:
    """Yield places (test, learn) of texts that may be one letter apart, blanks aside; the caller has to check them.

    Test texts that are done are passed over.
    """
    yield from _meet(_letters(test), _letters(learn), is_done)


def _bags(side: Prepared) -> tuple[_Filed, _Filed]:
    """File texts under all their words; and those that are not short under their words less one, for each word."""
    sums, rows = np.add.reduceat(side.words, side.starts), np.arange(len(side.counts))
    places = np.repeat(rows, side.counts)
    enough = side.counts[places] >= SHORT_WORDS
    less = (sums[places] - side.words)[enough]
    return _Filed(keys=mix(sums), places=rows), _Filed(keys=mix(less), places=places[enough])


def _letters(side: Prepared) -> _Filed:
    without_spaces = [text.replace(" ", "") for text in side.texts]
    rows = np.array([place for place, text in enumerate(without_spaces) if len(text) <= TYPING_LETTERS], dtype=np.int64)
    sizes = np.array([len(without_spaces[row]) for row in rows], dtype=np.int64)
    codes = mix(code_points("".join(without_spaces[row] for row in rows)) + np.uint64(1))
    starts = np.cumsum(sizes) - sizes
    within = np.arange(len(codes)) - np.repeat(starts, sizes)
    powers = np.cumprod(np.full(TYPING_LETTERS + 1, _BASE, dtype=np.uint64))
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(codes * powers[within], dtype=np.uint64)])
    whole = sums[starts + sizes] - sums[starts]
    before = sums[:-1] - np.repeat(sums[starts], sizes)
    after = np.repeat(sums[starts + sizes], sizes) - sums[1:]
    less = before + after * np.uint64(_BASE_INVERSE)
    return _Filed(keys=np.concatenate([whole, less]), places=np.concatenate([rows, np.repeat(rows, sizes)]))


def _meet(test: _Filed, learn: _Filed, is_done: IsDone) -> Iterator[tuple[int, int]]:
    """Yield texts with a common key; under a key that many texts share, some of them."""
    for key, others in same_keys(test.keys, learn.keys, _MOST_UNDER_A_KEY):
        place = int(test.places[key])
        if is_done(place):
            continue
        for other in others:
            yield place, int(learn.places[other])
