"""Words and sentences end where Unicode and the language's dictionary say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.text.segments import sentence_spans, size_spans, split_words, word_spans


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't stop, e-mail 3.5 times!", ["Don't", "stop", "e", "mail", "3.5", "times"]),
        ("ใบแจ้งหนี้ของฉันผิด", ["ใบ", "แจ้ง", "หนี้", "ของ", "ฉัน", "ผิด"]),
        ("ຂອງຂ້ອຍສະແດງ", ["ຂອງ", "ຂ້ອຍ", "ສະແດງ"]),
        ("បង្ហាញចំនួនទឹកប្រាក់", ["បង្ហាញ", "ចំនួន", "ទឹកប្រាក់"]),
        ("我的账单显示错误", ["我的", "账单", "显示", "错误"]),
        ("पासवर्ड कैसे बदलें?", ["पासवर्ड", "कैसे", "बदलें"]),
        ("😀 ok 😀ใบ", ["ok", "ใบ"]),
    ],
)
def test_words(text, found):
    """Dictionary words where no blanks stand; marks belong to their letters; pictures shift no place."""
    assert words(text) == found


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("hi", "यह ठीक है। क्या आप आएँगे? हाँ।", 3),
        ("ar", "هذا صحيح. هل تأتي؟ نعم.", 3),
        ("my", "ဒါမှန်တယ်။ လာမလား။", 2),
        ("zh", "好的。你来吗？价格是3.5元。", 3),
        ("fr", "M. Dupont arrive. Merci !", 2),
        ("", "One. Two.", 2),
    ],
)
def test_sentences(language, text, found):
    """Each script's own full stops end a sentence, and abbreviations of the language none."""
    assert len(list(sentence_spans(text, language))) == found


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
@settings(max_examples=100)
def test_sentences_are_the_whole_text_and_words_are_in_order(text):
    """Nothing is lost, whatever is in a text, lone surrogates too."""
    spans = list(sentence_spans(text, "th"))
    assert "".join(text[start:end] for start, end in spans) == text
    places = [place for span in word_spans(text) for place in span]
    assert places == sorted(places)
    assert all(0 <= place <= len(text) for place in places)


def test_words_of_a_text_are_between_blanks_unless_there_are_none():
    """A Chinese answer of eleven characters is not one word; an English one is as it was."""
    assert split_words("e-mail me, please") == ["e-mail", "me,", "please"]
    assert split_words("我的账单显示错误。") == ["我的", "账单", "显示", "错误"]


def test_sizes_count_characters_where_words_mean_nothing():
    """Every visible character is in one word; dictionary words keep the marks that follow them."""
    text = "two words 账单 ใบแจ้งหนี้ๆ"
    assert [text[start:end] for start, end in size_spans(text)] == ["two", "words", "账", "单", "ใบ", "แจ้ง", "หนี้ๆ"]
