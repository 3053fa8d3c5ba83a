"""Step 1: the file, how it is read, and its first rows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st

from components.ui.errors import fault
from components.ui.text import MISSING, inert, plain, visible
from components.upload.draft import FILE, Draft, next_button
from engine.core.errors import AdaptLabError
from engine.ingest.table import DELIMITERS, Asked, FirstLook
from engine.services.lab import Laboratory

EXTENSIONS = ["csv", "tsv", "tab", "txt", "xlsx", "xlsm", "jsonl", "ndjson", "json", "parquet"]
APOSTROPHE = " An apostrophe stands before what a spreadsheet would take for a formula; it is not stored."
_DETECT = ""
_NO_QUOTES = "none"


def file_step(lab: Laboratory, draft: Draft) -> None:
    """Show how the file is read, let that be overruled, and show the first 20 rows."""
    if draft.look is None:
        try:
            draft.look = lab.intake.first_look(draft.name, draft.data, draft.asked)
        except AdaptLabError as error:
            fault(error)
    look = draft.look
    _reading(lab, draft, look)
    if look is None:
        return
    st.caption(plain(" ".join(look.reading.reasons)))
    for note in look.notes:
        st.caption(f":material/info: {plain(note)}")
    frame, formulas = first_rows(look)
    st.dataframe(frame, hide_index=True, width="stretch", height="content", key="first_rows", alt="The first rows")
    st.caption(
        f"The first {len(look.rows)} rows. Every cell stays text, as it stands in the file."
        + (
            " An apostrophe stands before what a spreadsheet would take for a formula; it is not stored."
            if formulas
            else ""
        )
    )
    next_button(draft, disabled=not look.rows)


def first_rows(look: FirstLook) -> tuple[pl.DataFrame, bool]:
    """Return the first rows as they are shown, and whether any cell looks like a formula."""
    width = len(look.header)
    columns: dict[str, list[str] | list[int]] = {"Line": list(look.lines)}
    formulas = False
    for place, name in enumerate(look.header[:200]):
        cells = [row[place] if place < len(row) else "" for row in look.rows]
        shown = [inert(cell[:2000]) for cell in cells]
        formulas = formulas or any(one != visible(cell[:2000]) for one, cell in zip(shown, cells, strict=True))
        title = inert(name)
        while title in columns:
            title += " "
        columns[title] = shown
    uneven = [row for row in look.rows if len(row) != width]
    if uneven:
        columns["Cells in the row"] = [len(row) for row in look.rows]
    return pl.DataFrame(columns), formulas


def _reading(lab: Laboratory, draft: Draft, look: FirstLook | None) -> None:
    reading = look.reading if look else None
    asked = draft.asked
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.metric("Read as", reading.format if reading else MISSING, width="content")
        if reading is None or reading.encoding:
            codecs = [_DETECT, *lab.intake.encodings()]
            encoding = st.selectbox(
                "Encoding",
                codecs,
                index=codecs.index(asked.encoding) if asked.encoding in codecs else 0,
                format_func=lambda item: item or (f"detected: {reading.encoding}" if reading else "detect"),
                key="read_encoding",
                width=220,
                help="How letters are written as bytes. Choose another one if accents look wrong.",
            )
            asked = replace(asked, encoding=encoding or None)
        if reading is None or reading.delimiter:
            asked = _dialect(asked, reading.delimiter if reading else "", reading.quote if reading else '"')
        if reading is not None and reading.sheets:
            sheets = list(reading.sheets)
            sheet = st.selectbox(
                "Sheet",
                sheets,
                index=sheets.index(reading.sheet),
                format_func=visible,
                key="read_sheet",
                width=220,
                help="Which sheet of the workbook is read.",
            )
            asked = replace(asked, sheet=None if asked.sheet is None and sheet == reading.sheet else sheet)
        if reading is None or reading.format in {"CSV", "XLSX"}:
            header = st.toggle(
                "First row names the columns",
                value=asked.header,
                key="read_header",
                help="Turn it off for a table that begins with its first row of data.",
            )
            asked = replace(asked, header=header)
    if asked != draft.asked:
        draft.asked = asked
        draft.void_from(FILE)
        draft.choices.clear()
        st.rerun()


def _dialect(asked: Asked, delimiter: str, quote: str) -> Asked:
    signs = [_DETECT, *DELIMITERS]
    chosen = st.selectbox(
        "Between cells",
        signs,
        index=signs.index(asked.delimiter) if asked.delimiter in signs else 0,
        format_func=lambda item: (
            DELIMITERS[item] if item else f"detected: {DELIMITERS.get(delimiter, plain(delimiter)) or 'detect'}"
        ),
        key="read_delimiter",
        width=200,
        help="The sign between two cells of a row.",
    )
    quotes = {'"': 'double "', "'": "single '", "": _NO_QUOTES}
    around = st.selectbox(
        "Around cells",
        list(quotes),
        index=list(quotes).index(quote) if quote in quotes else 0,
        format_func=quotes.__getitem__,
        key="read_quote",
        width=130,
        help="The sign around cells that hold a line break or the sign between cells.",
    )
    return replace(asked, delimiter=chosen or None, quote=None if around == '"' else around)
