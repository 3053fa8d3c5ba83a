"""Answers of a task with a locale: characters as tokens, digits of any script, numbers and dates as the locale writes them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.task import AnswerKind, AnswerSpec, Example, Rule, task_digest
from engine.core.text.answer_forms import answer_tokens, field_form, is_known_locale, without_punctuation
from engine.core.variant import DecodingMode
from engine.metrics.scoring import SCORERS, read_answer, rule_results
from tests.helpers import small_task

TASK = replace(
    small_task(kind=AnswerKind.JSON), answer=AnswerSpec(kind=AnswerKind.JSON, json_schema={"type": "object"})
)


@pytest.mark.parametrize(
    ("locale", "one", "other"),
    [
        ("de", "1.234,50", 1234.5),
        ("de", "1.234,50 €", "1234,50 €"),
        ("de-CH", "1\u2019234.50", "1234.50"),
        ("fr", "1\u202f234,5", "1234,5"),
        ("en-IN", "12,34,567", 1234567),
        ("ar", "١٬٢٣٤٫٥", "1,234.5"),
        ("hi", "१,२३४.५", "1234.5"),
        ("de", "3. März 2026", "03.03.2026"),
        ("de", "3. März 2026", "2026-03-03"),
        ("en-US", "3/4/2026", "March 4, 2026"),
        ("en-GB", "3/4/2026", "3 April 2026"),
        ("es", "3 de marzo de 2026", "3/3/2026"),
        ("zh", "2026年3月3日", "2026/3/3"),
        ("ko", "2026년 3월 3일", "2026. 3. 3."),
        ("ar", "٣ مارس ٢٠٢٦", "3/3/2026"),
        ("th", "3 มีนาคม 2569", "3/3/2569"),
        ("ru", "3 марта 2026 г.", "03.03.2026"),
        ("de", "„Köln“", "KÖLN"),
        ("mul", "３号室", "3号室"),
    ],
)
def test_the_same_value_is_equal_however_the_locale_writes_it(locale, one, other):
    """Fields are compared as numbers or dates where both are read as such."""
    assert field_form(one, locale) == field_form(other, locale)


@pytest.mark.parametrize(
    ("locale", "one", "other"),
    [
        ("de", "007", "7"),
        ("de", "1.234", "1,234"),
        ("de", "15 %", "15 €"),
        ("de", "3.4.2026", "4.3.2026"),
        ("en-US", "3/4/2026", "4/3/2026"),
        ("de", "31.02.2026", "03.03.2026"),
        ("de", "3. März 2026 in Berlin", "3. März 2026"),
        ("de", True, 1),
        ("de", None, ""),
        ("", "1.234,50", "1234,50"),
        ("mul", "1.234,50", "1234,50"),
    ],
)
def test_other_values_are_not_equal(locale, one, other):
    """Codes with leading zeros, other units, other days, text beside a date, and anything without a locale."""
    assert field_form(one, locale) != field_form(other, locale)


def test_fields_are_scored_by_the_declared_locale():
    """Without one, a number in German dress is another text."""
    example = Example(id="r", input="?", target=json.dumps({"total": 1234.5, "day": "3. März 2026"}), split="test")
    answer = json.dumps({"total": "1.234,50", "day": "2026-03-03"})
    for name in ("field_f1", "record_match"):
        assert SCORERS[name](replace(TASK, locale="de"), example, answer) == 1.0
        assert SCORERS[name](TASK, example, answer) == 0.0


def test_characters_are_tokens_where_no_blanks_stand_between_words():
    """With the marks that belong to them; words of other scripts stay whole."""
    assert answer_tokens("我的iphone 15账单", "zh") == ["我", "的", "iphone", "15", "账", "单"]
    assert answer_tokens("นี้ ok", "th") == ["นี้", "ok"]
    assert answer_tokens("바른 답", "ko") == ["바른", "답"]
    assert answer_tokens("我的 账单", "") == ["我的", "账单"]


def test_digits_of_every_script_are_the_same_and_elided_articles_go():
    """As a reader of the language takes them."""
    assert without_punctuation("٤٢", "ar") == without_punctuation("42", "ar")
    assert without_punctuation("L\u2019eau de la mer", "fr") == "eau de mer"
    assert without_punctuation("an eau", "fr") == "an eau"


def test_a_label_without_blanks_around_it_is_read():
    """Chinese text names a label in the middle of a sentence."""
    task = small_task(labels=("账单", "登录"))
    assert read_answer(task, DecodingMode.FREE, "答案是账单。") == "账单"
    assert read_answer(task, DecodingMode.FREE, "「登录」") == "登录"


def test_rules_count_words_of_a_task_with_a_locale():
    """A Thai sentence is more than one word."""
    task = replace(TASK, rules=(Rule(name="short", max_words_after="^", max_words=3),))
    assert rule_results(task, "ใบแจ้งหนี้ของฉันผิด") == {"short": True}
    assert rule_results(replace(task, locale="th"), "ใบแจ้งหนี้ของฉันผิด") == {"short": False}


def test_a_locale_makes_another_task():
    """Answers are scored otherwise: no run mixes two rules. Without one, digests are as they were."""
    assert len({task_digest(replace(TASK, locale=locale)) for locale in ("", "de", "de-CH")}) == 3


def test_locales_are_checked():
    """Languages with and without a region, and several languages at once."""
    assert all(map(is_known_locale, ("", "mul", "de", "de-CH", "zh-Hant-TW", "pt_BR")))
    assert not any(map(is_known_locale, ("xx", "German", "de-", "../de")))


@given(st.text(max_size=40), st.sampled_from(["de", "fr", "ar", "zh", "th", "mul", "ko"]))
def test_any_text_equals_itself_in_any_locale(text, locale):
    """No text of a model breaks a score."""
    assert field_form(text, locale) == field_form(text, locale)
    form = without_punctuation(text, locale)
    assert "".join(answer_tokens(form, locale)) == "".join(form.split())
