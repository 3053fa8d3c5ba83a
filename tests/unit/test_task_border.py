"""The border of task folders: whatever a folder holds becomes a task or one typed error, and nothing is fetched."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.storage.task_folder import read_task
from adapters.storage.task_store import TaskFolders
from engine.core.errors import TaskError
from engine.core.task import AnswerKind, AnswerSpec, Example, Task
from engine.metrics.scoring import valid_json
from tests.unit.test_task_folder import JSON_TOML, TOML, fault, line, write

RECORD = line(target={"n": 1})


def _not_300_times() -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(300):
        schema = {"not": schema}
    return schema


def _doubling(levels: int) -> dict[str, Any]:
    definitions = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": {**definitions, f"a{levels}": True}}


SCHEMAS: dict[str, tuple[str, str]] = {
    "a reference to nothing": (json.dumps({"$ref": "#/nope"}), "leads to nothing"),
    "a reference to itself": (json.dumps({"$ref": "#"}), "in a circle"),
    "two that refer to each other": (
        json.dumps(
            {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}
        ),
        "in a circle",
    ),
    "a reference to another host": (json.dumps({"$ref": "http://127.0.0.1:9/x.json"}), "nothing is fetched"),
    "a reference to the standard": (
        json.dumps({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
        "nothing is fetched",
    ),
    "a reference to a file": (json.dumps({"properties": {"n": {"$ref": "other.json"}}}), "nothing is fetched"),
    "an own name, and a reference beside it": (
        json.dumps({"$id": "http://127.0.0.1:9/a.json", "$ref": "b.json"}),
        "nothing is fetched",
    ),
    "a reference to no schema": (json.dumps({"$ref": "#/title", "title": "x"}), "not a schema"),
    "a broken pointer": (json.dumps({"$ref": "#/allOf/x", "allOf": [{}]}), "leads to nothing"),
    "an address that is none": (json.dumps({"$ref": "http://[x"}), "nothing is fetched"),
    "300 times not": (json.dumps(_not_300_times()), "deeper than 64"),
    "deep arrays": ("[" * 100_000 + "]" * 100_000, "deeper than 64"),
    "deep objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, "deeper than 64"),
    "many levels of doubling": (json.dumps(_doubling(20)), "10,000 parts"),
    "an integer of 5,000 digits": ('{"minimum": ' + "9" * 5_000 + "}", "schema.json"),
    "no expression": (json.dumps({"pattern": "("}), "schema.json"),
    "a number": ("1", "is an object"),
    "a lone surrogate": ('{"$ref": "#/\\ud800"}', "leads to nothing"),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_that_cannot_be_used_is_one_error(tmp_path: Path, name: str) -> None:
    """Each of them would end in a traceback, or never, when an answer is checked."""
    text, words = SCHEMAS[name]
    assert words in fault(write(tmp_path / "t", JSON_TOML, [RECORD], schema_json=text))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object"}}},
        {"$id": "http://example.com/a", "$ref": "#here", "$defs": {"x": {"$anchor": "here", "type": "object"}}},
        {"allOf": [{"properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}}}]},
        {
            "$defs": {"t": {"properties": {"n": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/t"}]}}}},
            "$ref": "#/$defs/t",
        },
    ],
)
def test_a_schema_of_its_own_parts_is_read(tmp_path: Path, schema: dict[str, Any]) -> None:
    """References inside the file work, by pointer, name and anchor; trees too."""
    assert (
        read_task(write(tmp_path / "t", JSON_TOML, [RECORD], schema_json=json.dumps(schema))).answer.json_schema
        == schema
    )


def test_a_toml_that_no_reader_takes_is_one_error(tmp_path: Path) -> None:
    """Brackets nested 5,000 deep, an integer of 5,000 digits, bytes that are no text."""
    assert "nested too deep" in fault(write(tmp_path / "a", TOML + "[source]\nx = " + "[" * 5_000 + "]" * 5_000))
    assert "task.toml" in fault(write(tmp_path / "b", TOML + "[source]\nx = " + "9" * 5_000))
    folder = write(tmp_path / "c")
    (folder / "task.toml").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in fault(folder)


@pytest.mark.parametrize("value", ["9" * 5_000, "[" * 5_000 + "]" * 5_000, '"\\ud800"'])
def test_rows_that_no_reader_takes_are_one_error(tmp_path: Path, value: str) -> None:
    """The same in a row's metadata."""
    row = line().replace('"split"', f'"metadata": {{"x": {value}}}, "split"')
    assert fault(write(tmp_path / "t", lines=[row, line(2)]))


