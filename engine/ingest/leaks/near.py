"""Texts with most words or most character 5-grams in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.ingest.leaks.hashing import BANDS, HashSets, hash_grams, jaccard, same_keys
from engine.ingest.leaks.pairs import LeakPair, Similarity, Text
from engine.ingest.leaks.prepared import IsDone, Prepared
from engine.ingest.leaks.text_forms import normalize_text
from engine.ingest.leaks.thresholds import DOCUMENT_SIMILARITY
from engine.ingest.progress import Report

_MOST_UNDER_A_KEY = 40
_LEAST_GRAMS = 20
"""Below four words nearly any document holds the grams of a row."""

Threshold = Callable[[int], float]
"""From the number of words of the shorter text to the Jaccard similarity that is needed."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Side:
    """The texts of one side, with the sets of their parts."""

    texts: Prepared
    sets: HashSets


def near_pairs(
    learn: Side, test: Side, threshold: Threshold, is_done: IsDone, report: Report
) -> Iterator[tuple[int, int, float]]:
    """Yield places (test, learn) of texts that share enough of their parts, with the share; each pair once.

    Test texts that are done are passed over.
    """
    known: set[tuple[int, int]] = set()
    for band in range(BANDS):
        for row, places in same_keys(test.sets.band_keys(band), learn.sets.band_keys(band), _MOST_UNDER_A_KEY):
            for place in places:
                if is_done(row) or (row, place) in known:
                    continue
                known.add((row, place))
                share = jaccard(test.sets.sets[row], learn.sets.sets[place])
                if share >= threshold(int(min(test.texts.counts[row], learn.texts.counts[place]))):
                    yield row, place, share
        report((band + 1) / BANDS)


def document_pairs(test: Side, documents: Sequence[Text]) -> Iterator[LeakPair]:
    """Yield test texts most of whose 5-grams occur in one document."""
    sizes = np.array([len(grams) for grams in test.sets.sets])
    flat = np.concatenate(test.sets.sets)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for document in documents:
        grams = hash_grams([normalize_text(document.text)])[0]
        shares = np.add.reduceat(np.isin(flat, grams).astype(np.int64), starts) / sizes
        for row in np.flatnonzero((shares >= DOCUMENT_SIMILARITY) & (sizes >= _LEAST_GRAMS)).tolist():
            yield LeakPair(
                kind=Similarity.DOCUMENT,
                test_id=test.texts.ids[row],
                other_id=document.id,
                similarity=float(shares[row]),
            )
