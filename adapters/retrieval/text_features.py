"""Texts as TF-IDF of their characters or words. Only in the worker.

Characters: sequences of 2 to 4 within a word, blanks at its ends included. Words: single ones and pairs. Both in small
letters, a term's count on a logarithmic scale (1 + ln), each text's vector of length 1.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

from adapters.retrieval.embedder import clean
from adapters.retrieval.logistic import Matrix
from engine.core.variant import ClassifierKind

KINDS = (ClassifierKind.CHARACTERS, ClassifierKind.WORDS)
_NO_TERM = ""
"""The one term of texts that have none: no text has it."""
_WITHOUT_BLANKS = re.compile(r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff])")
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese: no blank tells where a word ends, so that each character is one."""


def words_of(text: str) -> list[str]:
    """Return the runs of letters, digits, marks and underscores of a text, in any script.

    In scripts written without blanks each character is a word; pairs of words are then pairs of characters.
    """
    spaced = _WITHOUT_BLANKS.sub(r" \1 ", text)
    return "".join(
        character if character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M" else " "
        for character in spaced
    ).split()


class TermFeatures:
    """The terms of some texts, each with its weight; turns any text into numbers by them."""

    def __init__(self, vectorizer: Any, kind: ClassifierKind) -> None:
        """Take a fitted vectorizer: `fit` and `restored` make one."""
        self._vectorizer = vectorizer
        self.kind = kind

    @classmethod
    def fit(cls, texts: Sequence[str], kind: ClassifierKind) -> Self:
        """Find the terms of texts. Where they have none, every text differs from none."""
        cleaned = [clean(text) for text in texts]
        try:
            vectorizer = _vectorizer(kind).fit(cleaned)
        except ValueError:  # scikit-learn refuses an empty vocabulary
            vectorizer = _vectorizer(kind, (_NO_TERM,)).fit(cleaned)
        return cls(vectorizer, kind)

    @classmethod
    def restored(cls, kind: ClassifierKind, terms: Sequence[str], idf: npt.NDArray[np.float64]) -> Self:
        """Make the features again of terms and their weights.

        Raises:
            ValueError: there are not as many weights as terms, or a term occurs twice.
        """
        vectorizer = _vectorizer(kind, tuple(terms))
        vectorizer.idf_ = idf
        return cls(vectorizer, kind)

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms, in the order of the features."""
        return tuple(str(term) for term in self._vectorizer.get_feature_names_out())

    @property
    def idf(self) -> npt.NDArray[np.float64]:
        """The weight of each term, shape (terms,): ln((1 + texts) / (1 + texts that have it)) + 1."""
        return np.asarray(self._vectorizer.idf_, dtype=np.float64)

    def matrix(self, texts: Sequence[str]) -> Matrix:
        """Turn texts into a sparse matrix of shape (texts, terms); a text without a known term is all zeros."""
        return self._vectorizer.transform([clean(text) for text in texts])

    def vector(self, text: str) -> npt.NDArray[np.float64]:
        """Turn one text into shape (terms,)."""
        return np.asarray(self.matrix([text]).toarray()[0], dtype=np.float64)


def _vectorizer(kind: ClassifierKind, vocabulary: tuple[str, ...] | None = None) -> Any:
    if kind is ClassifierKind.CHARACTERS:
        return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, vocabulary=vocabulary)
    return TfidfVectorizer(
        tokenizer=words_of, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True, vocabulary=vocabulary
    )
