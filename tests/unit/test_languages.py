"""The languages of texts are told, pooled, with their scripts and the way they run; what is not sure is not told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.text.languages import MOST_TEXTS, NAMES, Languages, language_name, tell_languages
from engine.core.text.scripts import (
    column_count,
    count_scripts,
    is_spaceless,
    letter_scripts,
    runs_right_to_left,
    script_of,
)

ROWS = {
    "en": ["My invoice shows the wrong amount", "How do I reset my password?", "The app crashes at start"],
    "de": ["Meine Rechnung zeigt den falschen Betrag", "Wie setze ich mein Passwort zurück?", "Die App stürzt ab"],
    "fr": ["Ma facture affiche un montant incorrect", "Comment changer mon mot de passe ?", "L'application plante"],
    "it": ["La mia fattura riporta un importo sbagliato", "Come cambio la mia password?", "L'app si chiude da sola"],
    "uk": ["У моєму рахунку вказано неправильну суму", "Як змінити пароль?", "Застосунок не запускається"],
    "ar": ["فاتورتي تظهر مبلغاً خاطئاً", "كيف أغير كلمة المرور؟", "التطبيق يتوقف عند الفتح"],
    "he": ["החשבונית שלי מציגה סכום שגוי", "איך מחליפים סיסמה?", "האפליקציה קורסת"],
    "hi": ["मेरे बिल में गलत राशि दिख रही है", "पासवर्ड कैसे बदलें?", "ऐप खुलते ही बंद हो जाता है"],
    "zh": ["我的账单显示金额错误", "如何重置我的密码？", "应用一打开就崩溃"],
    "ja": ["請求書の金額が間違っています", "パスワードを変更するには", "アプリが落ちます"],
    "ko": ["청구서에 잘못된 금액이 표시됩니다", "비밀번호를 어떻게 바꾸나요?", "앱이 꺼집니다"],
    "th": ["ใบแจ้งหนี้ของฉันแสดงจำนวนเงินผิด", "เปลี่ยนรหัสผ่านอย่างไร", "แอปปิดเอง"],
}


@pytest.mark.parametrize("code", ROWS)
def test_a_few_short_rows_are_enough(code):
    """Rows of three words, in the light of each other, are in one language."""
    told = tell_languages(ROWS[code] * 3)
    assert told.code == code
    assert told.shares == ((code, 1.0),)
    assert not told.is_mixed
    assert told.direction == ("rtl" if code in {"ar", "he"} else "ltr")
    assert told.is_spaceless == (code in {"zh", "ja", "th"})


def test_a_mixed_table_is_noticed_with_its_shares():
    """Three languages, two of them in one script, each with its share of the rows."""
    told = tell_languages(ROWS["en"] * 10 + ROWS["de"] * 6 + ROWS["ar"] * 4)
    assert told.shares == (("en", 0.5), ("de", 0.3), ("ar", 0.2))
    assert told.is_mixed
    assert told.direction == "mixed"
    assert told.scripts == (("Latin", 0.8), ("Arabic", 0.2))


def test_a_few_foreign_rows_make_no_mixed_table():
    """Two rows in sixty are below the noticeable share."""
    assert not tell_languages(ROWS["en"] * 20 + ROWS["ar"][:2]).is_mixed


@pytest.mark.parametrize("texts", [[], ["", "   "], ["42", "10:30", "€ 5"], ["A-17", "B-20"], ["ok"], ["hello"]])
def test_what_is_not_sure_is_not_told(texts):
    """Numbers, codes and single words name no language."""
    told = tell_languages(texts)
    assert not told.code
    assert not told.is_mixed


def test_languages_that_few_words_do_not_tell_apart_are_taken_as_one():
    """A Danish table is not half Norwegian."""
    rows = [
        "Min faktura viser det forkerte beløb",
        "Hvordan ændrer jeg min adgangskode?",
        "Appen går ned",
        "Ny adresse",
    ]
    assert tell_languages(rows * 5).shares == (("da", 1.0),)


def test_a_long_table_is_told_by_rows_from_all_of_it():
    """The second half of a long table is looked at as well."""
    rows = ROWS["en"] * MOST_TEXTS + ROWS["uk"] * MOST_TEXTS
    assert dict(tell_languages(rows).shares) == pytest.approx({"en": 0.5, "uk": 0.5}, abs=0.05)


def test_every_sixth_row_may_be_in_one_language():
    """What is looked at of a long table does not keep step with its order."""
    codes = ["en", "de", "fr", "zh", "ar", "hi"]
    rows = [ROWS[code][number % 3] for number in range(MOST_TEXTS) for code in codes]
    assert dict(tell_languages(rows).shares) == pytest.approx(dict.fromkeys(codes, 1 / 6), abs=0.05)


def test_names_are_told_in_english():
    """Each code has a name; what could not be told says so."""
    assert language_name("de") == "German"
    assert language_name("") == "not known"
    assert all(len(code) == 2 for code in NAMES)


def test_no_text_at_all_has_no_language():
    """The value of nothing is neither mixed nor of a direction of its own."""
    assert Languages().direction == "ltr"
    assert not Languages().is_spaceless


def test_scripts_count_rows():
    """A row counts for each script in it; signs that are no letters for none."""
    assert count_scripts(["abc", "где", "abc 漢字", "42", "né"]) == {"Latin": 3, "Cyrillic": 1, "Han": 1}
    assert letter_scripts("abc где 42!") == {"Latin": 3, "Cyrillic": 3}
    assert script_of("\uff71") == "Japanese"
    assert script_of("\uff21") == "Latin"
    assert script_of("한") == "Korean"


def test_spaceless_texts_and_the_way_texts_run():
    """Most letters decide: a foreign brand name changes neither."""
    assert is_spaceless("我的 iPhone 无法开机了怎么办")
    assert not is_spaceless("청구서에 잘못된 금액이")
    assert runs_right_to_left("التطبيق iPhone يتوقف")
    assert not runs_right_to_left("the word שלום")


@given(st.lists(st.text(max_size=30), max_size=6))
@settings(max_examples=60)
def test_any_text_has_shares_that_add_up(texts):
    """Whatever is in the cells, shares are of the rows with letters."""
    told = tell_languages(texts)
    lettered = any(letter_scripts(text) for text in texts)
    assert sum(share for _code, share in told.shares) == pytest.approx(1.0 if lettered else 0.0)
    assert sum(share for _code, share in told.scripts) == pytest.approx(1.0 if lettered else 0.0)
    assert 0 <= told.right_to_left <= 1


def test_what_counts_as_english():
    """Too few Latin words are not taken for another language; letters of other scripts are."""
    assert tell_languages(ROWS["en"]).is_english
    assert tell_languages(["ok", "go"]).is_english
    assert tell_languages([]).is_english
    assert not tell_languages(ROWS["de"] * 2).is_english
    assert not tell_languages(["где"]).is_english
    assert not tell_languages(ROWS["en"] + ROWS["zh"]).is_english


def test_columns_of_a_text():
    """East Asian letters are two columns wide, marks none; ASCII as it is."""
    assert [column_count(text) for text in ("abc", "账单", "ป้า", "né", "")] == [3, 4, 2, 2, 0]
