"""Step 1: the file, how it is read, and its first rows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st

from components.ui.errors import fault
from components.ui.text import inert, plain, visible
from components.upload.clean_part import clean_part
from components.upload.draft import Draft, next_button
from components.widgets.tables import show_table
from engine.core.errors import AdaptLabError
from engine.ingest.options import ENCODINGS
from engine.ingest.steps import Looked
from engine.ingest.table import DELIMITERS, FirstLook, Reading, ReadOptions
from engine.metrics import wording as say
from engine.services.lab import Lab

APOSTROPHE = " Cells that a spreadsheet would treat as a formula are shown with an apostrophe; it is not stored."
_DETECT = ""
_NO_QUOTES = "none"


def file_step(lab: Lab, draft: Draft) -> None:
    """Show how the file is read, let the user change that, and show the first 20 rows."""
    looked, reading = draft.find(Looked), draft.options.reading
    if looked is None:
        try:
            looked = Looked(reading=reading, look=lab.tables.first_look(draft.name, draft.data, reading))
        except AdaptLabError as error:
            fault(error)
        else:
            draft.take(looked)
    look = None if looked is None else looked.look
    offer = st.container()
    _reading(draft, look)
    if look is None:
        return
    with offer:
        is_offered = bool(look.rows) and clean_part(lab, draft)
    if look.reading.guess:
        st.info(
            plain(f"{look.reading.guess} If letters look wrong, choose another encoding."), icon=":material/translate:"
        )
    st.caption(plain(" ".join(reason for reason in look.reading.reasons if reason != look.reading.guess)))
    for note in look.notes:
        st.caption(f":material/info: {plain(note)}")
    frame, formulas = first_rows(look)
    show_table(frame, height="content", key="first_rows", alt="The first rows")
    st.caption(
        f"The first {len(look.rows)} rows. Every cell stays text, exactly as it is in the file."
        + (APOSTROPHE if formulas else "")
    )
    next_button(draft, disabled=not look.rows, is_main=not is_offered)


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


def _reading(draft: Draft, look: FirstLook | None) -> None:
    reading = look.reading if look else None
    asked = draft.options.reading
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.metric("Read as", reading.format if reading else say.MISSING, width="content")
        if reading is None or reading.encoding:
            codecs = [_DETECT, *ENCODINGS]
            encoding = st.selectbox(
                "Encoding",
                codecs,
                index=codecs.index(asked.encoding) if asked.encoding in codecs else 0,
                format_func=lambda item: item or (f"detected: {reading.encoding}" if reading else "detect"),
                key=_key("encoding", draft),
                width=220,
                help="How letters are stored as bytes. Choose another encoding if accents look wrong.",
            )
            asked = replace(asked, encoding=encoding or None)
        if reading is None or reading.delimiter:
            asked = _dialect(draft, asked, reading)
        if reading is not None and reading.sheets:
            sheets = list(reading.sheets)
            sheet = st.selectbox(
                "Sheet",
                sheets,
                index=sheets.index(reading.sheet),
                format_func=visible,
                key=_key("sheet", draft),
                width=220,
                help="The sheet of the workbook to read.",
            )
            asked = replace(asked, sheet=None if asked.sheet is None and sheet == reading.sheet else sheet)
        if reading is None or reading.format in {"CSV", "XLSX"}:
            header = st.toggle(
                "First row names the columns",
                value=asked.header,
                key=_key("header", draft),
                help="Turn it off for a table that begins with its first row of data.",
            )
            asked = replace(asked, header=header)
    if asked != draft.options.reading:
        draft.choose(draft.options.read_as(asked))
        st.rerun()


def _key(name: str, draft: Draft) -> str:
    """Return the key of a choice: one of this file's own, for what is chosen for one file says nothing of the next."""
    return f"read_{name}_{draft.file_id}"


def _dialect(draft: Draft, asked: ReadOptions, reading: Reading | None) -> ReadOptions:
    delimiter, quote = (reading.delimiter, reading.quote) if reading else ("", '"')
    choices = [_DETECT, *DELIMITERS]
    chosen = st.selectbox(
        "Delimiter",
        choices,
        index=choices.index(asked.delimiter) if asked.delimiter in choices else 0,
        format_func=lambda item: (
            DELIMITERS[item] if item else f"detected: {DELIMITERS.get(delimiter, visible(delimiter)) or 'detect'}"
        ),
        key=_key("delimiter", draft),
        width=200,
        help="The character between two cells of a row.",
    )
    quotes = {'"': 'double "', "'": "single '", "": _NO_QUOTES}
    around = st.selectbox(
        "Quote character",
        list(quotes),
        index=list(quotes).index(quote) if quote in quotes else 0,
        format_func=quotes.__getitem__,
        key=_key("quote", draft),
        width=130,
        help="The character around cells that contain a line break or the delimiter.",
    )
    return replace(asked, delimiter=chosen or None, quote=None if around == '"' else around)
