"""Which scripts texts are written in, by the Unicode names of their letters. Pure functions."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable

_WORDS = {"CJK": "Han", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_LATIN = "Latin"


@functools.lru_cache(maxsize=65_536)
def script_of(sign: str) -> str:
    """Return a letter's script, such as Latin or Cyrillic; empty for what is no letter."""
    if not sign.isalpha():
        return ""
    word = unicodedata.name(sign, "").split(" ", 1)[0].split("-", 1)[0]
    return _WORDS.get(word, word.capitalize())


def count_scripts(texts: Iterable[str]) -> Counter[str]:
    """Count the texts in which each script occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        if text.isascii():
            if any(map(str.isalpha, text)):
                counts[_LATIN] += 1
            continue
        counts.update({script for sign in set(text) if (script := script_of(sign))})
    return counts
