"""In which order names are listed."""

from __future__ import annotations

from collections.abc import Iterable


def alphabetical(names: Iterable[str], locale: str = "") -> list[str]:
    """Return names as a dictionary of that language lists them.

    By letters, then by marks, then by case, and numbers by what they say: "Änderung" stands beside "Anderes", "refund"
    beside "Refund", and "10" after "9". Where a language has an order of its own, it holds: in Swedish "Ä" comes after
    "Z", in Thai a vowel that is written first after its consonant, and in Chinese names go by their pronunciation.
    Source: the Unicode Collation Algorithm (UTS 10) with CLDR's rules by language, as ICU has them.

    Args:
        names: in any order; the same names give the same list.
        locale: as a task declares it, such as "de-CH"; empty or "mul" for the order that all languages share.
    """
    from icu import Collator, Locale, UCollAttribute, UCollAttributeValue

    collator = Collator.createInstance(Locale(locale))
    collator.setAttribute(UCollAttribute.NUMERIC_COLLATION, UCollAttributeValue.ON)
    return sorted(names, key=lambda name: (collator.getSortKey(name), name))
