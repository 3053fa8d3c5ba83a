"""XLSX: the values of one sheet as text. Formulas, macros and external links are never run or followed."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

from adapters.archives import checked_entries
from adapters.tabular.sheet_extent import check_extent
from adapters.tabular.source import Opened, Row, Source
from engine.core.errors import TableError, TaskError, unknown_name
from engine.ingest.table import Reading, ReadOptions
from engine.metrics import wording as say

_WORKBOOK = "xl/workbook.xml"


def open_sheet(source: Source, asked: ReadOptions) -> Opened:
    """Open a sheet: the one asked for, or the first one that is not empty.

    Raises:
        TableError: it is not a workbook, is damaged or encrypted, or would unpack to too much.
        UsageError: there is no such sheet.
    """
    try:
        names = {str(entry.path) for entry in checked_entries(source.name, source.data)}
    except TaskError as error:
        raise TableError(error.what, error.fix) from error
    if "task.toml" in {name.rsplit("/", 1)[-1] for name in names}:
        raise TableError(f"{source.name} is a packed task, not a table.", "Upload it under 'Or a packed task'.")
    if _WORKBOOK not in names:
        raise TableError(f"{source.name} is an archive, not an XLSX workbook.", "Save the sheet as XLSX or CSV.")
    try:
        check_extent(source.name, source.data, names)
    except TaskError as error:
        raise TableError(error.what, error.fix) from error
    workbook = _workbook(source)
    sheets = tuple(workbook.sheet_names)
    if asked.sheet is not None and asked.sheet not in sheets:
        raise unknown_name("sheet", asked.sheet, sheets)
    chosen, values, first = _values(source.name, workbook, asked.sheet, sheets)
    notes: list[str] = []
    if any(name.startswith("xl/vbaProject") for name in names):
        notes.append("The workbook holds macros; they were not run.")
    if any(name.startswith("xl/externalLinks/") for name in names):
        notes.append("The workbook links to other files; the links were not followed.")
    place = [0]
    return Opened(
        reading=Reading(
            format="XLSX",
            header=asked.header,
            sheet=chosen,
            sheets=sheets,
            reasons=(f"Sheet '{chosen}': {'you chose it' if asked.sheet else 'the first one that has cells'}.",),
        ),
        rows=_rows(values, first, notes, place),
        notes=notes,
        fraction=lambda: place[0] / max(len(values), 1),
    )


def _workbook(source: Source) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(source.data))
    except (CalamineError, OSError, ValueError) as error:
        raise TableError(f"{source.name} cannot be read as a workbook ({error}).", "Save it again as XLSX.") from error


def _values(name: str, workbook: Any, asked: str | None, sheets: tuple[str, ...]) -> tuple[str, list[list[Any]], int]:
    """Return the sheet's name, its cells, and the row on which they begin, counted from 1."""
    from python_calamine import CalamineError

    for sheet_name in [asked] if asked is not None else sheets:
        try:
            sheet = workbook.get_sheet_by_name(sheet_name)
            values = sheet.to_python(skip_empty_area=True)
        except (CalamineError, OSError, ValueError) as error:
            raise TableError(
                f"{name}: the sheet '{sheet_name}' cannot be read ({error}).", "Save it again as XLSX."
            ) from error
        if values:
            return sheet_name, values, (sheet.start[0] if sheet.start else 0) + 1
    raise TableError(f"{name} has no cells.", "Give it a header row and rows.")


def _rows(values: list[list[Any]], first: int, notes: list[str], place: list[int]) -> Iterator[Row]:
    written = 0
    blank = 0
    for index, row in enumerate(values):
        place[0] = index
        cells = [cell if isinstance(cell, str) else as_text(cell) for cell in row]
        if not any(cells):
            blank += 1
            continue
        written += sum(not isinstance(cell, str) for cell in row)
        yield first + index, cells
    if blank:
        notes.append(f"{say.counted(blank, 'empty row')} skipped.")
    if written:
        notes.append(
            f"{written:,} cells are numbers, dates or truth values in the sheet; they are written as plain text "
            "(12, 0.5, 2026-01-31, TRUE). Zeros that only a number format shows are not in the file."
        )


def as_text(value: Any) -> str:
    """Write a typed value as text: whole numbers without a point, dates as ISO 8601, TRUE and FALSE."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)
