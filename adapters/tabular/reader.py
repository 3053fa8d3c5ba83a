"""The one way in for tables: a first look, then the whole file, whatever its format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import PurePath

import numpy as np

from adapters.tabular.delimited import open_delimited
from adapters.tabular.records import open_jsonl, open_parquet
from adapters.tabular.sheets import open_sheet
from adapters.tabular.source import MAX_COLUMNS, MAX_ROWS, MAX_TEXT_BYTES, Opened, Row, Source, check_size
from engine.core.errors import TableError
from engine.ingest.table import ColumnBuilder, FirstLook, RaggedRow, ReadOptions, Table, usable_names
from engine.metrics import wording as say

LOOK_ROWS = 20
_BATCH_ROWS = 4096
_BATCH_CELLS = 500_000
_START_CHARACTERS = 80
_OTHER = {
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an old or encrypted Office file",
    b"SQLite format 3": "an SQLite database",
}


def open_source(source: Source, asked: ReadOptions) -> Opened:
    """Open a file by what it holds; its name only decides between JSONL and CSV.

    Raises:
        TableError: it is empty, too large, or not a table.
    """
    check_size(source.name, len(source.data))
    if not source.data.strip():
        raise TableError(f"{source.name} is empty.", "Give it a header line and rows.")
    if source.data.startswith(b"PK\x03\x04") or source.data.startswith(b"PK\x05\x06"):
        return open_sheet(source, asked)
    if source.data.startswith(b"PAR1"):
        return open_parquet(source, asked)
    for mark, what in _OTHER.items():
        if source.data.startswith(mark):
            raise TableError(f"{source.name} is {what}, not a table.", "Save it as CSV, XLSX, JSONL or Parquet.")
    return (open_jsonl if _is_jsonl(source) else open_delimited)(source, asked)


def _is_jsonl(source: Source) -> bool:
    if PurePath(source.name).suffix.lower() in {".jsonl", ".ndjson", ".json"}:
        return True
    line = source.data.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 1)[0]
    try:
        return line.startswith(b"{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def first_look(source: Source, asked: ReadOptions | None = None) -> FirstLook:
    """Read only the first rows.

    Raises:
        TableError: the file cannot be read as asked; names the line.
    """
    opened = open_source(source, asked or ReadOptions())
    header, rest = _header(source, opened)
    names, notes = usable_names(header)
    found = list(islice(rest, LOOK_ROWS))
    if not found:
        raise _no_rows(source)
    return FirstLook(
        reading=opened.reading,
        header=names,
        rows=tuple(tuple(cells) for _, cells in found),
        lines=tuple(line for line, _ in found),
        notes=tuple(notes),
    )


def read_table(
    source: Source, asked: ReadOptions | None = None, *, report: Callable[[float], None] | None = None
) -> Table:
    """Read a whole file. Every cell is kept as it is in the file; rows wider or narrower than the header are set apart.

    Raises:
        TableError: the file cannot be read as asked; names the line.
    """
    opened = open_source(source, asked or ReadOptions())
    header, rest = _header(source, opened)
    names, renamed = usable_names(header)
    builders = [ColumnBuilder() for _ in names]
    lines: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    ragged: list[RaggedRow] = []
    trailing: list[int] = []
    count = 0
    batch_rows = min(_BATCH_ROWS, _BATCH_CELLS // len(names) + 1)
    while batch := list(islice(rest, batch_rows)):
        whole = [row for row in (_whole(row, len(names), ragged, trailing) for row in batch) if row is not None]
        if whole:
            lines.append(np.array([line for line, _ in whole], dtype=np.int64))
            for builder, cells in zip(builders, zip(*(cells for _, cells in whole), strict=True), strict=True):
                builder.extend(cells)
        count += len(batch)
        if count > MAX_ROWS:
            raise TableError(f"{source.name} has more than {MAX_ROWS:,} rows.", "Take a sample of its rows.")
        if sum(builder.size_bytes for builder in builders) > MAX_TEXT_BYTES:
            raise TableError(
                f"{source.name} unpacks to more than {say.size(MAX_TEXT_BYTES)} of text.", "Take a sample of its rows."
            )
        if report is not None:
            report(min(opened.fraction(), 1.0))
    if count == 0:
        raise _no_rows(source)
    if trailing:
        renamed.append(
            f"{len(trailing):,} row{'s end' if len(trailing) > 1 else ' ends'} with one more delimiter than the header "
            f"(first in line {trailing[0]}); the empty extra cell was left out."
        )
    return Table(
        name=source.name,
        digest=hashlib.sha256(source.data).hexdigest(),
        size_bytes=len(source.data),
        reading=opened.reading,
        header=names,
        columns=tuple(builder.done() for builder in builders),
        lines=np.concatenate(lines) if lines else np.zeros(0, dtype=np.int64),
        ragged=tuple(ragged),
        notes=(*renamed, *opened.notes),
    )


def _no_rows(source: Source) -> TableError:
    return TableError(f"{source.name} has a header and no rows.", "Add rows below the header.")


def _header(source: Source, opened: Opened) -> tuple[Sequence[str], Iterator[Row]]:
    """Return the names of the columns, and the rows that follow."""
    rows = iter(opened.rows)
    first = next(rows, None)
    if first is None or not first[1]:
        raise TableError(f"{source.name} has no columns.", "Give it a header line and rows.")
    line, cells = first
    if len(cells) > MAX_COLUMNS:
        raise TableError(f"{source.name}, line {line}: {len(cells):,} columns.", f"At most {MAX_COLUMNS:,} are read.")
    if opened.reading.header:
        return cells, rows
    return [f"column {place}" for place in range(1, len(cells) + 1)], _with(first, rows)


def _with(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _whole(row: Row, width: int, ragged: list[RaggedRow], trailing: list[int]) -> Row | None:
    """Return a row as wide as the header; None for one that is set apart."""
    line, cells = row
    if len(cells) == width:
        return row
    if len(cells) > width and not any(cells[width:]):
        trailing.append(line)
        return line, cells[:width]
    start = ", ".join(cells)[:_START_CHARACTERS]
    ragged.append(RaggedRow(line=line, cells=len(cells), start=start))
    return None
