"""The kinds of files that come from outside: a sound one, how it is changed inside, and the way it comes into the app."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.intake import LocalIntake
from adapters.models.catalog import Catalog
from adapters.reading.reader import file_reader
from adapters.storage.run_archive import pack_run, read_run
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.task_folder import read_task, write_task
from adapters.storage.task_zip import pack_folder
from engine.core.errors import ModelFileError, UsageError
from engine.core.run.manifest import Manifest
from engine.core.task import Task
from engine.ingest.table import DETECTED
from engine.metrics.scoring import score_answer
from tests.attack.formats import (
    bent_csv,
    bent_gguf,
    bent_pdf,
    bent_schema,
    bent_toml,
    made_html,
    made_parquet,
)
from tests.attack.mutators import Mutate, bent_entry, bent_json, bent_lines, bent_text
from tests.made_runs import made_run
from tests.memory_lab import memory_task
from tests.unit.test_damaged_files import SOUND
from tests.unit.test_documents_and_zips import pdf
from tests.unit.test_gguf_header import gguf
from tests.unit.test_table_reader import workbook

SHIPPED = Path(__file__).parents[2] / "data" / "tasks"
ROWS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of file."""

    name: str = ""
    sound: bytes
    inside: Mutate
    read: Callable[[Bench, bytes], object]
    """Brings the file into the app as a user does; returns, or raises a typed error."""
    container: str
    """Finds the errors that tell that the container itself is broken, as a regular expression; empty for plain text."""


