"""Reading answers from texts, and each scorer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import UnparsedAnswerError
from engine.core.task import AnswerKind, AnswerSpec, Example, Rule
from engine.core.text.answer_forms import punctuation_as_blanks, without_punctuation
from engine.core.variant import DecodingMode
from engine.metrics.scoring import (
    KINDS,
    RUN_SCORERS,
    SCORERS,
    read_answer,
    rule_results,
    score_answer,
)
from tests.helpers import small_task

DESKS = ("account_access", "billing", "billing_refund")
LABEL_TASK = small_task(labels=DESKS)
SHORT_TASK = replace(small_task(kind=AnswerKind.SHORT), answer=AnswerSpec(kind=AnswerKind.SHORT, refusal="not there"))
JSON_TASK = replace(
    small_task(kind=AnswerKind.JSON),
    answer=AnswerSpec(
        kind=AnswerKind.JSON,
        json_schema={"type": "object", "properties": {"n": {"type": ["integer", "null"]}}, "required": ["n"]},
    ),
)


def row(target: str, **metadata: object) -> Example:
    """Build an example with this target."""
    return Example(id="r", input="?", target=target, split="test", metadata=metadata)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("billing", "billing"),
        ("  Billing. ", "billing"),
        ("BILLING REFUND", "billing_refund"),
        ("billing-refund!", "billing_refund"),
        ("Category: account access", "account_access"),
        ("The answer is 'billing_refund', of course", "billing_refund"),
        ("**account_access**", "account_access"),
        ("".join(chr(ord(c) + 0xFEE0) for c in "account_access"), "account_access"),
    ],
)
def test_a_label_is_read_from_free_text(text: str, label: str) -> None:
    """Case, punctuation, underscores and words around it do not hide a label; the longest one named counts."""
    assert read_answer(LABEL_TASK, DecodingMode.FREE, text) == label


@pytest.mark.parametrize("text", ["", "   ", "none of these", "billing or account access", "prebilling", "?!"])
def test_a_text_without_one_label_is_unparsed(text: str) -> None:
    """No label, or more than one, is a failure and not a guess."""
    with pytest.raises(UnparsedAnswerError):
        read_answer(LABEL_TASK, DecodingMode.FREE, text)


def test_labels_of_the_same_letters_are_told_apart() -> None:
    """`C`, `C++` and `C#` differ in punctuation alone: the exact form is read, and an unclear one is unparsed."""
    task = small_task(labels=("C", "C++", "C#", "+"))
    for label in ("C", "C++", "C#", "+"):
        assert read_answer(task, DecodingMode.FREE, label) == label
        assert read_answer(task, DecodingMode.JSON, json.dumps({"label": label})) == label
    for text in ("c", "", "!"):
        with pytest.raises(UnparsedAnswerError):
            read_answer(task, DecodingMode.FREE, text)


def test_a_label_is_read_from_json() -> None:
    """JSON decoding's label is read from its field; JSON without one is unparsed."""
    assert read_answer(LABEL_TASK, DecodingMode.JSON, '{"label": "billing_refund"}') == "billing_refund"
    for text in ('{"labels": "billing"}', "[]", '{"label"', "billing"):
        with pytest.raises(UnparsedAnswerError):
            read_answer(LABEL_TASK, DecodingMode.JSON, text)


def test_the_first_json_object_is_read() -> None:
    """Words before and after a record do not spoil it; a list, half a record or nothing is unparsed."""
    assert read_answer(JSON_TASK, DecodingMode.FREE, 'Here: {"n": 1, "é": "ü"} done') == '{"n": 1, "é": "ü"}'
    for text in ("", "[1]", '{"n": ', "{}}"[1:], "null"):
        with pytest.raises(UnparsedAnswerError):
            read_answer(JSON_TASK, DecodingMode.FREE, text)


def test_a_short_answer_is_the_trimmed_text() -> None:
    """Short answers are taken as they stand, and an empty one is unparsed."""
    assert read_answer(SHORT_TASK, DecodingMode.FREE, " 5 days \n") == "5 days"
    with pytest.raises(UnparsedAnswerError):
        read_answer(SHORT_TASK, DecodingMode.FREE, " \n")


@given(st.text(max_size=60))
def test_any_text_is_read_or_unparsed(text: str) -> None:
    """Whatever a model writes, reading gives an answer of the task's kind or `UnparsedAnswerError`, nothing else."""
    for task in (LABEL_TASK, SHORT_TASK, JSON_TASK):
        for mode in (DecodingMode.FREE, DecodingMode.JSON):
            try:
                answer = read_answer(task, mode, text)
            except UnparsedAnswerError:
                continue
            assert score_answer(task, row(answer if task is not JSON_TASK else '{"n": 1}'), answer)


@given(st.text(max_size=60))
def test_normalizing_twice_is_normalizing_once(text: str) -> None:
    """The normal form is stable, so that equal answers stay equal."""
    for form in (punctuation_as_blanks, without_punctuation):
        once = form(text)
        assert once == " ".join(once.split())
        assert form(once + " ") == form(once)


def test_accuracy_is_equality() -> None:
    """A label is right or wrong."""
    assert SCORERS["accuracy"](LABEL_TASK, row("billing"), "billing") == 1.0
    assert SCORERS["accuracy"](LABEL_TASK, row("billing"), "billing_refund") == 0.0


def test_exact_match_knows_accepted_forms() -> None:
    """Articles, case and punctuation do not matter, and any accepted form is right."""
    target = row("The Guarded label", accept=["Guarded", "class 2"])
    for answer, score in (("the guarded label.", 1.0), ("Class 2", 1.0), ("Sealed", 0.0)):
        assert SCORERS["exact_match"](SHORT_TASK, target, answer) == score


