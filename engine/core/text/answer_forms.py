"""Answers brought to one form before they are compared, by the locale that a task declares. Pure functions.

A task without a locale is compared as SQuAD compares English. One with a locale is compared as MLQA does: punctuation
is that of Unicode, articles are those of the language, and characters are the tokens of scripts that put no blanks
between words (P. Lewis et al., "MLQA: Evaluating cross-lingual extractive question answering", 2020, arXiv 1910.07475;
by characters first in Y. Cui et al., CMRC 2018, arXiv 1810.07366). Digits of every script count as the same. Numbers
and dates are read as the locale writes them, by CLDR through Babel.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import string
import unicodedata
from decimal import Decimal
from typing import Any

from engine.core.text.scripts import SPACELESS, script_of

MIXED = "mul"
"""The locale of a task in several languages (ISO 639-2): no articles, and no forms of numbers or dates."""
_ARTICLES = {
    # Those of en, es, vi, de as in MLQA.
    "en": "a|an|the",
    "es": "un|una|unos|unas|el|la|los|las",
    "vi": "của|là|cái|chiếc|những",
    "de": "ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des",
    "fr": "le|la|les|un|une|des|du",
    "it": "il|lo|la|i|gli|le|un|uno|una",
    "pt": "o|a|os|as|um|uma|uns|umas",
    "nl": "de|het|een",
    "hu": "a|az|egy",
}
_ELIDED = {"fr": "l", "it": "l|un|gl"}
"""Articles that an apostrophe joins to the word."""
_ARABIC_ARTICLE = re.compile("\\b\u0627\u0644(?=\\w{2})")
_ENGLISH_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NUMBER = re.compile(r"([^\w\s.,'-]?)\s*([-+]?\d[\d.,' ]*)\s*([^\w\s.,'-]?)")
_PARTS_OF_DATE = re.compile(r"\d+|[^\s\d.,/-]+")
_LONGEST_PARTICLE = 4
"""Characters of a word that may stand in a date beside day, month and year, such as `de` or `of`."""
_BETWEEN = re.compile(r"[\d\s./\-年月日년월일,]+")


def without_punctuation(text: str, locale: str = "") -> str:
    """Lower case, without punctuation, articles and extra blanks: how short answers are compared.

    Punctuation leaves no blank behind: "10,000" is "10000". Without a locale this is the form of SQuAD 1.1 (P.
    Rajpurkar et al., "SQuAD: 100,000+ questions for machine comprehension of text", 2016, arXiv 1606.05250): ASCII
    punctuation, English articles. Only characters outside ASCII differ from it: they are brought to one form first
    (NFKC, folded case).
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    if not locale:
        return " ".join(_ENGLISH_ARTICLES.sub(" ", text.translate(_WITHOUT_PUNCTUATION)).split())
    language = language_of(locale)
    if language in _ELIDED:
        text = re.sub(rf"\b(?:{_ELIDED[language]})['\u2019]", " ", text)
    text = "".join(_digit(sign) for sign in text if not _is_punctuation(sign))
    return " ".join(_without_articles(text, language).split())


def punctuation_as_blanks(text: str, locale: str = "") -> str:
    """Lower case, punctuation as blanks, without articles and extra blanks: how refusals and fields are compared."""
    text = unicodedata.normalize("NFKC", text).casefold()
    if not locale:
        text = "".join(" " if sign in string.punctuation else sign for sign in text)
        return " ".join(_ENGLISH_ARTICLES.sub(" ", text).split())
    text = "".join(" " if _is_punctuation(sign) else _digit(sign) for sign in text)
    return " ".join(_without_articles(text, language_of(locale)).split())


def answer_tokens(text: str, locale: str = "") -> list[str]:
    """Cut a text, brought to the form of `without_punctuation`, into tokens.

    They are what blanks separate; with a locale, each character of a script without blanks is one, with its marks.
    """
    if not locale:
        return text.split()
    tokens: list[str] = []
    for word in text.split():
        start = 0
        for place in range(1, len(word)):
            ends = _is_spaceless(word[place]) or _is_spaceless(word[start])
            if ends and unicodedata.category(word[place])[0] != "M":
                tokens.append(word[start:place])
                start = place
        tokens.append(word[start:])
    return tokens


