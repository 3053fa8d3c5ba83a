"""The scripts of texts: which letters they use, which way they run, and whether blanks stand between words.

Pure functions of Unicode's character data, as Python has it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

LATIN = "Latin"
SPACELESS = frozenset({"Han", "Japanese", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"})
"""Scripts that put no blank between words. Korean is not among them: it does."""
_WORDS = {"CJK": "Han", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_WIDE, _NO_WIDTH = frozenset("WF"), frozenset({"Mn", "Me"})
_RIGHT_TO_LEFT = frozenset({"R", "AL"})


@functools.lru_cache(maxsize=65_536)
def script_of(sign: str) -> str:
    """Return a letter's script, such as Latin or Cyrillic; empty for any other sign."""
    if not sign.isalpha():
        return ""
    word = unicodedata.name(sign, "").split(" ", 1)[0].split("-", 1)[0]
    if word in {"FULLWIDTH", "HALFWIDTH"}:
        return script_of(unicodedata.normalize("NFKC", sign)[0])
    return _WORDS.get(word, word.capitalize())


def count_scripts(texts: Iterable[str]) -> Counter[str]:
    """Count the texts in which each script occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        if text.isascii():
            if any(map(str.isalpha, text)):
                counts[LATIN] += 1
            continue
        counts.update({script for sign in set(text) if (script := script_of(sign))})
    return counts


def letter_scripts(text: str) -> Counter[str]:
    """Count a text's letters by script."""
    if text.isascii():
        letters = sum(map(str.isalpha, text))
        return Counter({LATIN: letters}) if letters else Counter()
    return Counter(script for sign in text if (script := script_of(sign)))


def main_script(text: str) -> str:
    """Return the script of most of a text's letters; empty if it has none."""
    counts = letter_scripts(text)
    return counts.most_common(1)[0][0] if counts else ""


def is_spaceless(text: str) -> bool:
    """Tell whether at least half of a text's letters are of scripts that put no blank between words."""
    if text.isascii():
        return False
    counts = letter_scripts(text)
    return bool(counts) and 2 * sum(counts[script] for script in SPACELESS) >= counts.total()


def whole_words(text: str) -> str:
    """Return an expression for a text that stands by itself; where no blanks stand between words, anywhere."""
    return re.escape(text) if is_spaceless(text) else rf"(?<!\w){re.escape(text)}(?!\w)"


def runs_right_to_left(text: str) -> bool:
    """Tell whether most of a text's letters run from right to left, as in Arabic and Hebrew."""
    if text.isascii():
        return False
    letters = [unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in text if sign.isalpha()]
    return 2 * sum(letters) > len(letters)


def column_count(text: str) -> int:
    """Return how many columns of an ASCII letter's width a text takes: East Asian letters two, marks none."""
    if text.isascii():
        return len(text)
    marks = sum(unicodedata.category(sign) in _NO_WIDTH for sign in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(sign) in _WIDE for sign in text)
