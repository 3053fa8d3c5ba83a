"""Texts in the forms in which they are compared: without case and punctuation, as words, as letters."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from engine.core.text.segments import NO_BLANKS, word_spans

_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}
_UNWRITTEN = re.compile("[\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u0652\u0670]")
"""Vowel points and stretched letters, which Hebrew and Arabic write or leave out."""
_DOTLESS = str.maketrans({"\u0131": "i", "\u0307": None})
"""Turkish has an i without a dot, whose capital is that of i elsewhere."""


def normalize_text(text: str) -> str:
    """Return a text without case, accents' encodings, punctuation and extra blanks.

    Words of scripts that put no blanks between them stand between blanks here, as a dictionary has them.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return " ".join(folded.translate(_ASCII).split())
    folded = _UNWRITTEN.sub("", folded.translate(_DOTLESS))
    characters: list[str] = []
    for sign in folded:
        belongs = bool(characters) and characters[-1] != " " and unicodedata.category(sign)[0] == "M"
        characters.append(sign if belongs or sign.isalnum() else " ")
    words = "".join(characters)
    if NO_BLANKS.search(words):
        words = " ".join(words[start:end] for start, end in word_spans(words))
    return " ".join(words.split())


def is_one_typing_error(one: str, other: str) -> bool:
    """Tell whether one letter is different, missing, added, or exchanged with its neighbour.

    That is a distance of 1 by optimal string alignment (Damerau 1964).
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    first, last = _common_ends(one, other)
    one, other = one[first : len(one) - last], other[first : len(other) - last]
    return len(one) <= 1 >= len(other) or (len(one) == len(other) == 2 and one == other[::-1])


def is_one_word_change(one: str, other: str) -> bool:
    """Tell whether two normalized texts are the same words but for one, in any order."""
    counts, others = Counter(one.split()), Counter(other.split())
    return (counts - others).total() <= 1 >= (others - counts).total()


def is_short_change_of_letters(one: str, other: str) -> bool:
    """Tell whether a typing error in a short row is one of letters, in a word of at least four.

    In "call tim" and "call jim", or "room 204" and "room 205", one character makes another text.
    """
    words = [(a, b) for a, b in zip(one.split(), other.split(), strict=False) if a != b]
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    return all(min(len(a), len(b)) >= 4 and not any(c.isdigit() for c in a + b) for a, b in words)


def _common_ends(one: str, other: str) -> tuple[int, int]:
    """Return how many letters two texts share at the beginning and, of what is left, at the end."""
    most = min(len(one), len(other))
    first = next((place for place in range(most) if one[place] != other[place]), most)
    most -= first
    last = next((place for place in range(most) if one[-1 - place] != other[-1 - place]), most)
    return first, last
