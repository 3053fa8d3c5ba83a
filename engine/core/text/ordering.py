"""In which order names are listed."""

from __future__ import annotations

import unicodedata


def alphabetical(name: str) -> tuple[str, str, str]:
    """Return the sorting key of a name: by its letters, then by their marks, then by case.

    "Änderung" so stands beside "Anderes" and "refund" beside "Refund". These are the levels of the Unicode Collation
    Algorithm (UTS 10, 1.1), with code points instead of its table: orders of one language alone, such as the Swedish
    one with "Ä" after "Z", and those of Thai and Chinese are not followed.
    """
    marked = unicodedata.normalize("NFKD", name).casefold()
    letters = "".join(sign for sign in marked if not unicodedata.combining(sign))
    return letters, marked, name
