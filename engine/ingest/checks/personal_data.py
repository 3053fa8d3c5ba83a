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
_NUMBER = re.compile(r"(?<![\w.,])(?:\+|\(?0)?\d[\d ()./\u00a0-]{5,}\d(?![\w])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_CARDS = tuple(
    re.compile(rf"(?<![\w.,])[1-9]{groups}(?!\w)")
    for groups in (
        r"\d{3}([ .\u00a0-])(?:\d{4}\1){3}\d{1,3}",
        r"\d{3}([ .\u00a0-])(?:\d{4}\1){2}\d{1,4}",
        r"\d{3}([ .\u00a0-])\d{6}\1\d{4,5}",
        r"\d{3}([ .\u00a0-])\d{4}\1\d{5}",
        r"\d{5}[ .\u00a0-]\d{13}",
        r"\d{12,18}",
    )
)
"""How card numbers are written, the longest way first."""
_LEAST_OF_CARD, _MOST_OF_CARD = 13, 19
"""Digits, as ISO/IEC 7812 has them."""
_NOT_TO_CALL = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![\d./+-])[12]\d{3}[-./]\d{1,2}[-./]\d{1,2}(?![./-]?\d)",
        r"(?<![\d./+-])\d{1,2}[-./]\d{1,2}[-./][12]\d{3}(?!\d)",
        r"(?<![\d./+-])(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|1[0-2])\1\d{2}(?![./-]?\d)",
        r"(?<![\d./+-])(?:0?[1-9]|1[0-2])([-./])(?:0?[1-9]|[12]\d|3[01])\1\d{2}(?![./-]?\d)",
        r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])",
        r"(?<!\w)97[89]([ -])(?:\d{1,7}\1){3}\d(?!\w)",
        r"(?<![\w.,])[+-]?0[.,]\d+(?![.,]?\d)",
        r"(?<![\w.,/+])(?<!\d-)[1-9]\d{0,2}\.\d+(?![.,/-]?\d)",
        r"(?<![\w.,/+])(?<!\d-)[1-9]\d{0,2}(?:[. \u00a0]\d{3}){2,},\d+(?!\d)",
        r"(?<![\w.,/+])(?<!\d-)[1-9]\d?(?:\.\d{3}){2,}(?![.,/-]?\d)",
    )
)
"""Dates, times, numbers of books, decimal numbers and amounts."""
_DIGITS = re.compile(r"\d{2}")
_LEAST_DIGITS, _MOST_DIGITS = 8, 15
"""Of a phone number."""
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
    """Find numbers, those that hold check digits first; what is found or no number to call does not join the rest."""
    identities = list(_identities(text))
    yield from identities
    text = _without(text, identities)
    longest = max((len(_digits(hit[0])) for hit in _NUMBER.finditer(text)), default=0)
    if longest < _LEAST_DIGITS:
        return
    cards = list(_cards(text)) if longest >= _LEAST_OF_CARD else []
    yield from cards
    text = _without(text, cards)
    for pattern in _NOT_TO_CALL:
        text = pattern.sub(lambda hit: "\n" * len(hit[0]), text)
    for hit in _NUMBER.finditer(text):
        digits = _digits(hit[0])
        if _LEAST_OF_CARD <= len(digits) <= _MOST_OF_CARD and _luhn_holds(digits):
            yield Personal(kind="card", start=hit.start(), end=hit.end())
        else:
            for start, end in _parts(text, hit.start(), hit.end()):
                if _looks_like_phone(text[start:end]):
                    yield Personal(kind="phone", start=start, end=end)


def _without(text: str, found: list[Personal]) -> str:
    """Put line breaks, over which no number reaches, in the places of what was found."""
    signs = list(text) if found else []
    for item in found:
        signs[item.start : item.end] = "\n" * (item.end - item.start)
    return "".join(signs) or text


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _identities(text: str) -> Iterator[Personal]:
    for name, pattern in _IDENTITY.items():
        for hit in pattern.finditer(text):
            if _identity_holds(name, hit[0]):
                yield Personal(kind="id", start=hit.start(), end=hit.end())
    for hit in _IBAN.finditer(text):
        if _iban_holds(hit[0]):
            yield Personal(kind="iban", start=hit.start(), end=hit.end())


def _cards(text: str) -> Iterator[Personal]:
    """Find card numbers, also beside other groups of digits: an expiry date, a security code, another card."""
    for pattern in _CARDS:
        found: list[Personal] = []
        hit = pattern.search(text)
        while hit is not None:
            holds = _luhn_holds(_digits(hit[0]))
            if holds:
                found.append(Personal(kind="card", start=hit.start(), end=hit.end()))
            hit = pattern.search(text, hit.end() if holds else hit.start() + 1)
        yield from found
        text = _without(text, found)


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a run of digits that is too long for a phone number where the next number may begin."""
    if len(_digits(text[start:end])) <= _MOST_DIGITS:
        yield start, end
        return
    after_sign = False
    begun, last, count = start, start, 0
    for group in re.finditer(r"[^ \u00a0]+", text[start:end]):
        digits = len(_digits(group[0]))
        if not digits:
            after_sign = True
            continue
        begins = after_sign or group[0].startswith(("0", "(0")) or _looks_like_phone(group[0])
        if count >= _LEAST_DIGITS and begins:
            yield begun, last
            begun, count = start + group.start(), 0
        last, count, after_sign = start + group.end(), count + digits, False
    yield begun, last


def _looks_like_phone(text: str) -> bool:
    """A phone number begins with + or 0, or is written in three groups or more; it is not one digit all along."""
    digits = _digits(text)
    if not _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS or len(set(digits)) == 1:
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
