"""What an upload comes to: the task, and the tokens of its rows."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.documents import read_document
from adapters.storage.task_folder import read_task, write_task
from adapters.storage.task_zip import pack_folder, unpack_into
from adapters.tabular.reader import read_table
from adapters.tabular.source import Source
from components.upload.documents_step import _add
from components.upload.draft import Draft
from engine.core.generation import Message, ModelFacts
from engine.core.task import AnswerKind
from engine.ingest.answer_kind import answer_spec
from engine.ingest.columns import Roles
from engine.ingest.data_card import Fix
from engine.ingest.drafting import draft_instructions
from engine.ingest.leaks.record import LeakFix
from engine.ingest.one_step import begin_import, finish_import
from engine.ingest.options import ImportOptions
from engine.ingest.steps import Checked, Mapped, Ready, count_tokens
from tests.unit.test_upload_steps import TEXT, changed, fixed, new_draft, walk

UPLOAD = Path(__file__).parents[1] / "fixtures" / "home_1"


def test_an_upload_of_the_old_version_gives_the_same_task() -> None:
    """A file with choices that an earlier version took up comes to the same rows, findings and leaks."""
    told = json.loads((UPLOAD / "upload" / "choices.json").read_text())
    draft = Draft(file_id="f", name=told["file"], data=(UPLOAD / "upload" / told["file"]).read_bytes())
    roles = Roles(inputs=(told["input_column"],), target=told["target_column"], split=told["split_column"])
    draft.choose(changed(title=told["file"])(draft.options))
    walk(draft, 3)
    draft.choose(draft.options.use_columns(roles, instead_of=draft.find(Mapped).roles))
    fixes = {name: Fix(what) for name, what in told["mends"].items()}
    for leaks in (LeakFix.MOVE, LeakFix(told["leaks"])):
        draft.choose(changed(fixes=fixes, leaks=leaks)(draft.options))
        assert walk(draft) == ""
    ready, checked = draft.find(Ready), draft.find(Checked)
    assert [[f.id, len(f.lines), str(f.chosen)] for f in checked.examined.card.findings] == told["findings"]
    assert "1 of 9 test rows is similar to something that variants learn from" in ready.before.record.sentence()
    kept = read_task(UPLOAD / "tasks" / told["task_id"])
    assert ready.task.examples == kept.examples
    assert len(kept.examples) == told["rows"]


@pytest.mark.parametrize("kind", [None, AnswerKind.SHORT, AnswerKind.JSON])
def test_tokens_are_counted_whatever_is_fixed(kind: AnswerKind | None) -> None:
    """Beside the rows stand the instructions of the usual fixes; what is chosen about findings changes no count."""
    draft = new_draft(ImportOptions(title="T", roles=TEXT, kind=kind))
    draft.data += b'"{""a"": 1}","{""a"": 1}",train,c0,\n'
    told: list[str] = []

    class Counter:
        """Takes note of the instructions that it counts."""

        def count_tokens(self, _model_id: str, prompts: Sequence[Sequence[Message]]) -> list[int]:
            told.extend(messages[0].content for messages in prompts)
            return [sum(len(message.content) for message in messages) for messages in prompts]

    walk(draft, 4)
    model = ModelFacts(id="m", name="M", backend="", path="", architecture="", quantization="", size_bytes=0,
                       context_tokens=2048, parameters=0, chat_template="", digest="", licence="")  # fmt: skip
    mapped, checked = draft.find(Mapped), draft.find(Checked)
    facts = count_tokens(mapped, Counter(), model)  # type: ignore[arg-type]
    answer = answer_spec(mapped.kind, [row.target for row in checked.examined.rows])
    assert set(told) == {draft_instructions(answer, target="label").strip()}
    draft.choose(fixed("label_forms", Fix.MERGE)(fixed("spaces", Fix.KEEP)(draft.options)))
    walk(draft, 1)
    assert count_tokens(draft.find(Mapped), Counter(), model) == facts  # type: ignore[arg-type]


FOLLOWS = """You are given a premise and a hypothesis. Decide whether the hypothesis follows from the premise.
Premise: {premise}
Hypothesis: {hypothesis}
Does the hypothesis follow from the premise?"""


@pytest.mark.parametrize("template", [FOLLOWS, ""])
def test_the_words_of_a_template_are_no_words_of_a_row(template: str) -> None:
    """Rows that have only the template in common do not leak; one that is in training does, and is told as the same."""
    draw = random.Random(1)
    words = (
        "red blue old young tall small fast quiet",
        "man woman dog child bird singer driver cook",
        "eats sleeps runs sings reads paints waits jumps",
        "park kitchen street garden office market beach hall",
    )

    def sentence() -> str:
        adjective, noun, verb, place = (draw.choice(part.split()) for part in words)
        return f"a {adjective} {noun} {verb} in the {place}"

    rows = list(dict.fromkeys(f"{sentence()},{sentence()}" for _ in range(120)))
    lines = [f"{row},{draw.choice(['yes', 'no'])},{'test' if n % 3 == 0 else 'train'}" for n, row in enumerate(rows)]
    lines.append(f"{rows[1]},yes,test")
    data = "premise,hypothesis,label,split\n" + "\n".join(lines) + "\n"
    roles = Roles(inputs=("premise", "hypothesis"), target="label", split="split", template=template)
    options = ImportOptions(roles=roles)
    compared = begin_import(read_table(Source(name="t.csv", data=data.encode())), options)
    alike = {pair.test_id for pair in compared.pairs}
    assert [pair.kind for pair in compared.pairs if pair.test_id == str(len(rows))] == ["exact"]
    assert len(alike) < 10, len(alike)
    done = finish_import(compared, replace(options, leaks=LeakFix.MOVE), task_id="t")
    assert done.leaks.changed_rows < 15
    assert done.task.examples[0].input == roles.joined().format_map(
        dict(zip(roles.inputs, rows[0].split(","), strict=True))
    )


RECORDS = (
    """{"item":"pear","n":1}""",
    """{"price": 0.50, "n": 12345678901234567890123, "long": 0.1234567890123456789, "big": 1e400, "small": -0.0}""",
    """ {"name": "M\\u00fcller", "a": [1, {"b": null}], "a": [2.0, true]} """,
)


@pytest.mark.parametrize("record", RECORDS)
def test_a_task_of_records_is_the_same_when_it_is_read_again(record: str, tmp_path: Path) -> None:
    """However a table writes JSON, the task that was made and the one that was kept have one digest."""
    cell = record.replace('"', '""')
    data = "text,target,split\n" + "".join(f'message {n},"{cell}",{("train", "test")[n % 2]}\n' for n in range(8))
    options = ImportOptions(kind=AnswerKind.JSON)
    table = read_table(Source(name="t.csv", data=data.encode()))
    task = finish_import(begin_import(table, options), options, task_id="t").task
    write_task(task, tmp_path / "t")
    kept = read_task(tmp_path / "t")
    assert kept.examples == task.examples
    assert kept.digest == task.digest
    assert json.loads(task.examples[0].target) == json.loads(record)


def test_a_task_with_documents_is_the_same_when_it_is_read_again(tmp_path: Path) -> None:
    """In whatever order they were added, and with whatever line breaks."""
    documents = tuple(
        read_document(name, text) for name, text in (("b.txt", b"one\r\ntwo\r"), ("A.txt", b"two\n"), ("a.md", b"# x\r\n"))
    )  # fmt: skip
    data = "text,label,split\n" + "".join(
        f"message {n},{'ab'[n // 2 % 2]},{('train', 'test')[n % 2]}\n" for n in range(8)
    )
    table = read_table(Source(name="t.csv", data=data.encode()))
    tasks = []
    for order in (documents, documents[::-1]):
        options = ImportOptions(documents=order)
        tasks.append(finish_import(begin_import(table, options), options, task_id="t").task)
    write_task(tasks[0], tmp_path / "t")
    assert {task.digest for task in tasks} == {read_task(tmp_path / "t").digest}


def test_no_id_is_given_twice(tmp_path: Path) -> None:
    """An id that occurs twice gets its line, also where that is another row's id."""
    ids = ["a-4", "a", "a", "b", "c", "d", "d-9", "d"]
    rows = [f"{one},message {n},{'ab'[n // 2 % 2]},{('train', 'test')[n % 2]}" for n, one in enumerate(ids)]
    table = read_table(Source(name="t.csv", data=("id,text,label,split\n" + "\n".join(rows) + "\n").encode()))
    options = ImportOptions(
        roles=Roles(inputs=("text",), target="label", split="split", id="id"), fixes={"ids": Fix.RENAME}
    )
    task = finish_import(begin_import(table, options), options, task_id="t").task
    write_task(task, tmp_path / "t")
    assert len({row.id for row in read_task(tmp_path / "t").examples}) == len(ids)
    assert [row.id for row in task.examples][:2] == ["a-4", "a"]


def test_documents_of_any_names_can_be_exported_and_imported(tmp_path: Path) -> None:
    """Names that differ in letter case alone get a number; long ones in any script are cut to what an archive takes."""
    long = "返品および交換に関する社内規程" * 8
    draft = new_draft()
    for name in ("Handbook.txt", "handbook.md", "HANDBOOK.html", f"{long}.md", f"{long}.txt", "🙂é" * 90 + ".md"):
        _add(draft, read_document(name, b"Send it back in 14 days."))
    names = [document.name for document in draft.options.documents]
    assert names[:3] == ["Handbook.md", "handbook-2.md", "HANDBOOK-3.md"]
    data = "text,label,split\n" + "".join(
        f"message {n},{'ab'[n // 2 % 2]},{('train', 'test')[n % 2]}\n" for n in range(8)
    )
    options = ImportOptions(documents=draft.options.documents)
    table = read_table(Source(name="t.csv", data=data.encode()))
    task = finish_import(begin_import(table, options), options, task_id="t").task
    write_task(task, tmp_path / "t")
    unpack_into("t.zip", pack_folder(tmp_path / "t"), tmp_path / "again")
    assert sorted(document.name for document in read_task(tmp_path / "again").documents) == sorted(names)
