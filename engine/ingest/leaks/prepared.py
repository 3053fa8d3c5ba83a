"""Texts made ready for the comparison by words: normalized, and split into words that have numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.ingest.leaks.hashing import Hashes, mix
from engine.ingest.leaks.pairs import Text
from engine.ingest.leaks.text_forms import normalize_text

IsDone = Callable[[int], bool]
"""Tells of a test text, by its place, whether enough others were found for it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prepared:
    """The texts of one side that have words, as flat arrays; compared only if there are any."""

    ids: Sequence[str]
    texts: Sequence[str]
    """Normalized."""
    words: Hashes
    """Hashed words of all texts, end to end."""
    counts: NDArray[np.int64]
    """Words of each text; at least one."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each text's words begin."""
        return np.cumsum(self.counts) - self.counts

    def rows(self) -> list[Hashes]:
        """Return the hashed words of each text."""
        return np.split(self.words, self.starts[1:])


def prepare(items: Sequence[Text]) -> Prepared:
    """Normalize texts and hash their words; texts without letters and digits are left out."""
    numbers: dict[str, int] = {}
    ids: list[str] = []
    texts: list[str] = []
    flat: list[int] = []
    counts: list[int] = []
    for item in items:
        text = normalize_text(item.text)
        words = text.split()
        if words:
            ids.append(item.id)
            texts.append(text)
            counts.append(len(words))
            flat += [numbers.setdefault(word, len(numbers)) for word in words]
    hashes = np.array([hash_word(word) for word in numbers], dtype=np.uint64)
    return Prepared(
        ids=ids,
        texts=texts,
        words=hashes[np.array(flat, dtype=np.int64)] if flat else hashes,
        counts=np.array(counts, dtype=np.int64),
    )


def hash_word(word: str) -> np.uint64:
    """Return a word as a number that is the same in every process."""
    value = 0
    for sign in word:
        value = (value * 0x100000001B3 + ord(sign) + 1) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(mix(np.array([value], dtype=np.uint64))[0])
