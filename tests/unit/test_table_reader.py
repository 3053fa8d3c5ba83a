"""Reading tables: every cell as it is written, whatever the format; every fault with its line and fix."""

from __future__ import annotations

import csv
import io
import json
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.tabular.reader import first_look, read_table
from adapters.tabular.source import Source
from engine.core.errors import AdaptLabError, TaskError, UsageError
from engine.ingest.table import ReadOptions, Table
from tests.workbook import workbook

NASTY = [
    "", " ", "a", "007", "NA", "null", "TRUE", "1e5", "=1+1", "@x", "-1", "a,b;c|d\te", 'say "hi"', '"', '""', "\n",
    "two\nlines", "two\r\nlines", "\r", "\ufeff", "\0", "\x1b[31m", "\u202eabc", "é", "漢字", "😀", "'", "\u2028", "x ",
]  # fmt: skip


def table(data: str | bytes, name: str = "t.csv", **asked: object) -> Table:
    """Read bytes as a table."""
    raw = data.encode() if isinstance(data, str) else data
    return read_table(Source(name=name, data=raw), ReadOptions(**asked))  # type: ignore[arg-type]


def cells(found: Table) -> list[list[str]]:
    """Return a table's rows."""
    return [list(row) for row in zip(*found.columns, strict=True)]


def fault(data: str | bytes, name: str = "t.csv", **asked: object) -> str:
    """Return the message of the fault that reading gives: one line with a fix."""
    with pytest.raises((TaskError, UsageError)) as caught:
        table(data, name, **asked)
    assert caught.value.fix
    assert "\n" not in str(caught.value)
    return str(caught.value)


def strict_csv(rows: list[list[str]], delimiter: str = ",", end: str = "\r\n") -> str:
    """Write RFC 4180: quotes where needed, doubled quotes."""

    def cell(text: str) -> str:
        plain = text and not any(sign in text for sign in (delimiter, '"', "\r", "\n"))
        return text if plain else '"' + text.replace('"', '""') + '"'

    return "".join(delimiter.join(cell(text) for text in row) + end for row in rows)


texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


@settings(max_examples=150)
@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1, max_size=8)
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
)
def test_what_a_strict_writer_writes_is_read_equal(rows: list[list[str]], delimiter: str, end: str, codec: str) -> None:
    """Any table of texts comes back cell for cell, in each encoding and with each delimiter."""
    header = [f"column-{place}" for place in range(len(rows[0]))]
    data = strict_csv([header, *rows], delimiter, end).encode(codec)
    asked = {"delimiter": delimiter, **({"encoding": codec} if codec == "utf-16-le" else {})}
    found = table(data, **asked)
    assert list(found.header) == header
    assert cells(found) == rows
    assert not found.ragged


@settings(max_examples=60)
@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=8))
def test_jsonl_and_parquet_come_back_equal(rows: list[list[str]]) -> None:
    """Texts in records come back as they were, whatever the format."""
    lines = "".join(json.dumps({"a": a, "b": b}, ensure_ascii=False) + "\n" for a, b in rows)
    assert cells(table(lines, "t.jsonl")) == rows
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [row[0] for row in rows], "b": [row[1] for row in rows]}), buffer)
    assert cells(table(buffer.getvalue(), "t.parquet")) == rows


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=200), texts.map(str.encode), st.lists(st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"a", b"\0", b"\xff", b";", b"\t", b"{", b"}", b"[", b"PK\x03\x04", b"PAR1", b"\xe9"]
)).map(b"".join)), st.sampled_from(["t.csv", "t.jsonl", "t.xlsx", "t.parquet", "t.tsv"]))  # fmt: skip
def test_any_bytes_give_a_table_or_a_typed_error(data: bytes, name: str) -> None:
    """Whatever a file holds, reading it ends with a table or with an error that has a fix."""
    try:
        found = table(data, name)
    except AdaptLabError as error:
        assert error.fix
        assert "Traceback" not in error.what
    else:
        assert all(len(column) == found.rows for column in found.columns)


def test_python_strict_reader_agrees() -> None:
    """Quoted line breaks, doubled quotes, CRLF and empty cells are read as the standard library's strict reader does."""
    data = 'a,b\r\n"one\r\ntwo, ""three""",x\r\n,"")\r\n'.replace('"")', '""')
    expected = list(csv.reader(io.StringIO(data, newline=""), strict=True))
    assert [list(table(data).header), *cells(table(data))] == expected
    assert table(data).lines.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        ("text,label\nhello; you,a\nbye; now,b\n", ","),
        ("text;label\nhello, you;a\nbye, all, now;b\n", ";"),
        ("text\tlabel\nhello, you\ta\nbye;x\tb\n", "\t"),
        ("text|label\nhello, you|a\nbye|b\n", "|"),
        ("sep=;\na;b\n1,5;2,5\n", ";"),
        ('a,b\n"x;y;z",1\n"p;q;r",2\n', ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("only\nhello, world\nbye\n", "\t"),
        ("only\nhello\nbye\n", ","),
    ],
)
def test_the_delimiter_is_told_from_the_rows(data: str, delimiter: str) -> None:
    """The sign under which rows are evenly wide is found, also where other signs stand inside cells."""
    look = first_look(Source(name="t.txt", data=data.encode()))
    assert look.reading.delimiter == delimiter
    assert look.reading.reasons[-1]


