"""Labels as servers write them, and probabilities read from the log-probabilities that come along."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.remote.label_odds import Step, label_probabilities, still_possible, written_label

LABELS = ("billing", "delivery", "device fault")


def step(token: str, probability: float, **others: float) -> Step:
    """One token with what might have stood in its place."""
    return Step(token, math.log(probability), tuple((text, math.log(p)) for text, p in others.items()))


def test_the_first_token_decides_where_labels_part() -> None:
    """Alternatives that begin another label are that label's share; those that begin none count for nothing."""
    found = label_probabilities(LABELS, [step("bill", 0.6, delivery=0.2, The=0.1), step("ing", 0.9, s=0.1)])
    assert found == pytest.approx({"billing": 0.75, "delivery": 0.25})


def test_what_may_become_either_of_two_labels_is_given_to_neither() -> None:
    """`de` may become two labels: they have it together, as labels of an unopened branch of llama.cpp here."""
    found = label_probabilities(LABELS, [step("bill", 0.5, de=0.4), step("ing", 1.0)])
    assert found == pytest.approx({"billing": 0.5 / 0.9})


def test_what_is_certainly_a_labels_counts_beside_what_may_be() -> None:
    """`d` may become two labels, `delivery` one alone: only the latter is its share."""
    found = label_probabilities(LABELS, [step("bill", 0.5, delivery=0.3, d=0.2), step("ing", 1.0)])
    assert found == pytest.approx({"billing": 0.5, "delivery": 0.3})


def test_labels_in_a_json_object_are_read_from_their_own_letters() -> None:
    """What stands before the label in its object decides nothing, however the object is spaced."""
    for opening in ('{"label": "', '{ "label":"', '\n{\n  "label": "'):
        steps = [step(opening, 0.01), step("deliv", 0.7, billing=0.3), step('ery"}', 1.0)]
        assert label_probabilities(LABELS, steps) == pytest.approx({"billing": 0.3, "delivery": 0.7})


def test_a_label_that_begins_another_is_told_apart_by_its_end() -> None:
    """`a` and `a b` share their first letter: the next token decides between them."""
    steps = [step('{"label": "', 1.0), step("a", 1.0), step('"}', 0.4, **{" b": 0.6})]
    assert label_probabilities(("a", "a b"), steps) == pytest.approx({"a": 0.4, "a b": 0.6})


def test_without_log_probabilities_there_are_no_probabilities() -> None:
    """Nothing is made up where a server says nothing."""
    assert label_probabilities(LABELS, []) == {}
    assert label_probabilities(LABELS, [step("Hello", 0.5)]) == {}


def test_where_no_label_was_written_none_has_a_probability() -> None:
    """What little was listed beside another answer is not made into a certainty; nor are the tokens of thinking."""
    capital = [step("Refund", 0.99, Billing=0.005, bill=0.004, ref=0.001)]
    assert label_probabilities(("billing", "refund"), capital, answer="Refund") == {}
    thought = [step("The", 0.9, billing=0.01), step(" user", 1.0), step("delivery", 0.9)]
    assert label_probabilities(LABELS, thought) == {}
    assert label_probabilities(LABELS, [step("delivery", 0.9, billing=0.1)], answer="billing") == {}
    whole = [step(" delivery", 0.9, **{" billing": 0.1})]
    assert label_probabilities(LABELS, whole, answer="delivery") == pytest.approx({"billing": 0.1, "delivery": 0.9})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["b", "bil", "ling", "d", "e", "delivery", '"', "{", " ", "x", ""]),
            st.floats(-30, 0),
            st.lists(st.tuples(st.sampled_from(["b", "d", "de", "v", "l", "x"]), st.floats(-30, 0)), max_size=4),
        ),
        max_size=6,
    )
)
def test_any_steps_give_shares_of_labels_or_nothing(raw: list[tuple[str, float, list[tuple[str, float]]]]) -> None:
    """Whatever a server lists, the probabilities are of labels, none negative, and at most 1 together."""
    found = label_probabilities(LABELS, [Step(token, logprob, tuple(others)) for token, logprob, others in raw])
    assert set(found) <= set(LABELS)
    assert all(share >= 0 for share in found.values())
    assert sum(found.values()) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"label": "billing"}', "billing"),
        (" billing\n", "billing"),
        ("I think billing", "I think billing"),
        ('{"label": "other"}', '{"label": "other"}'),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_a_written_label_is_taken_out_of_its_object(text: str, label: str) -> None:
    """A label is returned bare; any other text stays as the model wrote it, to be read or to fail as free text."""
    assert written_label(text, LABELS) == label


def test_what_a_beginning_can_still_become() -> None:
    """A label that was begun, bare or as a JSON string, is one of those that begin so; nothing else is any of them."""
    labels = ("delivery", "device fault", 'say "no"')
    assert still_possible('"de', labels) == ("delivery", "device fault")
    assert still_possible(' "dev', labels) == ("device fault",)
    assert still_possible("deliv", labels) == ("delivery",)
    assert still_possible('"say \\"n', labels) == ('say "no"',)
    assert still_possible('"', labels) == ()
    assert still_possible("The", labels) == ()
