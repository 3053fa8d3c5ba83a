"""The cases that CSV readers get wrong, in files of our own: each cell is read as its writer meant it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.reading.reader import FileReader
from engine.ingest.table import DETECTED

CASES: dict[str, tuple[bytes, list[str], list[list[str]]]] = {
    "plain": (b"name,desk\nMara,2\nIvo,7\n", ["name", "desk"], [["Mara", "2"], ["Ivo", "7"]]),
    "line ends of Windows": (b"name,desk\r\nMara,2\r\nIvo,7\r\n", ["name", "desk"], [["Mara", "2"], ["Ivo", "7"]]),
    "no line end at the end": (b"name,desk\nMara,2\nIvo,7", ["name", "desk"], [["Mara", "2"], ["Ivo", "7"]]),
    "a comma in quotes": (
        b'name,city,since\nMara,"Porto, Portugal",2019\nIvo,Graz,2020\n',
        ["name", "city", "since"],
        [["Mara", "Porto, Portugal", "2019"], ["Ivo", "Graz", "2020"]],
    ),
    "quotes in quotes": (
        b'text,label\n"she said ""no"" twice",a\n"""all of it""",b\n',
        ["text", "label"],
        [['she said "no" twice', "a"], ['"all of it"', "b"]],
    ),
    "line ends in quotes": (
        b'text,label\n"one\ntwo",a\nthree,b\n',
        ["text", "label"],
        [["one\ntwo", "a"], ["three", "b"]],
    ),
    "line ends of Windows in quotes": (
        b'text,label\r\n"one\r\ntwo",a\r\nthree,b\r\n',
        ["text", "label"],
        [["one\r\ntwo", "a"], ["three", "b"]],
    ),
    "quotes and line ends in quotes": (
        b'text,label\n"she said\n""no""",a\nthree,b\n',
        ["text", "label"],
        [['she said\n"no"', "a"], ["three", "b"]],
    ),
    "empty cells": (b'a,b,c\n1,,3\n,"",\n4,5,6\n', ["a", "b", "c"], [["1", "", "3"], ["", "", ""], ["4", "5", "6"]]),
    "empty cells, line ends of Windows": (b'a,b,c\r\n1,"",""\r\n2,3,4\r\n', ["a", "b", "c"], [["1", "", ""], ["2", "3", "4"]]),
    "JSON in a cell": (
        b'id,value\n1,"{""kind"": ""point"", ""at"": [3.5, 4]}"\n2,{}\n',
        ["id", "value"],
        [["1", '{"kind": "point", "at": [3.5, 4]}'], ["2", "{}"]],
    ),
    "letters beyond ASCII": (
        "word,script\n\u017elu\u0165,latin\n\u4f60\u597d,han\n\u0bb5\u0ba3\u0b95\u0bcd\u0b95\u0bae\u0bcd,tamil\n".encode(),
        ["word", "script"],
        [["\u017elu\u0165", "latin"], ["\u4f60\u597d", "han"], ["\u0bb5\u0ba3\u0b95\u0bcd\u0b95\u0bae\u0bcd", "tamil"]],
    ),
    "numbers stay text": (b"code,n\n007,1e5\n0x1F,1.50\n", ["code", "n"], [["007", "1e5"], ["0x1F", "1.50"]]),
    "blanks around cells": (b'a,b\n x , y\n"  z  ",w\n', ["a", "b"], [[" x ", " y"], ["  z  ", "w"]]),
}  # fmt: skip


@pytest.fixture(scope="module")
def files() -> Iterator[FileReader]:
    """One reader for all cases."""
    found = FileReader()
    yield found
    found.close()


@pytest.mark.parametrize("case", CASES)
def test_each_cell_is_read_as_it_was_meant(files: FileReader, case: str) -> None:
    """Header and cells, to the last blank and line end."""
    data, header, rows = CASES[case]
    table = files.read_table("case.csv", data, DETECTED)
    assert list(table.header) == header
    assert [list(row) for row in zip(*table.columns, strict=True)] == rows