def test_something_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe in the place of the rows would never end."""
    folder = write(tmp_path / "t")
    (folder / "examples.jsonl").unlink()
    os.mkfifo(folder / "examples.jsonl")
    assert "is not a file" in fault(folder)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(toml=st.binary(max_size=200), schema=st.binary(max_size=200), row=st.binary(max_size=200))
def test_any_bytes_become_a_task_or_a_typed_error(tmp_path: Path, toml: bytes, schema: bytes, row: bytes) -> None:
    """Bytes in each of the three files, alone and together."""
    for number, (a, b, c) in enumerate(
        [(toml, None, None), (None, schema, None), (None, None, row), (toml, schema, row)]
    ):
        folder = write(tmp_path / str(number), JSON_TOML, [RECORD], schema_json="{}")
        for name, data in (("task.toml", a), ("schema.json", b), ("examples.jsonl", c)):
            if data is not None:
                (folder / name).write_bytes(data)
        try:
            read_task(folder)
        except TaskError as error:
            assert error.fix


def test_one_bad_folder_stops_no_other(tmp_path: Path) -> None:
    """It is set aside with its reason and its fix, and the others are listed."""
    write(tmp_path / "own" / "good")
    write(tmp_path / "own" / "bad", JSON_TOML, [RECORD], schema_json='{"$ref":"#"}')
    (tmp_path / "own" / "empty").mkdir()
    tasks = TaskFolders(tmp_path / "own", tmp_path / "none")
    assert [info.id for info in tasks.infos()] == ["good"]
    (aside,) = tasks.set_aside()
    assert aside.id == "bad"
    assert "in a circle" in aside.what
    assert aside.fix
    with pytest.raises(TaskError, match="in a circle"):
        tasks.get("bad")
    write(tmp_path / "own" / "bad", JSON_TOML, [RECORD], schema_json="{}")
    assert [info.id for info in tasks.infos()] == ["bad", "good"]
    assert not tasks.set_aside()


def test_nothing_is_fetched_when_a_schema_is_read_or_an_answer_scored(tmp_path: Path) -> None:
    """A server that a schema names hears nothing, even if the schema was put into a task past the border."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        schema = {"$ref": f"http://127.0.0.1:{server.server_port}/schema.json"}
        assert "nothing is fetched" in fault(write(tmp_path / "t", JSON_TOML, [RECORD], schema_json=json.dumps(schema)))
        assert valid_json(_task(schema), _example(), '{"n": 1}') == 0.0
    finally:
        server.shutdown()
        server.server_close()
    assert not asked


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"properties": {"n": {"$ref": "#"}}}, '{"n":' * 900 + "1" + "}" * 900),
        ({"properties": {"n": {"multipleOf": 0.5}}}, '{"n":' + "9" * 4_000 + "}"),
        ({"uniqueItems": True}, "[" * 900 + "]" * 900),
    ],
)
def test_an_answer_that_cannot_be_checked_does_not_fulfil(schema: dict[str, Any], answer: str) -> None:
    """Too deep or too large an answer counts as wrong and stops no run."""
    assert valid_json(_task(schema), _example(), answer) in {0.0, 1.0}


def _task(schema: dict[str, Any]) -> Task:
    return Task(
        id="order",
        title="Order",
        summary="",
        instructions="Read it.",
        answer=AnswerSpec(kind=AnswerKind.JSON, json_schema=schema),
        primary_scorer="valid_json",
        scorers=("valid_json",),
        examples=(_example(),),
    )


def _example() -> Example:
    return Example(id="r1", input="x", target='{"n": 1}', split="test")


def test_a_task_is_read_again_when_a_file_of_it_changes_and_links_to_nowhere_do_no_harm(tmp_path: Path) -> None:
    """Also a document in a folder of its own, and what a link leads to."""
    folder = write(tmp_path / "own" / "good")
    deep = folder / "documents" / "more"
    deep.mkdir(parents=True)
    (folder / "documents" / "circle").symlink_to(folder / "documents" / "circle")
    (folder / "documents" / "gone").symlink_to(tmp_path / "gone")
    (folder / "documents" / "inside-a-file").symlink_to(folder / "task.toml" / "x")
    tasks = TaskFolders(tmp_path / "own", tmp_path / "none")
    first = tasks.get("good")
    assert tasks.get("good") is first
    other = tmp_path / "other.txt"
    other.write_text("one")
    for change in (
        lambda: (deep / "new.md").write_text("# New\n\nText."),
        lambda: (deep / "new.md").write_text("# New\n\nOther text."),
        lambda: (folder / "documents" / "linked.txt").symlink_to(other),
        lambda: other.write_text("two and more"),
        (deep / "new.md").unlink,
    ):
        before = tasks.get("good")
        change()
        assert tasks.get("good") is not before
        assert tasks.get("good") is tasks.get("good")
