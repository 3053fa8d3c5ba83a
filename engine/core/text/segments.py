"""Where words and sentences end, by Unicode's rules (UAX 29) and, for Thai, Lao, Khmer and Burmese, by dictionary.

ICU does it, through the package icu4py, which brings it along. Where a language has a list of abbreviations in CLDR,
they end no sentence. Pure functions.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from engine.core.text.scripts import is_spaceless

Span = tuple[int, int]
UNKNOWN_LANGUAGE = "und"
"""The code of ISO 639 for a language that could not be told: words and sentences end by the rules that all share."""
_NO_BLANKS = r"\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef"
_DICTIONARY = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
BY_DICTIONARY = re.compile(rf"[{_DICTIONARY}]")
"""A character of Thai, Lao, Burmese or Khmer."""
NO_BLANKS = re.compile(rf"[{_DICTIONARY}\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""A character of a script that puts no blanks between words."""
_WORD = re.compile(rf"[{_NO_BLANKS}]|[^\s{_NO_BLANKS}]{{1,40}}")
_RUN = re.compile(rf"[{_NO_BLANKS}]|[{_DICTIONARY}]+|[^\s{_NO_BLANKS}{_DICTIONARY}]{{1,40}}")


def word_spans(text: str) -> Iterator[Span]:
    """Yield the places of words: segments with a letter or digit."""
    from icu4py.breakers import WordBreaker

    for start, end in _spans(WordBreaker, text, UNKNOWN_LANGUAGE):
        if any(map(str.isalnum, text[start:end])):
            yield start, end


def sentence_spans(text: str, language: str = "") -> Iterator[Span]:
    """Yield the places of sentences, each with the blanks after it: together they are the text."""
    from icu4py.breakers import SentenceBreaker

    return _spans(SentenceBreaker, text, f"{language or 'und'}-u-ss-standard")


def cluster_spans(text: str) -> Iterator[Span]:
    """Yield the places of letters with the marks that combine with them (extended grapheme clusters)."""
    from icu4py.breakers import CharacterBreaker

    return _spans(CharacterBreaker, text, UNKNOWN_LANGUAGE)


def split_words(text: str) -> list[str]:
    """Return the words of a text: between blanks; of scripts that put none there, by Unicode's rules."""
    if not is_spaceless(text):
        return text.split()
    return [text[start:end] for start, end in word_spans(text)]


def size_spans(text: str) -> Iterator[Span]:
    """Yield the places of words as sizes of chunks count them; together they have every character that is not blank.

    A word is a run of up to 40 characters without a blank; of Chinese, Japanese and Korean each character counts as
    one, and Thai, Lao, Khmer and Burmese words are found by dictionary.
    """
    if not BY_DICTIONARY.search(text):
        yield from (found.span() for found in _WORD.finditer(text))
        return
    for found in _RUN.finditer(text):
        start, end = found.span()
        if not BY_DICTIONARY.match(text, start):
            yield start, end
            continue
        # What stands between two words, such as a mark, belongs to the one before it.
        begins = [begin for begin, _ in word_spans(found[0])]
        edges = itertools.pairwise([0, *begins[1:], end - start])
        yield from ((start + begin, start + after) for begin, after in edges)


def _spans(breaker: Any, text: str, locale: str) -> Iterator[Span]:
    """Yield the places of segments in characters. ICU takes no lone surrogate, and counts in UTF-16 units."""
    place = 0
    for segment in breaker(text.encode("utf-8", "replace").decode(), locale):
        yield place, place + len(segment)
        place += len(segment)