class Bench:
    """A home with what the readers need, in a folder that is gone afterwards."""

    def __init__(self) -> None:
        """Make the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="adaptlab-attack-"))
        (self.folder / "tasks").mkdir()
        self.task = memory_task(rows=ROWS)
        self.models = self.folder / "models"
        self.models.mkdir()

    def __enter__(self) -> Self:
        """Use it until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove it, and end the reading worker."""
        file_reader().close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def task_here(self, name: str) -> Task:
        """Return the one task of this home."""
        if name != self.task.id:
            raise UsageError(f"Unknown task '{name[:80]}'.", "Choose another.")
        return self.task


def _table(name: str) -> Callable[[Bench, bytes], object]:
    def read(_bench: Bench, data: bytes) -> object:
        file_reader().first_look(name, data, DETECTED)
        return file_reader().read_table(name, data, DETECTED)

    return read


def _document(name: str) -> Callable[[Bench, bytes], object]:
    return lambda _bench, data: file_reader().read_document(name, data)


def _task_zip(bench: Bench, data: bytes) -> object:
    tasks = bench.folder / "tasks"
    try:
        intake = LocalIntake(
            tasks=tasks,
            task_folder=_none,
            tokenizer=_none,
            retriever=None,
            machine_lock=None,  # type: ignore[arg-type]
        )
        return intake.unpack("task.zip", data)
    finally:
        shutil.rmtree(tasks)
        tasks.mkdir()


def _none(name: str) -> Path:
    raise UsageError(f"Unknown '{name[:80]}'.", "Choose another.")


def _run(bench: Bench, data: bytes) -> object:
    read = read_run(data, bench.task_here)
    store = SqliteRunStore(bench.folder / "runs.sqlite3")
    store.import_run(read.manifest, read.rows)
    run_id = read.manifest.plan.run_id
    store.predictions(run_id)
    pack_run(store, run_id, lambda _name: b"")
    store.delete_run(run_id)
    return run_id


def _in_folder(task: str, changed: str) -> Callable[[Bench, bytes], object]:
    """Read a task that ships with one of its files exchanged, and score an answer by it."""

    def read(bench: Bench, data: bytes) -> object:
        folder = bench.folder / task
        if not folder.is_dir():
            _small(task, folder)
        (folder / changed).write_bytes(data)
        found = read_task(folder)
        example = found.examples[0]
        return score_answer(found, example, example.target)

    return read


def _small(task: str, folder: Path) -> None:
    """Write a task that ships with a few of its rows."""
    whole = read_task(SHIPPED / task)
    rows = [example for split in ("train", "test") for example in whole.split(split)[:ROWS]]
    write_task(replace(whole, examples=tuple(rows)), folder)


def _small_file(task: str, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _small(task, Path(folder) / task)
        return (Path(folder) / task / name).read_bytes()


def _header(bench: Bench, data: bytes) -> object:
    """List the models of a folder that holds this file alone."""
    path = bench.models / "m.gguf"
    path.write_bytes(data)
    catalog = Catalog(bench.folder / "digests.json")
    found = [model for model in catalog.models() if model.path == str(path)]
    if catalog.refused:
        raise ModelFileError(catalog.refused[0], "Download it again.")
    return found


def _packed_run() -> bytes:
    plan, made = made_run(ROWS)
    plan = replace(plan, run_id="20261124-200500-ab12")
    made = [replace(one, run_id=plan.run_id) for one in made]
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteRunStore(Path(folder) / "runs.sqlite3")
        store.create_run(Manifest(plan=plan, started_at="2026-11-24T20:05:00+00:00"))
        store.add(made)
        store.update_run(plan.run_id, status="done")
        return pack_run(store, plan.run_id, lambda _name: b"no task")


def _packed_task() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        task = memory_task(rows=ROWS)
        path = Path(folder) / task.id
        write_task(task, path)
        return pack_folder(path)


def _sheet() -> bytes:
    rows: list[list[object]] = [["text", "label", "n"], *([f"row {n}", "ab"[n % 2], n] for n in range(12))]
    return workbook([*rows, [{"formula": "1+1", "value": 2}, True, "x"]])


_HTML = b"<html><body><h1>Returns</h1><p>Send it back within <b>30</b> days.<ul><li>one<li>two</ul><table><tr><td>a<td>b</table>"
_ZIP = r"broken archive|not a packed|holds no '|is damaged|wrong size|encrypted|not supported|unsafe path|twice"
_INSIDE_TASK: tuple[tuple[str, Mutate], ...] = ((".toml", bent_toml), (".jsonl", bent_lines), (".md", bent_text))


def kinds() -> Mapping[str, Kind]:
    """Return all kinds by name."""
    csv = b"text,label,n\n" + b"".join(b"row %d,%s,%d\n" % (n, b"ab"[n % 2 : n % 2 + 1], n) for n in range(20))
    rows = [json.dumps({"text": f"row {n}", "label": "ab"[n % 2], "n": n, "tags": ["x"]}).encode() for n in range(20)]
    order = "order-extraction"
    found = {
        "csv": Kind(sound=csv, inside=bent_csv, read=_table("x.csv"), container=""),
        "xlsx": Kind(
            sound=_sheet(), inside=bent_entry([("", bent_text)]), read=_table("x.xlsx"), container=_ZIP + r"|not a workbook"
        ),
        "jsonl": Kind(sound=b"\n".join(rows), inside=bent_lines, read=_table("x.jsonl"), container=r"not JSON|is not valid"),
        "parquet": Kind(
            sound=SOUND["x.parquet"], inside=made_parquet, read=_table("x.parquet"), container=r"not a Parquet|damaged"
        ),
        "html": Kind(sound=_HTML, inside=made_html, read=_document("x.html"), container=""),
        "pdf": Kind(sound=pdf("hello"), inside=bent_pdf, read=_document("x.pdf"), container=r"cannot be read as a PDF"),
        "task zip": Kind(sound=_packed_task(), inside=bent_entry(_INSIDE_TASK), read=_task_zip, container=_ZIP),
        "run archive": Kind(
            sound=_packed_run(), inside=bent_entry([(".json", bent_json), (".jsonl", bent_lines)]), read=_run, container=_ZIP
        ),
        "task.toml": Kind(
            sound=_small_file(order, "task.toml"), inside=bent_toml, read=_in_folder(order, "task.toml"),
            container=r"not valid TOML|cannot be read|not UTF-8",
        ),
        "schema.json": Kind(
            sound=_small_file(order, "schema.json"), inside=bent_schema,
            read=_in_folder(order, "schema.json"), container=r"not valid JSON|not JSON|not UTF-8",
        ),
        "gguf header": Kind(
            sound=gguf({"general.name": "Tiny", "tokenizer.chat_template": "{{ x }}"}, tensors=3), inside=bent_gguf,
            read=_header, container=r"not a GGUF|version",
        ),
    }  # fmt: skip
    return {name: replace(kind, name=name) for name, kind in found.items()}


def passes_container(kind: Kind, error: str | None) -> bool:
    """Tell whether a file got past its container: it was read, or refused for what is inside."""
    return error is None or not (kind.container and re.search(kind.container, error))