@pytest.mark.parametrize(
    ("raw", "codec", "text"),
    [
        ("café,x\n".encode(), "utf-8", "café"),
        (b"\xef\xbb\xbf" + "café,x\n".encode(), "utf-8", "café"),
        ("café,x\n".encode("utf-16"), "utf-16", "café"),
        ("cafe,x\n".encode("utf-16-le"), "utf-16-le", "cafe"),
        ("café,x\n".encode("latin-1"), "cp1252", "café"),
        ("10 € für „Müller“,x\n".encode("cp1252"), "cp1252", "10 € für „Müller“"),
        (("Где мой заказ? Посылка не пришла, верните деньги. " * 4 + ";x\n").encode("cp1251"), "cp1251", "Где"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_encodings_are_told(raw: bytes, codec: str, text: str) -> None:
    """Marks, whole UTF-8, zeros and the looks of western and Cyrillic letters tell the encoding."""
    look = first_look(Source(name="t.csv", data=raw), ReadOptions(header=False))
    assert look.reading.encoding == codec
    assert look.rows[0][0].startswith(text)


def test_the_user_may_overrule() -> None:
    """Encoding, delimiter, quote and header are read as asked."""
    data = "a;'b;c'\n1;2\n".encode("cp1250")
    found = table(data, encoding="cp1250", delimiter=";", quote="'", header=False)
    assert cells(found) == [["a", "b;c"], ["1", "2"]]
    assert found.header == ("column 1", "column 2")
    assert cells(table('a,b\n"x,1\n', quote="")) == [['"x', "1"]]


def test_cells_are_never_typed() -> None:
    """Leading zeros, NA, null and TRUE stay the text they are."""
    assert cells(table("a,b\n007,NA\nnull,TRUE\n1.10, x \n")) == [["007", "NA"], ["null", "TRUE"], ["1.10", " x "]]


def test_ragged_rows_are_set_apart_by_line() -> None:
    """A row of another width is in no column and is named with its line; nothing is padded."""
    found = table('a,b\n1,2\n"two\nlines",3\nshort\nx,y,z\n4,5\n')
    assert [(row.line, row.cells) for row in found.ragged] == [(5, 1), (6, 3)]
    assert cells(found) == [["1", "2"], ["two\nlines", "3"], ["4", "5"]]
    assert found.lines.tolist() == [2, 3, 7]


def test_trailing_delimiters_are_told() -> None:
    """An empty cell behind the last delimiter is left out with a note, and a nameless column gets a name with one."""
    found = table("a,b\n1,2,\n3,4,\n")
    assert cells(found) == [["1", "2"], ["3", "4"]]
    assert "first in line 2" in found.notes[0]
    named = table("a,b,\n1,2,\n")
    assert named.header == ("a", "b", "column 3")
    assert "'column 3'" in named.notes[0]


def test_names_of_columns_are_made_usable_and_told() -> None:
    """Repeated and empty names get one of their own, with a note each."""
    found = table("x,x,,x (2)\n1,2,3,4\n")
    assert found.header == ("x", "x (3)", "column 3", "x (2)")
    assert len(found.notes) == 2


def test_blank_lines_are_told_and_one_column_keeps_them() -> None:
    """A blank line is passed over with a note; in a table of one column it is an empty cell."""
    found = table("a,b\n\n1,2\n\n")
    assert cells(found) == [["1", "2"]]
    assert "2 blank lines skipped (line 2, 4)" in found.notes[0]
    assert cells(table("a\nx\n\ny\n")) == [["x"], [""], ["y"]]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_progress_is_told_to_the_end(name: str) -> None:
    """Reading a whole file tells how far it is, and ends with all of it."""
    data = "a,b\n" + "x,y\n" * 9000 if name == "t.csv" else '{"a": "x"}\n' * 9000
    told: list[float] = []
    read_table(Source(name=name, data=data.encode()), report=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 1


def test_wide_tables_and_long_cells() -> None:
    """2,000 columns and a cell of 1 MB are read."""
    header = [f"c{place}" for place in range(2000)]
    wide = table(strict_csv([header, ["x"] * 2000]))
    assert (len(wide.header), wide.rows) == (2000, 1)
    long = "letters and, commas\n" * 50_000
    assert table(strict_csv([["a", "b"], [long, "x"]])).column("a")[0] == long


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "t.csv", ["is empty"]),
        (b"\n\n", "t.csv", ["is empty"]),
        (b"a,b\n", "t.csv", ["header and no rows"]),
        (b'a,b\n1,2\n"never closed,3\n4,5\n', "t.csv", ["line 3", "never closed"]),
        (b'a,b\n1,"x"y\n', "t.csv", ["line 2", "closing quote"]),
        (b"%PDF-1.7 x", "t.csv", ["a PDF"]),
        (b"\x89PNG\r\n", "t.csv", ["an image"]),
        (b"\x1f\x8b\x08", "t.csv.gz", ["gzip"]),
        (b"\xd0\xcf\x11\xe0", "t.xls", ["Office"]),
        (bytes(range(256)), "t.csv", ["not text"]),
        (b"PK\x03\x04broken", "t.xlsx", ["broken archive"]),
        (b"PAR1 broken PAR1", "t.parquet", ["Parquet"]),
        (b'{"a": 1}\n{"a": \n', "t.jsonl", ["line 2"]),
        (b'{"a": 1}\n[1]\n', "t.jsonl", ["line 2", "not a JSON object"]),
        (b'{"a": 1, "a": 2}\n', "t.jsonl", ["line 1", "'a' occurs twice"]),
        (b'{"a": NaN}\n', "t.jsonl", ["line 1", "NaN"]),
        (b'{"a": "\\ud800"}\n', "t.jsonl", ["line 1", "surrogate"]),
        (b'{"a": ' + b"[" * 100_000 + b"\n", "t.jsonl", ["line 1"]),
        (b"{}\n", "t.jsonl", ["no columns"]),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_faults_name_their_place(data: bytes, name: str, words: list[str]) -> None:
    """Every broken file says what is wrong, where, and how to fix it."""
    message = fault(data, name)
    for word in words:
        assert word in message


def test_a_byte_of_another_encoding_is_named() -> None:
    """ReadOptions to read as UTF-8, a latin-1 byte is refused with its line."""
    assert "line 3: byte 14 (e9) is not utf-8." in fault(b"a,b\nx,y\nok,caf\xe9\n", encoding="utf-8")


@pytest.mark.parametrize(("asked", "words"), [
    ({"encoding": "klingon"}, "no encoding 'klingon'"), ({"encoding": "base64"}, "base64"),
    ({"delimiter": "::"}, "not one character"), ({"delimiter": '"'}, "same character"),
])  # fmt: skip
def test_impossible_options_are_refused(asked: dict[str, str], words: str) -> None:
    """An encoding or sign that cannot be is refused by name."""
    assert words in fault("a,b\n1,2\n", **asked)


def test_a_workbook_gives_values_alone() -> None:
    """Texts stay as they are, numbers are written plainly, formulas give their last value; macros and links are told."""
    rows = [["text", "label"], ["007", "NA"], ["=1+1", True], [{"formula": "1+1", "value": 2}, 1.5], ["a\nb", ""]]
    data = workbook(rows, **{"xl/vbaProject.bin": "x", "xl/externalLinks/externalLink1.xml": "<x/>"})
    found = table(data, "book.xlsx")
    assert cells(found) == [["007", "NA"], ["=1+1", "TRUE"], ["2", "1.5"], ["a\nb", ""]]
    assert found.reading.sheet == "Data"
    assert any("macros" in note for note in found.notes)
    assert any("links" in note for note in found.notes)
    assert "Unknown sheet 'Dato'" in fault(data, "book.xlsx", sheet="Dato")


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    """An archive that declares too much, has a wrong size, or leads elsewhere is refused."""
    zeros = "0" * 50_000_000
    assert "was not unpacked" in fault(workbook([["a"]], **{"xl/media/x": zeros}), "bomb.xlsx")
    honest = workbook([["a"], ["b"]], **{"xl/media/x": "0" * 100_000})
    lying = honest.replace(struct.pack("<I", 100_000), struct.pack("<I", 10))
    assert "has a wrong size" in fault(lying, "liar.xlsx")
    assert "unsafe path" in fault(workbook([["a"]], **{"../../evil": "x"}), "slip.xlsx")


def test_cells_far_out_are_refused_before_room_is_made_for_them() -> None:
    """A sheet with a cell in the last corner is refused with its reach; a stray one nearby is read."""

    def with_cell(place: str, row: int) -> bytes:
        far = f'<row r="{row}"><c r="{place}{row}"><v>1</v></c></row>'
        sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{NEAR}{far}'
        return workbook([], **{"xl/worksheets/sheet1.xml": sheet + "</sheetData></worksheet>"})

    assert "row 1,048,576 and column 16,384" in fault(with_cell("XFD", 1_048_576), "far.xlsx")
    assert [row.line for row in table(with_cell("A", 9), "near.xlsx").ragged] == []
    assert table(with_cell("A", 9), "near.xlsx").lines.tolist() == [2, 9]


NEAR = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
    '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'
)
