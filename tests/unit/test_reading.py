"""The reading worker: the same values as before, one worker for all files, and limits that cost one message."""

from __future__ import annotations

import io
import os
import re
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.documents import read_document
from adapters.reading import reader as reading
from adapters.reading.reader import FileReader
from adapters.tabular import reader as in_process
from adapters.tabular.source import Source
from engine.core.errors import AdaptLabError, TableError, TaskError, UsageError
from engine.ingest.table import ReadOptions, Table, usable_names
from tests.unit.test_damaged_files import SOUND
from tests.unit.test_documents_and_zips import pdf
from tests.unit.test_table_reader import workbook

ASKED = ReadOptions()
GOOD = b"text,label\nhello,a\n"


@pytest.fixture(scope="module")
def files() -> Iterator[FileReader]:
    """One reader for all tests here, as the app has one."""
    found = FileReader()
    yield found
    found.close()


def reads_on(files: FileReader) -> None:
    """Check that the next file is read as if nothing had been."""
    assert list(files.read_table("good.csv", GOOD, ASKED).column("text")) == ["hello"]


def contents(table: Table) -> tuple[object, ...]:
    """Return all that a table holds, comparable."""
    cells = [list(column) for column in table.columns]
    return (table.name, table.digest, table.size_bytes, table.reading, table.header, cells, table.lines.tolist(),
            table.ragged, table.notes)  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_tables_come_back_as_they_were_read(files: FileReader, name: str) -> None:
    """Every cell, line, note and reason passes unchanged; so does the first look."""
    source = Source(name=name, data=SOUND[name])
    assert contents(files.read_table(name, SOUND[name], ASKED)) == contents(in_process.read_table(source))
    assert files.first_look(name, SOUND[name], ASKED) == in_process.first_look(source)


def test_letters_of_all_kinds_pass_unchanged(files: FileReader) -> None:
    """Cells in several scripts, empty ones, ragged rows, names that occur twice, a header that is data."""
    data = 'a,a,\n"é, 你好","x\ny",😀\n,,\nshort\nq,w,e,r\n'.encode()
    for asked in (ASKED, ReadOptions(header=False)):
        source = Source(name="t.csv", data=data)
        assert contents(files.read_table("t.csv", data, asked)) == contents(in_process.read_table(source, asked))


def test_documents_come_back_as_they_were_read(files: FileReader) -> None:
    """PDF, HTML and text."""
    for name, data in (("a.pdf", pdf("hello")), ("a.html", b"<h1>a</h1><p>b"), ("a.md", "# é".encode())):
        assert files.read_document(name, data) == read_document(name, data)


def test_the_worker_stays_up_and_errors_keep_their_type(files: FileReader, tmp_path: Path) -> None:
    """A refused file ends nothing: its error is the one that reading gave."""
    reads_on(files)
    pid = files.pid
    with pytest.raises(TableError, match="is empty"):
        files.read_table("x.csv", b"", ASKED)
    with pytest.raises(UsageError, match="Unknown sheet 'Dato'"):
        files.first_look("x.xlsx", SOUND["x.xlsx"], ReadOptions(sheet="Dato"))
    with pytest.raises(TaskError, match="cannot be read as a PDF"):
        files.read_document("x.pdf", b"%PDF-1.4 broken")
    with pytest.raises(UsageError, match="There is no file"):
        files.read_path(tmp_path / "none.csv")
    reads_on(files)
    assert files.pid == pid


def test_a_parser_that_dies_costs_one_message(files: FileReader) -> None:
    """As when native code aborts: the file is named, and the next one is read by a new worker."""
    reads_on(files)

    def die(_fraction: float) -> None:
        assert files.pid is not None
        os.kill(files.pid, signal.SIGKILL)

    with pytest.raises(TableError, match=r"long.csv is damaged.*SIGKILL") as caught:
        files.read_table("long.csv", b"text,label\n" + b"some words,a\n" * 200_000, ASKED, report=die)
    assert caught.value.fix
    reads_on(files)


