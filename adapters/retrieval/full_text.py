"""How the words of a full-text index are found: by the language of what it holds.

A table in one language is cut into words and stemmed as that language is, where LanceDB has its stemmer (Snowball's).
Scripts without blanks between words are indexed by runs of characters: whether a word is in the segmenter's dictionary
then makes no difference. Chinese and Japanese have words of one character and get runs of 1 to 2; Thai, Lao, Khmer and
Burmese, whose characters stand for sounds, get runs of 2 to 4. So do Arabic, whose stems find less, and Hindi, which
has none (measured: docs/languages.md). All else, and mixed tables, are cut into words by Unicode's rules (LanceDB's
`icu`) and not stemmed. A query is cut like the index it searches: LanceDB sees to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lancedb.index import FTS

from engine.core.text.coverage import BY_RUNS, STEMMED
from engine.core.text.languages import LEAST_SHARE, Languages, language_name, tell_languages

_MARKED = frozenset({"ta"})
"""Stemmed languages whose letters take marks, at which LanceDB's usual tokenizer would cut words."""
_EAST_ASIAN = frozenset({"Han", "Japanese"})
_EAST_ASIAN_RUNS, _OTHER_RUNS = (1, 2), (2, 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokenizer:
    """How a column is cut into terms."""

    base: str
    """LanceDB's name: `simple`, `icu` or `ngram`."""
    language: str = ""
    """The code of the language whose stems and stop words are used; empty for none."""
    runs: tuple[int, int] = (0, 0)
    """For `ngram`: the shortest and the longest run of characters."""

    @property
    def words(self) -> str:
        """Say what is compared."""
        if self.base == "ngram":
            return f"full text by runs of {self.runs[0]} to {self.runs[1]} characters"
        return f"full text by {language_name(self.language)} stems" if self.language else "full text by whole words"

    def config(self) -> FTS:
        """Return it as LanceDB takes it."""
        if self.base == "ngram":
            shortest, longest = self.runs
            return FTS(
                with_position=False, base_tokenizer="ngram", ngram_min_length=shortest, ngram_max_length=longest,
                stem=False, remove_stop_words=False,
            )  # fmt: skip
        if not self.language:
            return FTS(with_position=False, base_tokenizer="icu", stem=False, remove_stop_words=False)
        if self.base == "icu":
            return FTS(with_position=False, base_tokenizer="icu", language=language_name(self.language))
        return FTS(with_position=False, language=language_name(self.language))


ENGLISH = Tokenizer(base="simple", language="en")
"""That of every index of before languages were told."""


def tokenizer_for(texts: Sequence[str]) -> Tokenizer:
    """Choose by the language of texts; where it cannot be told, Latin letters are taken as English."""
    return _tokenizer(tell_languages(texts))


def _tokenizer(languages: Languages) -> Tokenizer:
    if languages.is_english:
        return ENGLISH
    if languages.is_mixed:
        return Tokenizer(base="icu")
    if languages.spaceless > 1 - LEAST_SHARE:
        east_asian = languages.scripts[0][0] in _EAST_ASIAN
        return Tokenizer(base="ngram", runs=_EAST_ASIAN_RUNS if east_asian else _OTHER_RUNS)
    if languages.code in BY_RUNS:
        return Tokenizer(base="ngram", runs=_OTHER_RUNS)
    if languages.code in STEMMED:
        return Tokenizer(base="icu" if languages.code in _MARKED else "simple", language=languages.code)
    return Tokenizer(base="icu")


def part_of_id(tokenizers: Mapping[str, Tokenizer]) -> list[str]:
    """Return what an index's id holds of its tokenizers, by kind of item: nothing for English ones, as ever."""
    return [
        f"{kind}:{one.base}:{one.language or '-'.join(str(length) for length in one.runs if length)}"
        for kind, one in sorted(tokenizers.items())
        if one != ENGLISH
    ]