def test_token_f1_counts_shared_words() -> None:
    """Half of the words right, with repeats counted once each, is the harmonic mean of precision and recall."""
    score = SCORERS["token_f1"]
    assert score(SHORT_TASK, row("five days"), "five days") == 1.0
    assert score(SHORT_TASK, row("five days"), "five weeks") == 0.5
    assert score(SHORT_TASK, row("five"), "five five five") == pytest.approx(0.5)
    assert score(SHORT_TASK, row("five days", accept=["5"]), "5") == 1.0
    assert score(SHORT_TASK, row("the"), "a") == 1.0
    assert score(SHORT_TASK, row("five"), "!!") == 0.0


def test_punctuation_inside_an_answer_leaves_no_blank() -> None:
    """A thousand with and without its comma is one number; "3.5" is not "3 5" (the official SQuAD evaluation)."""
    for scorer in ("exact_match", "token_f1"):
        score = SCORERS[scorer]
        for target, answer, right in (
            ("10,000", "10000", 1.0),
            ("3.5", "3 5", 0.0),
            ("form G-2", "Form G2.", 1.0),
            ("well-known", "well known", 0.0),
            ("A", "A", 1.0),
            ("A", "B", 0.0),
        ):
            assert score(SHORT_TASK, row(target), answer) == right, (scorer, target, answer)


def test_characters_outside_ascii_are_compared_in_one_form() -> None:
    """An accent as a character of its own, a wide digit and a sharp s are the same as their other spellings."""
    for target, answer in (
        ("café", "cafe\u0301"),
        ("10,000", "\uff11\uff10\uff0c\uff10\uff10\uff10"),
        ("Maße", "MASSE"),
    ):
        assert SCORERS["exact_match"](SHORT_TASK, row(target), answer) == 1.0


def test_fields_of_a_record_keep_their_punctuation_apart() -> None:
    """For fields, punctuation is a blank: "12-3" is not "1-23", and "12 3" is the same order."""
    target = row('{"order": "12-3"}')
    assert SCORERS["record_match"](JSON_TASK, target, '{"order": "12 3"}') == 1.0
    assert SCORERS["record_match"](JSON_TASK, target, '{"order": "1-23"}') == 0.0


def test_refusals_are_right_when_the_target_refuses() -> None:
    """Refusing where there is an answer, or answering where there is none, is wrong."""
    score = SCORERS["refusal_correctness"]
    assert score(SHORT_TASK, row("not there"), "Not there.") == 1.0
    assert score(SHORT_TASK, row("not there"), "5 days") == 0.0
    assert score(SHORT_TASK, row("5 days"), "not there") == 0.0
    assert score(SHORT_TASK, row("5 days"), "7 weeks") == 1.0


def test_valid_json_is_the_schemas_word() -> None:
    """The schema decides."""
    assert SCORERS["valid_json"](JSON_TASK, row("{}"), '{"n": 3}') == 1.0
    assert SCORERS["valid_json"](JSON_TASK, row("{}"), '{"n": "3"}') == 0.0
    assert SCORERS["valid_json"](JSON_TASK, row("{}"), "{}") == 0.0


def test_records_match_field_by_field() -> None:
    """Texts are compared in normal form, numbers and null exactly; F1 looks at filled fields alone."""
    target = row('{"a": "Blue Lamp", "n": 2, "x": null}')
    assert SCORERS["record_match"](JSON_TASK, target, '{"n": 2, "a": "blue lamp.", "x": null}') == 1.0
    assert SCORERS["record_match"](JSON_TASK, target, '{"n": 2, "a": "blue lamp."}') == 0.0
    assert SCORERS["field_f1"](JSON_TASK, target, '{"a": "blue lamp", "n": 3}') == pytest.approx(0.5)
    assert SCORERS["field_f1"](JSON_TASK, target, '{"a": "blue lamp", "n": 2, "z": 1}') == pytest.approx(0.8)
    assert SCORERS["field_f1"](JSON_TASK, row('{"x": null}'), "{}") == 1.0
    assert SCORERS["field_f1"](JSON_TASK, target, "{}") == 0.0


def test_every_rule_form_is_checked() -> None:
    """A pattern must be found, a forbidden one must not, and what follows a match is counted in words."""
    rules = (
        Rule(name="tag", pattern=r"^\[fixed\] "),
        Rule(name="calm", forbid="!"),
        Rule(name="length", max_words_after=r"^\[[a-z]+\] ", max_words=3),
    )
    task = replace(small_task(kind=AnswerKind.TEXT), rules=rules)
    assert rule_results(task, "[fixed] Fixed a crash") == {"tag": True, "calm": True, "length": True}
    assert rule_results(task, "Fixed a nasty crash!") == {"tag": False, "calm": False, "length": False}
    assert SCORERS["rules_kept"](task, row("x"), "[fixed] Fixed a crash") == 1.0
    assert SCORERS["rules_kept"](task, row("x"), "[fixed] Fixed a very bad crash") == 0.0


def test_chrf_is_one_for_the_same_text_and_less_for_another() -> None:
    """Scores are shares of 1, as everywhere in the app, not percent."""
    same, near, far = (
        SCORERS["chrf"](SHORT_TASK, row("the blue lamp"), a) for a in ("the blue lamp", "blue lamps", "xyz")
    )
    assert same == pytest.approx(1.0)
    assert 0 < near < 1
    assert far == pytest.approx(0.0, abs=0.01)


def test_every_scorer_says_what_it_is_for() -> None:
    """No scorer is without its kinds of answer, so that a task folder can be checked."""
    assert set(KINDS) == set(SCORERS) | set(RUN_SCORERS)
