"""Fixing leaks until none is left: what is moved or dropped can leave or make others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.ingest.data_card import Row
from engine.ingest.leaks.pairs import LeakPair, Similarity
from engine.ingest.leaks.record import LeakFix, fix_leaks, leak_sides
from engine.ingest.leaks.text_check import find_leaks
from engine.ingest.progress import Report

ROUNDS = 5
"""How many times at most it checks again."""


def fix_until_none_left(
    rows: Sequence[Row],
    splits: Mapping[int, str],
    pairs: Sequence[LeakPair],
    fix: LeakFix,
    *,
    similarity: float,
    report: Report | None = None,
) -> tuple[dict[int, str], int]:
    """Do what was chosen about leaks; return the splits by place, and how many pairs are left.

    Rows moved to training may be like other test rows: those leak now, and are moved, too. A test row may be like more
    training rows than were reported. Both are compared again by their words, not by meaning.
    """
    after = fix_leaks(splits, pairs, fix)
    if fix is LeakFix.KEEP:
        return after, len(pairs)
    if fix is LeakFix.DROP:
        return after, 0
    in_documents = sum(pair.kind is Similarity.DOCUMENT for pair in pairs) if fix is LeakFix.DROP_LEARNING else 0
    found = pairs
    for number in range(ROUNDS):
        if report is not None:
            report(number / ROUNDS)
        learn, test = leak_sides(rows, after)
        concerned = {pair.test_id for pair in found}
        if fix is LeakFix.MOVE:
            learn = [item for item in learn if item.id in concerned]
        else:
            test = [item for item in test if item.id in concerned]
        found = find_leaks(learn, test, similarity=similarity)
        if not found:
            return after, in_documents
        after = fix_leaks(after, found, fix)
    return after, in_documents + len(found)
