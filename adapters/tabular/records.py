"""JSONL and Parquet: records with named fields, as rows of text."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from typing import Any

from adapters.tabular.encodings import chosen_encoding, detect_encoding, undecodable
from adapters.tabular.sheets import as_text
from adapters.tabular.source import MAX_COLUMNS, MAX_ROWS, MAX_TEXT_BYTES, Opened, Row, Source
from engine.core.errors import TableError
from engine.ingest.table import Reading, ReadOptions
from engine.metrics import wording as say

_BATCH_ROWS = 256
"""Rows of Parquet unpacked at a time: a page may hold one long text, and name it for each row."""

MAX_VALUES = 50_000_000
"""Values of all columns of a Parquet file, those in lists too, as the file declares."""
MAX_SPARSE_CELLS = 5_000_000
MAX_CELLS_A_BYTE = 10
"""Cells of a JSONL table, absent fields too, for each byte of the file, where that is more."""


class _Number(str):
    """A number exactly as it is in the file."""

    __slots__ = ()


def open_jsonl(source: Source, asked: ReadOptions) -> Opened:
    """Open a file of one JSON object a line. The fields of all lines are the columns.

    Raises:
        TableError: a line is not a JSON object; the error names it.
    """
    encoding = chosen_encoding(asked.encoding) if asked.encoding else detect_encoding(source.name, source.data)
    codec = encoding.codec
    notes: list[str] = []
    header = _fields(source, codec)
    stream = source.stream()
    return Opened(
        reading=Reading(
            format="JSONL",
            encoding=codec.removesuffix("-sig"),
            reasons=(encoding.reason, "JSONL: each line is an object."),
            guess=encoding.reason if encoding.guessed else "",
        ),
        rows=_json_rows(source, stream, codec, header, notes),
        notes=notes,
        fraction=lambda: 1.0 if stream.closed else stream.tell() / len(source.data),
    )


def _objects(source: Source, stream: io.BytesIO, codec: str) -> Iterator[tuple[int, dict[str, Any]]]:
    decoder = json.JSONDecoder(
        parse_int=_Number, parse_float=_Number, parse_constant=_no_constant, object_pairs_hook=_unique
    )
    text = io.TextIOWrapper(stream, encoding=codec, errors="strict", newline="\n")
    line = 0
    try:
        for line, words in enumerate(text, start=1):
            if not words.strip():
                continue
            value = decoder.decode(words)
            if not isinstance(value, dict):
                raise TableError(f"{source.name}, line {line}: not a JSON object.", "Write one object a line.")
            yield line, value
    except UnicodeDecodeError as error:
        raise undecodable(source.name, source.data, codec) from error
    except RecursionError as error:
        raise _too_deep(source.name, line) from error
    except ValueError as error:
        raise TableError(
            f"{source.name}, line {line}: {str(error).split(': line')[0]}.", "Write one whole JSON object a line."
        ) from error


def _too_deep(name: str, line: int) -> TableError:
    return TableError(f"{name}, line {line}: nested too deep.", "Flatten the record.")


def _no_constant(name: str) -> Any:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            message = f"the field '{name[:40]}' occurs twice"
            raise ValueError(message)
        found[name] = value
    return found


def _fields(source: Source, codec: str) -> list[str]:
    """Return the fields of all objects, in the order in which they first appear."""
    names: dict[str, None] = {}
    most_cells = max(MAX_SPARSE_CELLS, MAX_CELLS_A_BYTE * len(source.data))
    for count, (line, value) in enumerate(_objects(source, source.stream(), codec), start=1):
        new = [name for name in value if name not in names]
        for name in new:
            if _has_half_a_pair(name):
                raise _half_a_pair(source.name, line)
        names.update(dict.fromkeys(new))
        if len(names) > MAX_COLUMNS:
            raise TableError(f"{source.name}, line {line}: more than {MAX_COLUMNS:,} fields.", "Give fewer fields.")
        if count * len(names) > most_cells:
            raise TableError(
                f"{source.name}, line {line}: {len(names):,} different fields so far, nearly all absent in each line; "
                f"the table would have more than {most_cells:,} cells.",
                "Give every line the same fields.",
            )
    return list(names)


def _has_half_a_pair(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)


def _half_a_pair(name: str, line: int) -> TableError:
    return TableError(f"{name}, line {line}: half of a surrogate pair is not a character.", "Correct the escape.")


def _json_rows(source: Source, stream: io.BytesIO, codec: str, header: list[str], notes: list[str]) -> Iterator[Row]:
    missing = 0
    first_missing = 0
    if header:
        yield 1, header
    for line, value in _objects(source, stream, codec):
        try:
            cells = [_cell(value[name]) if name in value else None for name in header]
        except RecursionError as error:
            raise _too_deep(source.name, line) from error
        absent = sum(cell is None for cell in cells)
        if absent and not missing:
            first_missing = line
        missing += absent
        row = [cell or "" for cell in cells]
        if any(map(_has_half_a_pair, row)):
            raise _half_a_pair(source.name, line)
        yield line, row
    if missing:
        notes.append(f"{missing:,} fields are absent or null (first in line {first_missing}); they count as empty.")


def _cell(value: Any) -> str | None:
    """Write a value as text: texts and numbers as they are, the rest as JSON; None for null."""
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    """Write JSON in which numbers stay as they are in the file."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def open_parquet(source: Source, asked: ReadOptions) -> Opened:  # noqa: ARG001 - one signature for all formats
    """Open a Parquet file.

    Raises:
        TableError: it is damaged, or would unpack to too much.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        file = pq.ParquetFile(pa.BufferReader(source.data))
        facts = file.metadata
        unpacked = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
        values = sum(
            facts.row_group(group).column(place).num_values
            for group in range(facts.num_row_groups)
            for place in range(facts.num_columns)
        )
        header = list(file.schema_arrow.names)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{source.name} cannot be read as Parquet ({_short(error)}).", "Write it again.") from error
    too_wide = len(header) > MAX_COLUMNS or values > MAX_VALUES
    if facts.num_rows > MAX_ROWS or unpacked > MAX_TEXT_BYTES or too_wide:
        raise TableError(
            f"{source.name} would unpack to {facts.num_rows:,} rows, {values:,} values and {say.size(unpacked)}; "
            "it was not unpacked.",
            f"Give at most {MAX_ROWS:,} rows and {say.size(MAX_TEXT_BYTES)}.",
        )
    notes: list[str] = []
    done = [0]
    return Opened(
        reading=Reading(format="Parquet", reasons=("Parquet: the file says so itself.",)),
        rows=_parquet_rows(source, file, header, notes, done),
        notes=notes,
        fraction=lambda: done[0] / max(facts.num_rows, 1),
    )


def _parquet_rows(source: Source, file: Any, header: list[str], notes: list[str], done: list[int]) -> Iterator[Row]:
    import pyarrow as pa

    yield 0, header
    nulls = 0

    def as_cell(value: Any) -> str:
        nonlocal nulls
        if isinstance(value, float) and math.isnan(value):  # what other programs write for null
            nulls += 1
            return ""
        return value if isinstance(value, str) else _typed(value)

    try:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            nulls += sum(column.null_count for column in batch.columns)
            columns = [column.to_pylist() for column in batch.columns]
            for cells in zip(*columns, strict=True):
                done[0] += 1
                yield done[0], [as_cell(cell) for cell in cells]
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise TableError(
            f"{source.name}, row {done[0] + 1}: damaged ({_short(error)}).", "Write the file again."
        ) from error
    if nulls:
        notes.append(f"{nulls:,} values are null; they count as empty.")


def _typed(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return as_text(value)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
