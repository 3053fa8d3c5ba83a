"""Tables, all alike: no index, and a dash where there is no figure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal

import polars as pl
import streamlit as st

from engine.metrics import wording as say

Width = Literal["stretch", "content"]
MOST_COLUMNS = 8
"""How many fit beside the menu at a width of 1280 pixels."""


def show_table(frame: Any, *, key: str, width: Width = "stretch", **options: Any) -> Any:
    """Show a table.

    Args:
        frame: the table.
        key: keeps it between reruns.
        width: as wide as its place, or as its content.
        options: further ones of `st.dataframe`.

    Returns:
        What `st.dataframe` returns.
    """
    return st.dataframe(frame, hide_index=True, placeholder=say.MISSING, width=width, key=key, **options)


def table_key(key: str, rows: Sequence[str]) -> str:
    """Return the key of a table of these rows: what is selected in it is not selected in one of others."""
    return f"{key}_{sha256(chr(0).join(rows).encode()).hexdigest()[:8]}" if rows else key


def wide_table(
    frame: pl.DataFrame,
    *,
    first: Sequence[str],
    columns: dict[str, Any],
    key: str,
    rows: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Show a table; columns beyond `MOST_COLUMNS` wait for "All figures", with which the first one stays in place.

    Args:
        frame: the whole table, with the name of each row in its first column.
        first: the columns to show at first, the most important one first; those that the frame lacks are skipped.
        columns: how columns are shown, as `st.dataframe` takes it.
        key: keeps the table and its switch between reruns.
        rows: names of the rows, where some can be selected: Streamlit keeps the place of a selected row, which with
            other rows would be another one.
        options: further ones of `st.dataframe`, such as what happens when a row is selected.

    Returns:
        What `st.dataframe` returns.
    """
    wanted = list(dict.fromkeys([frame.columns[0], *(name for name in first if name in frame.columns)]))[:MOST_COLUMNS]
    shown = [name for name in frame.columns if name in wanted]
    is_cut = len(shown) < frame.width
    with st.container(gap="xsmall"):
        if is_cut and st.toggle("All figures", key=f"{key}_all"):
            shown = list(frame.columns)
            # Only then there is something to scroll: Streamlit draws a column that stays in place in grey.
            columns = {**columns, shown[0]: {**columns.get(shown[0], {}), "pinned": True}}
        return show_table(frame, key=table_key(key, rows), column_config=columns, column_order=shown, **options)
