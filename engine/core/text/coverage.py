"""For which languages a part of the app has what it needs: codes of ISO 639-1. Data."""

from __future__ import annotations

STEMMED = frozenset({
    "ar", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv", "ta", "tr",
})  # fmt: skip
"""The languages whose stemmer and stop words LanceDB has."""
BY_RUNS = frozenset({"ar", "hi"})
"""Languages with blanks between words that are searched by runs of characters all the same, which find more than stems
or whole words: measured on two sets of questions."""
ABBREVIATED = frozenset({"de", "en", "es", "fr", "it", "pt", "ru"})
"""Those for which CLDR lists abbreviations that end no sentence."""
WITHOUT_FULL_STOP = frozenset({"as", "bn", "hi", "ja", "km", "lo", "mr", "my", "ne", "or", "pa", "th", "zh"})
"""Those whose sentences end with another sign, or with none: an abbreviation's full stop does not look like an end."""
OTHER_ARTICLES = frozenset({"af", "ca", "cy", "da", "el", "fy", "ga", "gl", "he", "is", "no", "ro", "sq", "sv"})
"""Those with articles that are not left out when answers are compared."""
IDENTIFIED = frozenset({"fr", "hi", "it", "ko", "pt", "zh"})
"""Those of the countries whose identity numbers are looked for."""
OWN_KEYBOARD = frozenset({"ar", "de", "el", "en", "fr", "he", "hi", "ru", "th", "uk"})
"""Those whose keyboard is known."""
KEYBOARD_BY_LOCALE = frozenset({"de", "fr", "uk"})
"""Of them, those that share their letters with another keyboard, and get their own where the task declares a locale."""
NO_KEYBOARD = frozenset({"ja", "ko", "zh"})
"""Those typed by sound or by parts of a letter: a slip hits no neighbouring letter."""
