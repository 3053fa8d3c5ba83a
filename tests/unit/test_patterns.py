r"""Regular expressions of a task and its schema: any of them ends within its limit, and reads every script."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.storage.task_folder import read_task
from adapters.storage.task_schema import read_schema
from engine.core.errors import TaskError
from engine.core.task import AnswerKind, AnswerSpec, Rule, Task
from engine.core.text.json_schema import schema_fault
from engine.core.text.patterns import found_end, pattern_fault
from engine.metrics.scoring import rule_results
from tests.helpers import small_task
from tests.unit.test_task_folder import TEXT_TOML, line, write

SLOW = "^(a|b|ab)*$"
SLOW_TEXT = "ab" * 3000 + "!"
LONG_S = 20.0
"""No figure of speed: far over every limit, and far under the ages that these searches would take."""


def _task(rules: tuple[Rule, ...]) -> Task:
    return replace(small_task(kind=AnswerKind.TEXT), rules=rules)


@pytest.mark.timeout(LONG_S)
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^(\w+\s?)+$", "word " * 12 + "a" * 60 + "!"),
        (r"^(a+)+$", "a" * 60 + "!"),
        (SLOW, SLOW_TEXT),
        (r"^(a|aa)+$", "a" * 3000 + "!"),
        (r"(?:.*?,){30}P", "1," * 29 + "x" * 300),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 20_000),
    ],
)
def test_no_rule_runs_without_end(pattern: str, text: str) -> None:
    """An expression that backtracks without end is given up; its rule counts as not kept, and the others are checked."""
    task = _task(rules=(Rule(name="slow", pattern=pattern), Rule(name="short", pattern="^.")))
    assert rule_results(task, text) == {"slow": False, "short": True}


def test_a_forbidden_expression_that_takes_too_long_is_not_kept() -> None:
    """What could not be searched is never reported as absent."""
    assert rule_results(_task(rules=(Rule(name="no", forbid=SLOW),)), SLOW_TEXT) == {"no": False}


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("((a{1000}){1000}){1000}", "multiply to more than"),
        ("(?:(?:(?:a{100}){100}){100}){100}", "multiply to more than"),
        ("(" * 5000 + ")" * 5000, "nested too deep"),
        ("a" * 20_000, "characters"),
        ("(", "missing )"),
        ("a{99999999999999999999}", "multiply to more than"),
    ],
)
def test_expressions_that_cannot_be_used_are_said(pattern: str, fault: str) -> None:
    """Broken, huge and unrolling expressions are refused before they are compiled, in a sentence."""
    assert fault in str(pattern_fault(pattern))
    with pytest.raises(ValueError, match=re.escape(fault)):
        found_end(pattern, "a")


def test_words_of_every_script_are_words() -> None:
    r"""`\w`, `\d` and `\b` know the letters of each script, vowel signs included; lookaround and backreferences work."""
    for word in ("Größe", "नमस्ते", "สวัสดี", "здравствуйте", "مرحبا"):
        assert found_end(r"^\w+$", word) == len(word)
    assert found_end(r"(?<=a)b(?!c)", "abd") == 2
    assert found_end(r"(\w)\1", "hello") == 4


def test_a_rule_that_takes_too_long_on_a_target_is_told_with_the_task(tmp_path: Path) -> None:
    """Before any run, with the rule, the row and how to fix it."""
    toml = TEXT_TOML + f"[[scoring.rules]]\nname = \"slow\"\npattern = '{SLOW}'\n"
    rows = [line(1, target=SLOW_TEXT), line(2, target="x", split="test")]
    with pytest.raises(TaskError, match=r"rule 'slow'.*row 'r1'"):
        read_task(write(tmp_path, toml, rows))


SLOW_SCHEMAS: dict[str, dict[str, Any]] = {
    "pattern": {"properties": {"n": {"pattern": SLOW}}},
    "patternProperties": {"patternProperties": {SLOW: {"type": "string"}}},
    "additionalProperties": {"patternProperties": {SLOW: True}, "additionalProperties": False},
    "propertyNames": {"propertyNames": {"pattern": SLOW}},
    "its own $schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"n": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {"pattern": SLOW}},
    },
}


@pytest.mark.timeout(LONG_S)
@pytest.mark.parametrize("name", SLOW_SCHEMAS)
def test_no_expression_of_a_schema_runs_without_end(name: str) -> None:
    """In values and in names of fields, wherever a schema may have an expression."""
    schema = read_schema("schema.json", json.dumps(SLOW_SCHEMAS[name]))
    assert "takes longer" in str(schema_fault(schema, {SLOW_TEXT: "x", "n": SLOW_TEXT}))


@pytest.mark.timeout(LONG_S)
def test_a_schema_that_branches_without_end_is_given_up() -> None:
    """References that fork at every level of a deep answer end at the limit, too."""
    schema = {"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"a": {"allOf": [{"$ref": "#/$defs/t"}] * 8}}}}}
    record: dict[str, Any] = {}
    for _ in range(40):
        record = {"a": record}
    assert "takes longer" in str(schema_fault(read_schema("s.json", json.dumps(schema)), record))


def test_expressions_of_schemas_do_what_the_standard_says() -> None:
    """The four keywords that we check ourselves accept and refuse what JSON Schema's own examples do."""
    schema = {
        "properties": {"code": {"type": "string", "pattern": "^[A-Z]{2}"}, "n": {"type": "integer"}},
        "patternProperties": {"^x-": {"type": "string"}, "^n-": {"pattern": "a"}},
        "additionalProperties": {"type": "boolean"},
    }
    for record in (
        {"code": "DE1"},
        {"x-a": "b"},
        {"code": 5.5, "n": 1} | {"code": "AB"},
        {"other": True},
        {"n-1": 5},
        [],
        "x",
    ):
        assert schema_fault(schema, record) is None, record
    for record in ({"code": "d"}, {"x-a": 1}, {"other": 1}, {"n-1": "b"}):
        assert schema_fault(schema, record) is not None, record
    assert "'b' is not in the schema" in str(
        schema_fault({"properties": {"a": True}, "additionalProperties": False}, {"b": 1})
    )
    assert schema_fault({"additionalProperties": False, "patternProperties": {"b": True}}, {"abc": 1}) is None


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"properties": {"n": {"pattern": "("}}}, "not a 'regex'"),
        ({"patternProperties": {"((a{1000}){1000}){1000}": True}}, "multiply"),
        ({"patternProperties": {"a": True}, "allOf": [{"unevaluatedProperties": False}]}, "unevaluatedProperties"),
        ({"properties": {"n": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, "schema"),
    ],
)
def test_what_a_schema_cannot_have_is_said_when_it_is_read(schema: dict[str, Any], fault: str) -> None:
    """Expressions that cannot be used, and what the limits would not reach."""
    with pytest.raises(TaskError, match=fault):
        read_schema("schema.json", json.dumps(schema))


def test_answers_under_an_expression_of_a_schema_are_scored() -> None:
    """An answer of a task whose schema came with an unusable expression is judged, not raised."""
    spec = AnswerSpec(kind=AnswerKind.JSON, json_schema={"properties": {"n": {"pattern": "("}}})
    assert "cannot be used" in str(schema_fault(spec.json_schema or {}, {"n": "x"}))
