"""Texts that look like personal data: e-mail addresses, phone, card, account and identity numbers. Pure functions.

A match is only a possibility: patterns do not know what a text means. Names and addresses are not looked for. Digits of
every script count. Identity numbers are those of China, India, South Korea, Italy, France and Brazil, in the form in
which they are written there, with their check digits; those of other countries are not looked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_NUMBER = re.compile(r"(?<![\w.,])(?:\+|\(?0)?\d[\d ()./\u00a0-]{5,24}\d(?![\w])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}")
_DIGITS = re.compile(r"\d{2}")
_TOUCHING = re.compile(r"[\u0e01-\u0e4e\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Letters between which and a number no blank stands: Thai, Korean, Japanese, Chinese."""
_IDENTITY = {
    "cn.ric": re.compile(r"(?<![\w.,])\d{17}[\dXx](?!\w)"),
    "in_.aadhaar": re.compile(r"(?<![\w.,])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![\w-])(?! \d)"),
    "kr.rrn": re.compile(r"(?<![\w.,])\d{6}-[1-8]\d{6}(?!\w)"),
    "it.codicefiscale": re.compile(r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z](?!\w)"),
    "fr.nir": re.compile(r"(?<![\w.,])[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?!\w)"),
    "br.cpf": re.compile(r"(?<![\w.,])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)"),
}
"""How identity numbers are written, by the module of python-stdnum that knows their check digits."""
KINDS = {
    "email": "e-mail address",
    "phone": "phone number",
    "card": "card number",
    "iban": "bank account (IBAN)",
    "id": "identity number",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Personal:
    """A place in a text."""

    kind: str
    """A key of `KINDS`."""
    start: int
    end: int


def find_personal(text: str, *, is_id: bool = False) -> list[Personal]:
    """Find what looks like personal data, in order, without overlaps.

    Args:
        text: of a cell.
        is_id: it names a row: groups of digits in it are taken for a number of the row, not for one to call.
    """
    found: list[Personal] = []
    if "@" in text:
        found += [Personal(kind="email", start=hit.start(), end=hit.end()) for hit in _EMAIL.finditer(text)]
    if _DIGITS.search(text):
        found += [one for one in _numbers(_ascii_digits(text)) if not (is_id and one.kind == "phone")]
    kept: list[Personal] = []
    for item in sorted(found, key=lambda item: (item.start, -item.end)):
        if not kept or item.start >= kept[-1].end:
            kept.append(item)
    return kept


def mask_personal(text: str, *, is_id: bool = False) -> str:
    """Replace each match with its kind in brackets; `is_id` as in `find_personal`."""
    parts: list[str] = []
    at = 0
    for item in find_personal(text, is_id=is_id):
        parts += [text[at : item.start], f"[{item.kind}]"]
        at = item.end
    return "".join([*parts, text[at:]])


def _ascii_digits(text: str) -> str:
    """Write the digits of every script as those of ASCII, and letters that numbers may touch as blanks.

    Each character keeps its place.
    """
    if text.isascii():
        return text
    values = ((sign, unicodedata.decimal(sign, None)) for sign in _TOUCHING.sub(" ", text))
    return "".join(sign if value is None else str(value) for sign, value in values)


def _numbers(text: str) -> Iterator[Personal]:
    for name, pattern in _IDENTITY.items():
        for hit in pattern.finditer(text):
            if _identity_holds(name, hit[0]):
                yield Personal(kind="id", start=hit.start(), end=hit.end())
    for hit in _IBAN.finditer(text):
        if _iban_holds(hit[0]):
            yield Personal(kind="iban", start=hit.start(), end=hit.end())
    for hit in _NUMBER.finditer(text):
        digits = re.sub(r"\D", "", hit[0])
        if 13 <= len(digits) <= 19 and _luhn_holds(digits):
            yield Personal(kind="card", start=hit.start(), end=hit.end())
        elif 8 <= len(digits) <= 15 and _looks_like_phone(hit[0]):
            yield Personal(kind="phone", start=hit.start(), end=hit.end())


def _looks_like_phone(text: str) -> bool:
    """A phone number begins with + or 0, or is written in three groups or more; a date is not a phone number."""
    if _DATE.search(text):
        return False
    return text.startswith(("+", "0", "(0")) or len(re.findall(r"\d{2,}", text)) >= 3


def _luhn_holds(digits: str) -> bool:
    """Check the last digit as ISO/IEC 7812 says; one digit all along holds the sum, and still is not a card's."""
    from stdnum import luhn  # read in where a number is looked at: most tables have none

    return len(set(digits)) > 1 and luhn.is_valid(digits)


def _iban_holds(text: str) -> bool:
    """Check the two digits as ISO 13616 says, and the country's length and form; not a bank's own check digits."""
    from stdnum import iban

    return iban.is_valid(text, check_country=False)


def _identity_holds(name: str, text: str) -> bool:
    """Check the form and the check digits of a country's identity number."""
    from stdnum import get_cc_module

    country, _, kind = name.partition(".")
    module = get_cc_module(country.rstrip("_"), kind)
    try:
        return module is not None and bool(module.is_valid(text))
    except KeyError:  # the library knows no place for some region codes of China, and does not say so
        return False
