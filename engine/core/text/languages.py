"""Which languages texts are written in. Short texts are pooled: three words are read in the light of others.

The library py3langid says how likely each language is for one text (naive Bayes over byte n-grams; Lui and Baldwin,
"langid.py: an off-the-shelf language identification tool", 2012). The shares of the languages are those that make all
texts together most likely (expectation maximization of a mixture), and each text is given to the likeliest of those
that are left. Its model takes some 90 MB, and is read when the first text is looked at.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.text.scripts import LATIN, is_spaceless, letter_scripts, runs_right_to_left

Direction = Literal["ltr", "rtl", "mixed"]

MOST_TEXTS = 1_000
"""Of more texts, so many are looked at, drawn by a fixed seed: every sixth row of a table could be in one language."""
MOST_LETTERS = 500
"""Of a longer text the beginning is looked at."""
POOLED_LETTERS = 2_000
"""Of pooled texts, each distinct one once, the beginning is looked at."""
LEAST_SHARE = 0.05
"""A table is mixed if a second language has at least this share of its rows, and two rows."""
SURE = 0.9
"""Pooled, the texts of a language must be at least this likely to be in it; else it is not known."""
_ROUNDS = 50
_NO_LANGUAGE = "zxx"
_FOLDED = {"wuu": "zh", "yue": "zh", "ary": "ar", "arz": "ar", "nn": "no", "uzs": "uz", "sdh": "ku", "hbo": "he"}
"""Varieties that are taken as the language whose stems, articles and embedders they share."""
_ALIKE = (frozenset({"bs", "hr", "sr"}), frozenset({"id", "ms"}), frozenset({"da", "no"}))
"""Languages so alike that few words do not tell them apart: rows of one script in them are taken as of one language."""

NAMES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "as": "Assamese", "az": "Azerbaijani", "be": "Belarusian",
    "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian",
    "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French", "fy": "Frisian", "ga": "Irish",
    "gl": "Galician", "gu": "Gujarati", "ha": "Hausa", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "ig": "Igbo", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "jv": "Javanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada",
    "ko": "Korean", "ku": "Kurdish", "ky": "Kyrgyz", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian",
    "mg": "Malagasy", "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay",
    "my": "Burmese", "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "om": "Oromo", "or": "Odia",
    "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "rw": "Kinyarwanda", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "so": "Somali", "sq": "Albanian",
    "sr": "Serbian", "st": "Sotho", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "tg": "Tajik",
    "th": "Thai", "tk": "Turkmen", "tl": "Tagalog", "tr": "Turkish", "tt": "Tatar", "ug": "Uyghur",
    "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "xh": "Xhosa", "yo": "Yoruba",
    "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip
"""The languages that are told, by their code of ISO 639-1, in English."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Languages:
    """The languages of some texts. Shares are of the texts that have letters, among those looked at."""

    shares: tuple[tuple[str, float], ...] = ()
    """Codes of ISO 639-1, most frequent first; an empty code is for what could not be told."""
    scripts: tuple[tuple[str, float], ...] = ()
    """Scripts, most frequent first: the share of texts that are mostly written in each."""
    right_to_left: float = 0.0
    """Share of texts that run from right to left."""
    spaceless: float = 0.0
    """Share of texts in scripts that put no blank between words."""

    @property
    def code(self) -> str:
        """The language of most texts; empty if it could not be told."""
        return self.shares[0][0] if self.shares else ""

    @property
    def is_mixed(self) -> bool:
        """Whether there is more than one language, rows of which the language is not known aside."""
        return sum(bool(code) and share >= LEAST_SHARE for code, share in self.shares) > 1

    @property
    def is_english(self) -> bool:
        """Whether the texts are in English, or in Latin letters with too few words to tell; no text is English, too."""
        latin = not self.scripts or self.scripts[0][0] == LATIN
        return not self.is_mixed and (self.code == "en" or (not self.code and latin))

    @property
    def direction(self) -> Direction:
        """The way most texts run; mixed if both ways have a noticeable share."""
        if min(self.right_to_left, 1 - self.right_to_left) >= LEAST_SHARE:
            return "mixed"
        return "rtl" if self.right_to_left > 0.5 else "ltr"

    @property
    def is_spaceless(self) -> bool:
        """Whether most texts put no blank between words."""
        return self.spaceless > 0.5


