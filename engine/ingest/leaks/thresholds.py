"""From which similarity on two rows count as a leak. Set on rows planted with one seed, and kept for all others.

`python cli.py bench leaks` plants both sets and prints what each threshold finds and what it costs in false alarms;
the table is in `docs/upload.md`. A short row needs more in common than a long one: of 7 words, 2 are much.
"""

from __future__ import annotations

SHORT_WORDS = 6
"""Pairs of rows that both have fewer words are reported apart, and one changed word is not a leak there."""
DEFAULT_SIMILARITY = 0.70
"""Share of 5-grams in common (Jaccard) from which two rows of 8 to 12 words count as nearly the same."""
DOCUMENT_SIMILARITY = 0.80
"""Share of a row's 5-grams that one document contains."""
TYPING_LETTERS = 120
"""Rows of at most so many letters are compared letter by letter; in longer ones a typing error is a changed word."""

_SHINGLES_MORE = ((6, 0.10), (8, 0.05), (13, 0.0))
"""Below so many words, so much more than the chosen similarity is needed."""
_SHINGLES_LONG = -0.05
_WORDS_MORE = ((13, 0.10),)

MEANING_ROWS = 20_000
"""Up to so many rows, meanings are compared by default: embedding them takes a few minutes at most."""
SAME_COSINE = 0.97
"""Cosine from which two rows mean the same, whatever is around them."""
NARROW_COSINE = 0.6
"""Where rows have a higher mean cosine among each other, the embedder's vectors are first spread out."""
NARROW_ROWS = 100
"""With fewer rows the mean says too little of what all have in common."""
NEIGHBOURS = 5
"""A nearest row stands out if it is much nearer than so many next ones."""
_OVERLAP_WEIGHTS = ((8, 0.9), (20, 0.2))
NATURAL_SHARE = 0.01
"""A nearest row must stand out more than those of all but this share of the training rows do among themselves."""
LEAST_PROMINENCE = 1.0
_WORDS_HELD = (("\u0600", "\u06ff", 0.75), ("\uac00", "\ud7a3", 0.65))
"""Scripts whose words hold more, from one letter to another: Arabic writes articles, prepositions and pronouns as one
word with their noun or verb, Korean its particles. With them, words for each word of the same text in English: Arabic
0.71 to 0.77 (the tickets and help documents of `support-multilingual`, the handbook of `benchmarks`); Korean, of whose
texts none is in English here, 0.81 to 0.99 of Arabic's."""
FEW_ROWS = 500
FEW_ROWS_COSINE = 0.65
"""With fewer training and validation rows, whose neighbours are far apart, a pair needs at least this cosine, too."""


def shingle_threshold(words: int, similarity: float) -> float:
    """Return the Jaccard similarity of 5-grams that rows need of which the shorter one has so many words."""
    more = next((more for below, more in _SHINGLES_MORE if words < below), _SHINGLES_LONG)
    return min(similarity + more, 1.0)


def words_of_content(text: str) -> float:
    """Return how many words a text would have in English, as far as its script tells."""
    words, letters = len(text.split()), sum(sign.isalpha() for sign in text)
    for first, last, held in _WORDS_HELD:
        if 2 * sum(first <= sign <= last for sign in text if sign.isalpha()) > letters:
            return words / held
    return float(words)


def overlap_weight(words: int) -> float:
    """Return how much more rows must stand out that have all words in common and of which the shorter has so many.

    A name in common makes two short requests near that ask for different things; of two long rows, it does not.
    """
    (short, high), (long, low) = _OVERLAP_WEIGHTS
    part = min(max((words - short) / (long - short), 0.0), 1.0)
    return high + part * (low - high)


def word_set_threshold(words: int, similarity: float) -> float:
    """Return the Jaccard similarity of word sets that rows need; above 1, and so never, for short rows."""
    if words < SHORT_WORDS:
        return 2.0
    more = next((more for below, more in _WORDS_MORE if words < below), 0.0)
    return min(similarity + more, 1.0)