def field_form(value: Any, locale: str = "") -> Any:
    """Bring a field of a JSON answer to the form in which it is compared.

    Without a locale: texts as `punctuation_as_blanks`. With one, a text that the locale reads as a number or a date is
    compared as that, and numbers by their decimal value: `"1.234,50"` equals 1234.5 in German.
    """
    if not locale or locale == MIXED:
        return punctuation_as_blanks(value, locale) if isinstance(value, str) else value
    if isinstance(value, float | int) and not isinstance(value, bool):
        return ("", Decimal(str(value)), "")
    if not isinstance(value, str):
        return value
    text = "".join(map(_digit, unicodedata.normalize("NFKC", value))).strip()
    return _as_number(text, locale) or _as_date(text, locale) or punctuation_as_blanks(value, locale)


def language_of(locale: str) -> str:
    """Return the language of a locale: `de` of `de-CH`."""
    return locale.replace("_", "-").split("-", 1)[0].lower()


def is_known_locale(locale: str) -> bool:
    """Tell whether numbers and dates of a locale are known; an empty one and `mul` need none."""
    return not locale or locale == MIXED or _parsed(locale) is not None


def _is_spaceless(sign: str) -> bool:
    return script_of(sign) in SPACELESS


def _is_punctuation(sign: str) -> bool:
    return sign in string.punctuation or unicodedata.category(sign)[0] == "P"


def _digit(sign: str) -> str:
    """Write a digit of any script as that of ASCII."""
    value = unicodedata.decimal(sign, None)
    return sign if value is None else str(value)


def _without_articles(text: str, language: str) -> str:
    if language == "ar":
        return _ARABIC_ARTICLE.sub(" ", text)
    articles = _ARTICLES.get(language)
    return re.sub(rf"\b(?:{articles})\b", " ", text) if articles else text


@functools.lru_cache(maxsize=64)
def _parsed(locale: str) -> Any:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


def _as_number(text: str, locale: str) -> tuple[str, Decimal, str] | None:
    """Read a number as the locale writes it, with a sign such as % or a currency before or after it; else None.

    A number that begins with a needless zero is a code, not a number.
    """
    from babel.numbers import NumberFormatError, get_group_symbol, parse_decimal

    text = text.replace("\u066b", ".").replace("\u066c", ",").replace("\u2019", "'").replace("\u2212", "-")
    found = _NUMBER.fullmatch(text)
    if found is None or re.match(r"[-+]?0\d", found[2]):
        return None
    group = get_group_symbol(_parsed(locale), numbering_system="latn")
    digits = found[2].strip()
    for sign in ("'", " "):
        if group in {sign, "\u2019", "\u00a0", "\u202f"}:
            digits = digits.replace(sign, group)
    try:
        return found[1], parse_decimal(digits, locale=_parsed(locale), strict=True, numbering_system="latn"), found[3]
    except NumberFormatError:
        return None


def _as_date(text: str, locale: str) -> dt.date | None:
    """Read a day with a year of four digits as the locale writes it, or as ISO 8601 does; else None."""
    months = _months(locale)
    words = [word.casefold() for word in _PARTS_OF_DATE.findall(text)]
    numbers = [int(word) for word in words if word.isdecimal()]
    named = {months[word] for word in words if word in months}
    others = [word for word in words if word not in months and not word.isdecimal()]
    if len(named) == 1 and len(numbers) == 2 and all(len(word) <= _LONGEST_PARTICLE for word in others):
        (month,) = named
        year, day = sorted(numbers, reverse=True)
        return _day(year, month, day)
    if len(numbers) != 3 or not _BETWEEN.fullmatch(text):
        return None
    if numbers[0] > 999:
        return _day(*numbers)
    return _day(**dict(zip(_order(locale), numbers, strict=True)))


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day) if year > 999 else None
    except ValueError:
        return None


@functools.lru_cache(maxsize=64)
def _order(locale: str) -> list[str]:
    """Return year, month and day in the locale's order."""
    from babel.dates import get_date_format

    names = {"y": "year", "M": "month", "L": "month", "d": "day"}
    pattern = get_date_format("short", locale=_parsed(locale)).pattern
    return list(dict.fromkeys(names[sign] for sign in pattern if sign in names))


@functools.lru_cache(maxsize=64)
def _months(locale: str) -> dict[str, int]:
    """Return the names of the months, in lower case, as far as they are one word."""
    from babel.dates import get_month_names

    found: dict[str, int] = {}
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            names = get_month_names(width, context, locale=_parsed(locale))  # type: ignore[arg-type]
            for number, name in names.items():
                word = unicodedata.normalize("NFKC", name).casefold().strip(". ")
                if _PARTS_OF_DATE.fullmatch(word) and not word.isdecimal():
                    found.setdefault(word, number)
    return found
