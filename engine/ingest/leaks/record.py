"""What is done about leaks, and the record of what was searched, found and done, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from engine.ingest.data_card import Row
from engine.ingest.leaks.pairs import LeakPair, Similarity, Text
from engine.ingest.leaks.thresholds import SHORT_WORDS
from engine.metrics import wording as say

LEARNING = ("train", "validation")
"""Splits that variants may learn from; all others are for testing."""


Sides = tuple[list[Text], list[Text]]
"""Texts that variants may learn from, and texts that they are tested on."""


class LeakFix(StrEnum):
    """What can be done about leaks."""

    KEEP = "keep"
    DROP = "drop"
    MOVE = "move"
    DROP_LEARNING = "drop-learning"


@dataclass(frozen=True, kw_only=True, slots=True)
class LeakRecord:
    """What the leak guard searched and found, and what was done."""

    found: Mapping[str, int]
    """Pairs by kind; short ones are counted apart."""
    short: Mapping[str, int] = field(default_factory=dict)
    """Pairs of rows under six words, by kind."""
    test_rows: int
    """Test rows that are in a pair."""
    test_rows_before: int
    learning_rows: int
    """Training and validation rows, before anything was done."""
    fix: LeakFix
    changed_rows: int
    left: int
    """Pairs that remain."""
    similarity: float
    meanings: bool
    """Whether meanings were compared, by embeddings."""
    documents: int = 0
    pairs: tuple[LeakPair, ...] = ()
    validation_like_training: int = 0
    """Validation rows that are like a training row by their words; before anything was done."""

    @property
    def is_clear(self) -> bool:
        """Tell whether nothing at all was found."""
        return not self.pairs and not self.validation_like_training

    def sentence(self) -> str:
        """Say what was searched, found and done."""
        return f"{self._about_test_rows()}{self._about_validation_rows()}"

    def _about_test_rows(self) -> str:
        if not self.pairs:
            return f"The leak check found nothing ({self._searched()})."
        kinds = _kinds(self.found)
        if self.short:
            apart = f"in rows under {SHORT_WORDS} words: {_kinds(self.short)}"
            kinds = f"{kinds}; {apart}" if kinds else apart
        done = {
            LeakFix.KEEP: "They were kept.",
            LeakFix.DROP: f"Dropped: {say.counted(self.changed_rows, 'test row')}.",
            LeakFix.MOVE: f"Moved to training: {say.counted(self.changed_rows, 'test row')}.",
            LeakFix.DROP_LEARNING: f"Dropped: {say.counted(self.changed_rows, 'training or validation row')}.",
        }[self.fix]
        rest = f" Remaining: {say.counted(self.left, 'pair')}." if self.left and self.fix is not LeakFix.KEEP else ""
        return (
            f"The leak check found that {self.test_rows:,} of {say.counted(self.test_rows_before, 'test row')} "
            f"{'is' if self.test_rows == 1 else 'are'} similar to something that variants learn from "
            f"(pairs: {kinds}; searched: {self._searched()}). {done}{rest}"
        )

    def _about_validation_rows(self) -> str:
        count = self.validation_like_training
        if not count:
            return ""
        said = f" {say.counted(count, 'validation row')} {'is' if count == 1 else 'are'} similar to a training row: "
        return f"{said}settings chosen on the validation rows look better than they are."

    def _searched(self) -> str:
        """Say what was compared with what, and how."""
        against = [say.counted(self.learning_rows, "training or validation row")]
        if self.documents:
            against.append(say.counted(self.documents, "document"))
        meaning = "meaning by embeddings" if self.meanings else "not meaning"
        return (
            f"{say.counted(self.test_rows_before, 'test row')} against {' and '.join(against)}; same text, case and "
            f"punctuation, typos, a changed word, word order, most words in common, {meaning}"
        )


_WORDS: Mapping[str, str] = {
    Similarity.EXACT: "exact",
    Similarity.NORMALIZED: "case or punctuation",
    Similarity.TYPING: "typo",
    Similarity.ORDER: "other word order",
    Similarity.WORD: "one word changed",
    Similarity.NEAR: "nearly the same",
    Similarity.MEANING: "same meaning",
    Similarity.DOCUMENT: "in a document",
}


def _kinds(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]:,} {words}" for kind, words in _WORDS.items() if counts.get(kind))


def leak_sides(rows: Sequence[Row], splits: Mapping[int, str]) -> Sides:
    """Return the texts that variants may learn from, validation rows included, and those that they are tested on.

    Ids are places.
    """
    learn: list[Text] = []
    test: list[Text] = []
    for row in rows:
        split = splits.get(row.place)
        if split is not None:
            (learn if split in LEARNING else test).append(Text(id=str(row.place), text=row.input))
    return learn, test


def fix_leaks(splits: Mapping[int, str], pairs: Sequence[LeakPair], fix: LeakFix) -> dict[int, str]:
    """Drop or move what is in a pair; a pair with a document can only be fixed on the test side."""
    result = dict(splits)
    for pair in pairs:
        if fix is LeakFix.DROP:
            result.pop(int(pair.test_id), None)
        elif fix is LeakFix.MOVE:
            result[int(pair.test_id)] = "train"
        elif fix is LeakFix.DROP_LEARNING and pair.kind is not Similarity.DOCUMENT:
            result.pop(int(pair.other_id), None)
    return result


def record_leaks(
    before: Mapping[int, str],
    after: Mapping[int, str],
    pairs: Sequence[LeakPair],
    fix: LeakFix,
    *,
    left: int,
    similarity: float,
    meanings: bool,
    documents: int = 0,
    validation_like_training: int = 0,
) -> LeakRecord:
    """Record what was searched, found and done."""
    tests = sum(split not in LEARNING for split in before.values())
    return LeakRecord(
        found=dict(Counter(str(pair.kind) for pair in pairs if not pair.short)),
        short=dict(Counter(str(pair.kind) for pair in pairs if pair.short)),
        test_rows=len({pair.test_id for pair in pairs}),
        test_rows_before=tests,
        learning_rows=len(before) - tests,
        fix=fix,
        changed_rows=sum(after.get(place) != split for place, split in before.items()),
        left=left,
        similarity=similarity,
        meanings=meanings,
        documents=documents,
        pairs=tuple(pairs),
        validation_like_training=validation_like_training,
    )
