"""Which encoding of those without marks a text was saved in: the one in which it reads as a language, cp1252 first."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from adapters.tabular.letters import CHINESE_COMMON, KOREAN_COMMON, SHAPES, WINDOWS, Language

FIRST = "cp1252"
"""What Excel saves in western Europe and America: taken unless another encoding reads clearly better."""
CLEARLY = 0.15
"""By how much another encoding must read better, on a scale on which 1 is a text whose every sign fits."""
RARE = 0.03
"""Taken off for encodings that Excel on Windows does not save."""
LEAST = 0.3
"""Below this nothing here reads like a language."""
_WORD_WEIGHT = 0.6
_WRONG = -1.5
_NOTHING_ODD = 0.9
"""For a text with quotes and dashes beyond ASCII alone."""
_MOSTLY = 0.75
"""A word of a Latin script in which more letters than this bear marks is a word of another script, misread."""
_WORD = re.compile(r"\w+(?:['’·]\w+)*")
_NEUTRAL = frozenset("“”„‘’‚‹›«»–—…€£§°•™©®\u00a0\u00ad、。，．！？；：（）「」『』《》〈〉【】・ー～　％＋－／“”‘’…")
_INSIDE = re.compile(r"(?<=[^\W\d_])[„“”‚…‹›€£§•™](?=[^\W\d_])")
"""Signs that do not stand between two letters, unless they are letters misread."""
_SAMPLE_WORDS = 4_000
_OWN_SCRIPTS = "\u0370"
"""From here on, with Greek, every letter of a script is beyond ASCII."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An encoding in which the sample can be read."""

    codec: str
    language: str
    score: float
    text: str


def guess(sample: bytes) -> list[Candidate]:
    """Return the encodings in which a sample can be read and reads like a language, the best one first.

    cp1252 comes first unless another one reads better by `CLEARLY`. The sample should hold whole lines.
    """
    found = []
    for codec, languages in SHAPES.items():
        text = _decoded(sample, codec)
        if text is not None:
            words = _WORD.findall(text)[:_SAMPLE_WORDS]
            language, score = max(((one, _score(words, text, one)) for one in languages), key=lambda pair: pair[1])
            found.append(Candidate(codec=codec, language=language.name, score=score - _rarity(codec), text=text))
    for codec, language_name, value in _WIDE:
        text = _decoded(sample, codec)
        if text is not None:
            found.append(
                Candidate(
                    codec=codec, language=language_name, score=_wide_score(text, value) - _rarity(codec), text=text
                )
            )
    ranked = sorted(found, key=lambda one: one.score + CLEARLY * (one.codec == FIRST), reverse=True)
    return [one for one in ranked if one.score >= LEAST]


def differing_word(one: str, other: str) -> tuple[str, str] | None:
    """Return the first word that two readings of the same bytes differ in, as each reads it; None if there is none."""
    ours, theirs = one.split(), other.split()
    pairs = zip(ours, theirs, strict=True) if len(ours) == len(theirs) else ()
    return next((pair for pair in pairs if pair[0] != pair[1] and any(sign.isalpha() for sign in pair[0])), None)


def _rarity(codec: str) -> float:
    return 0.0 if codec in WINDOWS else RARE


def _decoded(sample: bytes, codec: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(codec)().decode(sample)
    except (UnicodeDecodeError, LookupError):
        return None


def _score(words: list[str], text: str, language: Language) -> float:
    """Score a text as one in a language: the share of characters beyond ASCII that fit, and of the smallest words."""
    letters, usual = frozenset(language.letters), frozenset(language.letters[:16])
    plain = language.letters[0] >= _OWN_SCRIPTS
    finals = frozenset(language.finals)
    total = fits = 0.0
    for word in words:
        if word.isascii():
            continue
        for value in _of_word(word, letters, usual if plain else letters, finals, own_script=plain):
            total += 1
            fits += value
    for sign in text:
        if sign > "\x7f" and not sign.isalnum() and sign not in _NEUTRAL:
            total += 1
            fits += 1.0 if sign in letters else _WRONG
    inside = len(_INSIDE.findall(text))
    total, fits = total + inside, fits + _WRONG * inside
    small = frozenset(language.words.split())
    share = sum(word.lower() in small for word in words) / max(len(words), 1)
    return (fits / total if total else _NOTHING_ODD) + _WORD_WEIGHT * min(share, 0.5)


def _of_word(
    word: str, letters: frozenset[str], usual: frozenset[str], finals: frozenset[str], *, own_script: bool
) -> Iterator[float]:
    shouted = word.isupper() and len(word) > 1
    marked = sum(sign > "\x7f" for sign in word)
    if own_script:
        misread = any(sign.isascii() and sign.isalpha() for sign in word)
    else:
        misread = len(word) > 3 and marked > _MOSTLY * len(word)
    before = ""
    for sign in word:
        if sign > "\x7f" and sign.isalnum():
            lower = sign.lower()
            capital_inside = sign.isupper() and before.islower()
            if capital_inside or misread or lower not in letters or before in finals:
                yield _WRONG
            elif shouted and own_script:
                yield 0.5
            else:
                yield 1.0 if lower in usual else 0.6
        before = sign


def _wide_score(text: str, value: Callable[[str], float]) -> float:
    """Score a text in which a character takes two bytes: the mean value of its characters beyond ASCII."""
    values = [value(sign) for sign in text if sign > "\x7f" and sign not in _NEUTRAL]
    return sum(values) / len(values) if values else 0.0


def _japanese(sign: str) -> float:
    if "\u3041" <= sign <= "\u3096":
        return 1.0
    if "\u30a1" <= sign <= "\u30fa":
        return 0.8
    return 0.6 if _in_level_1(sign, "shift_jis", 0x98) else _WRONG


def _chinese(sign: str) -> float:
    if sign in CHINESE_COMMON:
        return 1.0
    return 0.5 if _in_level_1(sign, "gb2312", 0xD8) else _WRONG


def _chinese_traditional(sign: str) -> float:
    if sign in CHINESE_COMMON:
        return 1.0
    return 0.6 if _in_level_1(sign, "big5", 0xC7) and unicodedata.category(sign) == "Lo" else _WRONG


def _korean(sign: str) -> float:
    if sign in KOREAN_COMMON:
        return 1.0
    return 0.7 if "\uac00" <= sign <= "\ud7a3" and _in_level_1(sign, "euc_kr", 0xC9) else _WRONG


def _in_level_1(sign: str, codec: str, end: int) -> bool:
    """Tell whether a standard counts a sign among its frequent ones: they stand in front in its table."""
    try:
        packed = sign.encode(codec)
    except UnicodeEncodeError:
        return False
    return len(packed) == 2 and packed[0] < end


_WIDE: tuple[tuple[str, str, Callable[[str], float]], ...] = (
    ("cp932", "Japanese", _japanese),
    ("gb18030", "Chinese", _chinese),
    ("cp949", "Korean", _korean),
    ("big5", "Chinese", _chinese_traditional),
    ("euc_jp", "Japanese", _japanese),
)
