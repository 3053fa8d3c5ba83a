"""Letters side by side on the keyboards of languages and scripts: what a finger hits instead. Data.

Chinese and Japanese are typed by sound and Korean by parts of a letter, so that a slip gives another syllable, not a
neighbouring letter: they have no keyboard here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

_KEYS: Mapping[str, tuple[str, ...]] = {
    "de": ("qwertzuiop\u00fc", "asdfghjkl\u00f6\u00e4", "yxcvbnm"),
    "fr": ("azertyuiop", "qsdfghjklm", "wxcvbn"),
    "Latin": ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "uk": ("йцукенгшщзхї", "фівапролджє", "ячсмитьбю"),
    "Cyrillic": ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    "Greek": ("ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"),
    "Hebrew": ("קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"),
    "Arabic": ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤرىةوزظ"),
    "Devanagari": ("बहगदजड", "परकतचट", "मनवलसय"),
    "Thai": ("ๆไรนยบล", "ฟหกดสวง", "ผปแอทมใฝ"),
}
"""By language, else by script, letters from left to right: those of the US, Germany, France, Russia, Ukraine, Greece,
Israel, the PC-101 layout for Arabic, InScript's consonants, and Kedmanee's consonants and vowels before them."""


@functools.cache
def neighbours(language: str, script: str) -> Mapping[str, str]:
    """Return the letters next to each one; empty where none are known."""
    rows = _KEYS.get(language) or _KEYS.get(script) or ()
    found: dict[str, str] = {}
    for row in rows:
        for place, letter in enumerate(row):
            found[letter] = row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
    return found