def language_name(code: str) -> str:
    """Name a language in English."""
    return NAMES.get(code, "not known")


def tell_languages(texts: Sequence[str]) -> Languages:
    """Tell the languages of texts, their scripts and the way they run; texts without letters are passed over."""
    lettered, scripts = [], []
    for text in _drawn(texts):
        if counts := letter_scripts(text):
            lettered.append(text)
            scripts.append(counts.most_common(1)[0][0])
    if not lettered:
        return Languages()
    counts = Counter(code for code in _codes(lettered, scripts))
    return Languages(
        shares=_as_shares(counts),
        scripts=_as_shares(Counter(scripts)),
        right_to_left=sum(map(runs_right_to_left, lettered)) / len(lettered),
        spaceless=sum(map(is_spaceless, lettered)) / len(lettered),
    )


def _drawn(texts: Sequence[str]) -> list[str]:
    places = sorted(random.Random(0).sample(range(len(texts)), min(len(texts), MOST_TEXTS)))
    return [" ".join(texts[place][:MOST_LETTERS].split()) for place in places]


def _as_shares(counts: Counter[str]) -> tuple[tuple[str, float], ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, count / counts.total()) for name, count in ordered)


def _codes(texts: Sequence[str], scripts: Sequence[str]) -> list[str]:
    """Return the language of each text; empty where it could not be told."""
    codes, likely = _likelihoods(texts)
    candidates = _candidates(likely)
    given = np.asarray(candidates)[np.argmax(likely[:, candidates], axis=1)]
    groups: dict[tuple[frozenset[str], str], list[int]] = {}
    for row, place in enumerate(given.tolist()):
        groups.setdefault((_family(codes[place]), scripts[row]), []).append(row)
    result = [""] * len(texts)
    for rows in groups.values():
        code = _pooled([texts[row] for row in rows])
        for row in rows:
            result[row] = code
    return result


def _family(code: str) -> frozenset[str]:
    return next((family for family in _ALIKE if code in family), frozenset({code}))


def _likelihoods(texts: Sequence[str]) -> tuple[Sequence[str], NDArray[np.float64]]:
    """Return languages, and how likely each is for each text, shape (texts, languages)."""
    identifier = _identifier()
    ranked = [dict(identifier.rank(text)) for text in texts]
    labels = sorted(ranked[0])
    codes = sorted({_FOLDED.get(label, label) for label in labels})
    likely = np.zeros((len(texts), len(codes)))
    for label in labels:
        likely[:, codes.index(_FOLDED.get(label, label))] += [row[label] for row in ranked]
    return codes, likely


def _candidates(likely: NDArray[np.float64]) -> list[int]:
    """Return the places of the languages that have a noticeable share, at least one."""
    weights = likely.mean(axis=0)
    for _ in range(_ROUNDS):
        joint = likely * weights
        weights = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
    least = max(LEAST_SHARE, 1.5 / len(likely))
    return np.flatnonzero(weights >= least).tolist() or [int(np.argmax(weights))]


def _pooled(texts: Sequence[str]) -> str:
    """Return the language of texts taken as one; empty if it is not sure, or they are in none."""
    ranked: Counter[str] = Counter()
    for label, share in _identifier().rank(" ".join(dict.fromkeys(texts))[:POOLED_LETTERS]):
        ranked[_FOLDED.get(label, label)] += share
    code, _share = ranked.most_common(1)[0]
    return code if code in NAMES and sum(ranked[one] for one in _family(code)) >= SURE else ""


def let_go() -> bool:
    """Let go of the model, which takes 94 MB; it is read again, in half a second, when it is needed.

    Returns:
        Whether it was there.
    """
    was_there = _identifier.cache_info().currsize > 0
    _identifier.cache_clear()
    return was_there


@functools.cache
def _identifier() -> Any:
    """Read the model, once."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(
        [label for label in identifier.labels if _FOLDED.get(label, label) in {*NAMES, _NO_LANGUAGE}]
    )
    return identifier
