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
        ["Refund", "refund", "Returns"],
        ["ёлка", "енот", "жук"],
        ["가격", "각도", "나라"],
        ["Άδεια", "βάση", "Ωρα"],
        ["אבא", "בית"],
    ],
)
def test_letters_come_before_marks_and_marks_before_case(ordered: list[str]) -> None:
    """Accents and capitals do not send a name to the end of the list."""
    assert sorted(set(ordered), key=alphabetical) == ordered


@given(st.lists(st.text(max_size=8), max_size=6))
def test_the_order_does_not_depend_on_the_rows(names: list[str]) -> None:
    """Different names never share a place."""
    assert len({alphabetical(name) for name in names}) == len(set(names))


def test_labels_of_a_new_task_are_listed_so() -> None:
    """The labels of an own table are in this order everywhere."""
    spec = answer_spec(AnswerKind.LABEL, ["Zahlung", "Änderung", "konto", "Änderung"])
    assert spec.labels == ("Änderung", "konto", "Zahlung")
