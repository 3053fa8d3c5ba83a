"""The nouns of the leak guard: a text with its id, and a pair of texts that are alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Similarity(StrEnum):
    """How two texts are similar, from strict to loose."""

    EXACT = "exact"
    NORMALIZED = "normalized"
    """The same except for case, blanks and punctuation."""
    TYPING = "typing"
    """The same except for one typing error."""
    ORDER = "order"
    """The same words in another order."""
    WORD = "word"
    """One word is different, missing or added."""
    NEAR = "near"
    """Most of the words, or of the character 5-grams, in common."""
    MEANING = "meaning"
    """The same in other words."""
    DOCUMENT = "document"
    """Most of a row's 5-grams are in one document."""


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
    """1 for exact, normalized and order; the share of letters or words in common for typing and word; Jaccard of
    5-grams or of words, whichever is larger, for near; cosine for meaning; share of 5-grams found for document."""
    short: bool = False
    """Both texts have fewer than `thresholds.SHORT_WORDS` words, where one word is much of the text."""
