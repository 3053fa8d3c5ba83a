"""Task folders: a sound one is read whole, a faulty one names file, line, field, value and fix."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.storage.task_folder import read_task, write_task
from engine.core.errors import TaskError
from engine.core.task import AnswerKind, AnswerSpec, Document, Example, Rule, Task
from tests.helpers import small_task

TOML = """
id = "desk"
title = "Desk"
instructions = "Sort it."
[answer]
kind = "label"
labels = ["billing", "fault"]
[scoring]
primary = "accuracy"
scorers = ["accuracy", "macro_f1"]
"""
JSON_TOML = """
id = "order"
title = "Order"
instructions = "Read it."
[answer]
kind = "json"
schema_file = "schema.json"
[scoring]
primary = "field_f1"
scorers = ["field_f1"]
"""
TEXT_TOML = """
id = "style"
title = "Style"
instructions = "Rewrite it."
[answer]
kind = "text"
[scoring]
primary = "rules_kept"
scorers = ["rules_kept"]
[[scoring.rules]]
name = "tag"
pattern = "^x"
"""
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def line(number: int = 1, **changes: object) -> str:
    """Write one row."""
    row = {"id": f"r{number}", "input": "my bill", "target": "billing", "split": "train", **changes}
    return json.dumps({key: value for key, value in row.items() if value is not ...})


def write(folder: Path, toml: str = TOML, lines: list[str] | None = None, **files: str) -> Path:
    """Write a folder; two sound rows unless told."""
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    (folder / "task.toml").write_text(toml, encoding="utf-8")
    rows = lines if lines is not None else [line(1), line(2, split="test")]
    (folder / "examples.jsonl").write_text("\n".join(rows), encoding="utf-8")
    for name, text in files.items():
        (folder / name.replace("__", "/").replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def fault(folder: Path) -> str:
    """Return the message of the fault: at most two lines, with a fix."""
    with pytest.raises(TaskError) as caught:
        read_task(folder)
    assert caught.value.fix
    assert str(caught.value).count("\n") == 0
    return str(caught.value)


def test_a_sound_folder_is_read_whole(tmp_path: Path) -> None:
    """Rows, labels, documents in order of name, and a digest that changes with any of them."""
    toml = TOML + '[documents]\nfolder = "documents"\n[splits]\ntrain = 1\ntest = 1\n'
    rows = [line(1, metadata={"tags": ["x"]}), "", line(2, split="test", input="line\u2028separator\nand break")]
    folder = write(tmp_path, toml, rows, documents__b_md="# B", documents__a_md="# A", documents__c_txt="no")
    task = read_task(folder)
    assert (task.id, task.answer.labels, task.primary_scorer) == ("desk", ("billing", "fault"), "accuracy")
    assert task.split("test")[0].input == "line\u2028separator\nand break"
    assert task.examples[0].metadata == {"tags": ["x"]}
    assert [document.name for document in task.documents] == ["a.md", "b.md"]
    (folder / "documents" / "a.md").write_text("# A!")
    assert read_task(folder).digest != task.digest


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([line(1), line(1)], ["examples.jsonl, line 2", "'id'", "'r1' is already used on line 1"]),
        ([line(1), "", line(2, target="fualt")], ["line 3", "'target'", "'fualt' is not a label", "billing, fault"]),
        ([line(1, target={"a": 1})], ["line 1", "'target'", "not a label"]),
        ([line(1, input=...)], ["line 1", "'input'", "required"]),
        ([line(1, input="")], ["line 1", "'input'", "at least 1 character"]),
        ([line(1, input=7)], ["line 1", "'input'", "string", "'7'"]),
        ([line(1, colour="red")], ["line 1", "'colour'", "not permitted", "'red'"]),
        ([line(1), "{broken"], ["line 2", "Invalid JSON"]),
        ([line(1), "[]"], ["line 2", "object"]),
        ([], ["examples.jsonl has no rows"]),
    ],
    ids=str,
)
def test_faults_of_rows_name_line_field_and_value(tmp_path: Path, rows: list[str], words: list[str]) -> None:
    """The first fault among thousands of rows is found by its line."""
    message = fault(write(tmp_path, lines=rows))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (TOML.replace('"Desk"', '"Desk'), ["task.toml", "line 3"]),
        (TOML.replace('title = "Desk"\n', ""), ["'title'", "required"]),
        (TOML.replace('id = "desk"', 'id = "My Desk"'), ["'id'", "'My Desk'"]),
        (TOML.replace('id = "desk"', 'id = "../up"'), ["'id'", "'../up'"]),
        ('colour = "red"\n' + TOML, ["'colour'", "not permitted", "'red'"]),
        (TOML.replace('"label"', '"labels"'), ["'answer.kind'", "'labels'"]),
        (TOML.replace(', "fault"]', "]"), ["'answer.labels'", "two labels"]),
        (TOML.replace('"macro_f1"', '"chrf"'), ["'chrf' does not score", "accuracy, macro_f1"]),
        (TOML.replace('primary = "accuracy"', 'primary = "macro_f1"'), ["'scoring.primary'", "'macro_f1'"]),
        (TOML + "[splits]\ntrain = 5\n", ["'splits.train'", "5 rows are declared", "has 1"]),
        (TOML + '[documents]\nfolder = "../../etc"\n', ["'documents.folder'", "'../../etc'"]),
        (TOML + '[documents]\nfolder = "documents"\n', ["'documents' has no Markdown"]),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_faults_of_the_definition_name_the_field(tmp_path: Path, toml: str, words: list[str]) -> None:
    """Unknown keys, wrong values and paths that lead out of the folder are refused by name."""
    message = fault(write(tmp_path, toml))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("schema", "rows", "words"),
    [
        ("{", [line(1, target={"n": 1})], ["schema.json", "line 1"]),
        ("[]", [line(1, target={"n": 1})], ["schema.json", "object"]),
        ('{"type": "objekt"}', [line(1, target={"n": 1})], ["schema.json", "'type'", "objekt"]),
        (json.dumps(SCHEMA), [line(1, target="n=1")], ["line 1", "JSON object"]),
        (json.dumps(SCHEMA), [line(1, target={"n": "one"})], ["line 1", "'target'", "'one' is not of type 'integer'"]),
        (json.dumps(SCHEMA), [line(1, target={"n": 1, "m": 2})], ["line 1", "the field 'm' is not in the schema"]),
    ],
)
def test_faults_of_records_are_the_schemas(tmp_path: Path, schema: str, rows: list[str], words: list[str]) -> None:
    """A target that the schema forbids is a fault of its line; a schema that is none is a fault of its own."""
    message = fault(write(tmp_path, JSON_TOML, rows, schema_json=schema))
    for word in words:
        assert word in message


@pytest.mark.parametrize("name", ["", "../schema.json", "missing.json"])
def test_the_schema_lies_beside_the_definition(tmp_path: Path, name: str) -> None:
    """A schema elsewhere, or nowhere, is refused."""
    fault(write(tmp_path, JSON_TOML.replace("schema.json", name), [line(1, target={"n": 1})]))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ('pattern = "["', ["rule 'tag'", "unterminated"]),
        ('pattern = "a"\nforbid = "b"', ["rule 'tag'", "exactly one"]),
        ('max_words_after = "a"', ["rule 'tag'", "exactly one"]),
        ("max_words = 3", ["rule 'tag'", "exactly one"]),
    ],
)
def test_faults_of_rules_are_named(tmp_path: Path, rule: str, words: list[str]) -> None:
    """A rule that could never be checked is refused before any run."""
    message = fault(write(tmp_path, TEXT_TOML.replace('pattern = "^x"', rule), [line(1)]))
    for word in words:
        assert word in message


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    """A folder without its files, a path that is a file, or text in another encoding says which file."""
    assert "task.toml is missing" in fault(tmp_path)
    (tmp_path / "task.toml").write_text(TOML)
    assert "examples.jsonl is missing" in fault(tmp_path)
    (tmp_path / "examples.jsonl").write_bytes("{'café'}".encode("latin-1"))
    assert "examples.jsonl is not UTF-8 at byte 5" in fault(tmp_path)
    assert "task.toml" in fault(tmp_path / "examples.jsonl")


def full_task(kind: AnswerKind) -> Task:
    """Build a task of one kind with everything that it can hold."""
    task = small_task(kind=kind, documents=[Document(name="a.md", text="# Ä\n\ntext\n")])
    examples = tuple(
        replace(e, input=f'{e.input}\n"quoted" \u2028 😀', metadata={"accept": ["x"], "n": 1}) for e in task.examples
    )
    task = replace(
        task, examples=examples, instructions='Do "it"\n\tnow \\ 😀', licence="MIT", card={"made": "by hand"}
    )
    if kind is AnswerKind.JSON:
        records = tuple(replace(e, target='{"n": 1}') for e in task.examples)
        return replace(task, examples=records, answer=AnswerSpec(kind=kind, json_schema=SCHEMA))
    if kind is AnswerKind.SHORT:
        return replace(task, answer=AnswerSpec(kind=kind, refusal="not there"))
    if kind is AnswerKind.TEXT:
        rules = (Rule(name="a", pattern=r"^\["), Rule(name="b", max_words_after="x", max_words=3))
        return replace(task, rules=rules)
    return task


@pytest.mark.parametrize("kind", list(AnswerKind))
def test_a_written_task_is_read_as_it_was(tmp_path: Path, kind: AnswerKind) -> None:
    """Writing and reading gives the same task, whatever its kind: schema, rules and documents included."""
    task = full_task(kind)
    write_task(task, tmp_path / "small")
    found = read_task(tmp_path / "small")
    assert replace(found, digest="") == replace(task, digest="")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_writing_again_replaces_the_whole_folder(tmp_path: Path) -> None:
    """No file of the older task stays behind."""
    write_task(full_task(AnswerKind.JSON), tmp_path / "small")
    write_task(
        replace(small_task(), examples=(Example(id="a", input="b", target="billing", split="test"),)),
        tmp_path / "small",
    )
    assert {path.name for path in (tmp_path / "small").iterdir()} == {"task.toml", "examples.jsonl"}
    assert len(read_task(tmp_path / "small").examples) == 1
