"""Full-text search finds words as their language writes them: stems, runs of characters, whole words."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from adapters.retrieval.full_text import ENGLISH, Tokenizer, part_of_id, tokenizer_for
from adapters.retrieval.indexes import Indexes
from adapters.retrieval.items import Item
from engine.core.text.coverage import STEMMED
from engine.core.text.languages import NAMES
from engine.core.variant import SearchMode
from tests.unit.test_languages import ROWS

INDEX = "0123456789abcdef"
FOUND = {
    "de": ("Welche Rechnungen sind falsch", 0),
    "fr": ("les factures incorrectes", 0),
    "ar": ("مبالغ خاطئة في الفاتورة", 0),
    "zh": ("忘记密码怎么办", 1),
    "ja": ("パスワードを忘れました", 1),
    "th": ("ลืมรหัสผ่าน", 1),
    "ko": ("비밀번호를 잊었어요", 1),
    "hi": ("पासवर्ड भूल गया", 1),
    "he": ("שכחתי סיסמה", 1),
    "uk": ("забув пароль", 1),
}


def search(folder: Path, texts: list[str], query: str) -> list[str]:
    """Index texts as rows, and search them by their words alone."""
    items = [Item(id=str(place), kind="example", text=text, source=str(place)) for place, text in enumerate(texts)]
    store = Indexes(folder)
    vectors = np.ones((len(items), 2), dtype=np.float32)
    tokenizers = {"example": tokenizer_for(texts)}
    store.write(INDEX, items, vectors, started_s=time.perf_counter(), tokenizers=tokenizers)
    return [found.id for found in store.search(INDEX, "example", query, None, k=3, mode=SearchMode.FULL_TEXT)]


@pytest.mark.parametrize("code", FOUND)
def test_a_word_is_found_in_its_language(code: str, tmp_path: Path) -> None:
    """What an English index would miss: other forms of a word, and words without blanks around them."""
    query, place = FOUND[code]
    assert search(tmp_path, ROWS[code], query)[:1] == [str(place)]


def test_a_word_of_one_character_is_found(tmp_path: Path) -> None:
    """A Chinese or Japanese query may be a single character; ROWS has it in one row."""
    assert search(tmp_path, ROWS["zh"], "码")[:1] == ["1"]


def test_a_mixed_table_is_searched_by_whole_words(tmp_path: Path) -> None:
    """Chinese words are found beside English ones, whose stems are left alone."""
    texts = ROWS["en"] + ROWS["zh"]
    assert tokenizer_for(texts * 2) == Tokenizer(base="icu")
    assert search(tmp_path, texts * 2, "密码")[:1] in (["4"], ["10"])
    assert search(tmp_path / "more", texts * 2, "password")[:1] in (["1"], ["7"])


@pytest.mark.parametrize(("code", "words", "others"), [("ar", "والفواتير", "he"), ("hi", "पासवर्डों", "ko")])
def test_arabic_and_hindi_are_cut_into_runs(code: str, words: str, others: str, tmp_path: Path) -> None:
    """A word with others attached to it is found where stems or whole words miss it; it is another index than theirs."""
    assert tokenizer_for(ROWS[code]) == Tokenizer(base="ngram", runs=(2, 4))
    assert part_of_id({"example": tokenizer_for(ROWS[code])}) == ["example:ngram:2-4"]
    assert tokenizer_for(ROWS[others]).base != "ngram"
    assert search(tmp_path, ROWS[code], words)


def test_english_and_the_unknown_keep_the_tokenizer_and_the_ids_they_had() -> None:
    """Nothing of an English index changes; another language makes another index."""
    english = {"example": tokenizer_for(ROWS["en"]), "document": tokenizer_for(["ok", "A-17"])}
    assert set(english.values()) == {ENGLISH}
    assert part_of_id(english) == []
    assert part_of_id(english | {"document": tokenizer_for(ROWS["ja"])}) == ["document:ngram:1-2"]
    assert part_of_id(english | {"document": tokenizer_for(ROWS["th"])}) == ["document:ngram:2-4"]
    assert part_of_id({"example": Tokenizer(base="icu")}) == ["example:icu:"]
    assert part_of_id({"example": tokenizer_for(ROWS["de"])}) == ["example:simple:de"]
    config = ENGLISH.config()
    assert (config.base_tokenizer, config.language, config.stem, config.remove_stop_words) == (
        "simple", "English", True, True,
    )  # fmt: skip


@pytest.mark.parametrize("code", sorted(STEMMED))
def test_lancedb_has_the_stemmer_of_each_language_named(code: str, tmp_path: Path) -> None:
    """A language in the list can be indexed."""
    assert code in NAMES
    base = "icu" if code == "ta" else "simple"
    items = [Item(id="1", kind="example", text="a b c", source="1")]
    tokenizers = {"example": Tokenizer(base=base, language=code)}
    Indexes(tmp_path).write(
        INDEX, items, np.ones((1, 2), dtype=np.float32), started_s=time.perf_counter(), tokenizers=tokenizers
    )


def test_what_is_compared_is_said() -> None:
    """The progress of an index names it."""
    assert Tokenizer(base="ngram", runs=(1, 2)).words == "full text by runs of 1 to 2 characters"
    assert Tokenizer(base="simple", language="de").words == "full text by German stems"
    assert Tokenizer(base="icu").words == "full text by whole words"