def test_a_file_that_takes_too_long_is_let_go(files: FileReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error gives the limit."""
    monkeypatch.setattr(reading, "time_limit_s", lambda _size: 0.01)
    with pytest.raises(TableError, match="was not read within"):
        files.read_table("long.csv", b"text,label\n" + b"some words,a\n" * 500_000, ASKED)
    monkeypatch.undo()
    reads_on(files)


def test_a_file_that_takes_too_much_memory_is_let_go(files: FileReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the system or the watch stops it."""
    monkeypatch.setattr(reading, "memory_limit_bytes", lambda _size: 20_000_000)
    with pytest.raises(TableError, match="needs more than 20 MB of memory"):
        files.read_table("long.csv", b"text,label\n" + b"some words,a\n" * 2_000_000, ASKED)
    monkeypatch.undo()
    reads_on(files)


def renamed(part: str, cells: str, *, folder: str = "worksheets", to: str) -> bytes:
    """Write a workbook whose sheet is another part of the archive, named by the workbook's relations."""
    source, out = workbook([["a"], ["b"]]), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as sound, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sound.namelist():
            text = sound.read(name).decode()
            if name.endswith("sheet1.xml"):
                packed.writestr(to, re.sub("<sheetData>.*</sheetData>", f"<sheetData>{cells}</sheetData>", text))
            elif name.endswith("workbook.xml.rels"):
                packed.writestr(name, text.replace(f"{folder}/sheet1.xml", part))
            else:
                packed.writestr(name, text.replace("/xl/worksheets/sheet1.xml", f"/{to}"))
    return out.getvalue()


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


@pytest.mark.parametrize(
    ("part", "to"),
    [
        ("other/sheet1.xml", "xl/other/sheet1.xml"),
        ("worksheets/sheet1.XML", "xl/worksheets/sheet1.XML"),
        ("/xl/deep/er/x.bin", "xl/deep/er/x.bin"),
        ("Worksheets/Sheet1.xml", "XL/WORKSHEETS/sheet1.xml"),
        ("../sheet", "sheet"),
    ],
)
def test_a_sheet_is_checked_wherever_it_is(files: FileReader, part: str, to: str) -> None:
    """Two cells in opposite corners under any name: 1.4 kB that would ask for 549 GB and abort the process."""
    with pytest.raises(TableError, match=r"reaches to row 1,048,576 and column 16,384"):
        files.read_table("far.xlsx", renamed(part, FAR, to=to), ASKED)
    reads_on(files)


def test_many_different_fields_are_refused_early(files: FileReader) -> None:
    """JSONL in which each line has fields of its own: rows times fields, from little text."""
    data = "".join(f'{{"f{n}":1}}\n' for n in range(16_000)).encode()
    with pytest.raises(TableError, match="nearly all absent"):
        files.read_table("wide.jsonl", data, ASKED)


def test_sparse_records_within_reason_are_read(files: FileReader) -> None:
    """Some hundred fields of which each line has a few."""
    data = "".join(f'{{"f{n % 300}":1,"label":"a"}}\n' for n in range(2_000)).encode()
    assert files.read_table("sparse.jsonl", data, ASKED).rows == 2_000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"a":' + "[" * 900 + "]" * 900 + "}", "nested too deep"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "nested too deep"),
        ('{"\\ud800":1}', "half of a surrogate pair"),
        ('{"a":"\\udfff"}', "half of a surrogate pair"),
    ],
)
def test_records_that_cannot_be_written_are_refused(files: FileReader, line: str, words: str) -> None:
    """Nested deep, and half characters in a cell or in the name of a field; in the first look, too."""
    for read in (files.read_table, files.first_look):
        with pytest.raises(TableError, match=words):
            read("x.jsonl", line.encode() + b"\n", ASKED)


def test_a_parquet_that_names_one_long_text_often_is_refused(files: FileReader) -> None:
    """A dictionary page holds the text once and the rows name it: gigabytes from little."""
    out = io.BytesIO()
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"text": texts}), out, compression="zstd")
    assert len(out.getvalue()) < 1_000_000
    with pytest.raises(TableError, match=r"unpacks to more than|needs more than|would unpack"):
        files.read_table("long.parquet", out.getvalue(), ASKED)
    reads_on(files)


def test_a_parquet_of_very_many_values_is_refused(files: FileReader) -> None:
    """Lists within few rows count too."""
    out = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([[None] * 30_000_000, [None] * 30_000_000], pa.list_(pa.int8()))}), out)
    assert len(out.getvalue()) < 1_000_000
    with pytest.raises(TableError, match="60,000,000 values"):
        files.first_look("many.parquet", out.getvalue(), ASKED)


def test_names_that_occur_often_are_numbered() -> None:
    """16,384 equal names, in as many steps; each gets a name of its own and none takes one that is given."""
    names, notes = usable_names(["x"] * 16_000 + ["x (7)", "", ""])
    assert len(set(names)) == len(names) == 16_003
    assert names[:3] == ("x", "x (2)", "x (3)")
    assert names.count("x (7)") == 1
    assert names[-3] == "x (7)"
    assert len(notes) == 16_001


def test_html_nested_deep_ends_well(files: FileReader) -> None:
    """100,000 levels become text or one error."""
    try:
        assert "hello" in files.read_document("deep.html", b"<div>" * 100_000 + b"hello").text
    except AdaptLabError as error:
        assert error.fix
    reads_on(files)
