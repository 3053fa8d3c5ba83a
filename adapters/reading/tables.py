"""A table as two files in a folder, so that it passes from one process to another without being copied as text."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.ingest.table import RaggedRow, Reading, Table, TextColumn

_FACTS = "facts.json"
_CELLS = "cells.bin"


def write_table(table: Table, folder: Path) -> None:
    """Write a table into an empty folder."""
    facts = {
        "name": table.name,
        "digest": table.digest,
        "size_bytes": table.size_bytes,
        "reading": asdict(table.reading),
        "header": table.header,
        "rows": table.rows,
        "blocks": [column.size_bytes for column in table.columns],
        "ragged": [[row.line, row.cells, row.start] for row in table.ragged],
        "notes": table.notes,
    }
    (folder / _FACTS).write_bytes(json.dumps(facts).encode())
    with (folder / _CELLS).open("wb") as cells:
        cells.write(table.lines.astype("<i8").tobytes())
        for column in table.columns:
            block, ends = column.parts()
            cells.write(ends.astype("<u4").tobytes())
            cells.write(block)


def read_written_table(folder: Path) -> Table:
    """Read back what `write_table` wrote."""
    facts = json.loads((folder / _FACTS).read_bytes())
    rows = facts["rows"]
    with (folder / _CELLS).open("rb") as cells:
        lines = np.frombuffer(cells.read(8 * rows), dtype="<i8").astype(np.int64)
        columns = []
        for size_bytes in facts["blocks"]:
            ends = np.frombuffer(cells.read(4 * rows), dtype="<u4").astype(np.uint32)
            columns.append(TextColumn(cells.read(size_bytes), ends))
    return Table(
        name=facts["name"],
        digest=facts["digest"],
        size_bytes=facts["size_bytes"],
        reading=reading_from(facts["reading"]),
        header=tuple(facts["header"]),
        columns=tuple(columns),
        lines=lines,
        ragged=tuple(RaggedRow(line=line, cells=count, start=start) for line, count, start in facts["ragged"]),
        notes=tuple(facts["notes"]),
    )


def reading_from(facts: dict[str, object]) -> Reading:
    """Rebuild how a file was read from plain data."""
    lists = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return Reading(**lists)  # type: ignore[arg-type]
