"""Names are listed as a reader looks for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.task import AnswerKind
from engine.core.text.ordering import alphabetical
from engine.ingest.answer_kind import answer_spec


@pytest.mark.parametrize(
    "ordered",
    [
        ["Anderes", "Änderung", "Zahlung"],
        ["cote", "coté", "côte", "côté"],  # without the rule of Canadian French, as UTS 10 does by default
        ["refund", "Refund", "Returns"],
        ["ёлка", "енот", "жук"],
        ["가격", "각도", "나라"],
        ["Άδεια", "βάση", "Ωρα"],
        ["אבא", "בית"],
        ["2", "9 days", "10", "100"],
    ],
)
def test_letters_come_before_marks_and_marks_before_case(ordered: list[str]) -> None:
    """Accents and capitals do not send a name to the end of the list, and numbers go by what they say."""
    assert alphabetical(set(ordered)) == alphabetical(set(ordered), "mul") == ordered


# Orders of single languages, by CLDR 46 (cldr.unicode.org) and the dictionaries of these languages.
@pytest.mark.parametrize(
    ("locale", "ordered"),
    [
        ("sv", ["Order", "Zon", "Åtgärd", "Ärende", "Övrigt"]),
        ("da-DK", ["Betaling", "Zone", "Ændring", "Ønske", "Åbning"]),
        ("de", ["Anderes", "Änderung", "Zahlung"]),
        ("es", ["nube", "nylon", "ñame", "ola"]),
        ("cs", ["cena", "hra", "chyba", "jas"]),
        ("pl", ["lato", "lzy", "łapa", "mak"]),
        ("th", ["กา", "เก", "ขา", "แข"]),
        ("zh", ["安徽", "北京", "重庆", "上海"]),
        ("uk", ["гора", "ґанок", "дім"]),
    ],
)
def test_a_language_has_its_own_order(locale: str, ordered: list[str]) -> None:
    """What is a letter of its own there has its own place."""
    assert alphabetical(set(ordered), locale) == ordered


@given(st.lists(st.text(st.characters(), max_size=8), max_size=6), st.sampled_from(["", "sv", "th", "zh", "mul", "xx"]))
def test_the_order_does_not_depend_on_the_rows(names: list[str], locale: str) -> None:
    """The same names give the same list, whatever order they come in, and whatever letters, half ones included."""
    listed = alphabetical([*names, "\ud800"], locale)
    assert sorted(listed) == sorted([*names, "\ud800"])
    assert listed == alphabetical(["\ud800", *reversed(names)], locale)


def test_labels_of_a_new_task_are_listed_so() -> None:
    """The labels of an own table are in this order everywhere."""
    spec = answer_spec(AnswerKind.LABEL, ["Zahlung", "Änderung", "konto", "Änderung"])
    assert spec.labels == ("Änderung", "konto", "Zahlung")
    assert answer_spec(AnswerKind.LABEL, ["Zon", "Ärende", "konto"], "sv").labels == ("konto", "Zon", "Ärende")
