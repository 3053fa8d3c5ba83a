"""How far a workbook's sheets reach, before they are read.

The reader of sheets makes room for every cell from the first to the last one. A sheet of two cells in opposite
corners would ask for more memory than any machine has, and native code aborts then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from adapters.archives import read_entries
from engine.core.errors import TableError

_MARK = b"sheetData"
"""The element around all cells; names of elements cannot be written in any other way."""
_WIDE_MARKS = ("sheetData".encode("utf-16-le"), "sheetData".encode("utf-16-be"))
MAX_CELLS = 25_000_000
_SLICE_BYTES = 4_000_000
_OVERLAP_BYTES = 64
_PLACE = re.compile(rb"""\br\s*=\s*["']\s*([A-Za-z]{0,3})(\d{1,9})\s*["']""")


def check_extent(name: str, data: bytes, entries: Iterable[str]) -> None:
    """Check the positions of the cells of every part that holds sheet data, whatever its name.

    The workbook's relations may name any part of the archive as a sheet, in any case of letters.

    Raises:
        TableError: a sheet reaches over more than `MAX_CELLS` cells, or is written so that positions cannot be read.
    """
    for entry, part in read_entries(data, entries):
        if any(mark in part for mark in _WIDE_MARKS):
            raise TableError(f"{name}: '{entry}' is not UTF-8.", "Save it again as XLSX.")
        if _MARK not in part:
            continue
        rows, columns = _reach(part)
        if rows * columns > MAX_CELLS:
            raise TableError(
                f"{name}: '{entry}' reaches to row {rows:,} and column {columns:,}; it was not read.",
                "Delete the stray cells far out, or save the sheet as CSV.",
            )


def _reach(xml: bytes) -> tuple[int, int]:
    rows = columns = 1
    for start in range(0, len(xml), _SLICE_BYTES):
        places = set(_PLACE.findall(xml, start, min(start + _SLICE_BYTES + _OVERLAP_BYTES, len(xml))))
        rows = max(rows, *(int(digits) for _, digits in places), 1)
        columns = max(columns, *(_column(letters) for letters, _ in places), 1)
    return rows, columns


def _column(letters: bytes) -> int:
    """Read a column's letters as a number: A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
