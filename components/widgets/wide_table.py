"""A table with more columns than fit: the ones that matter first, all of them on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import streamlit as st

from engine.metrics import wording as say

MOST_COLUMNS = 8
"""How many fit beside the menu at a width of 1280 pixels."""


def wide_table(frame: pl.DataFrame, *, first: Sequence[str], columns: dict[str, Any], key: str, **options: Any) -> Any:
    """Show a table whose first column stays in place; columns beyond `MOST_COLUMNS` wait for "All figures".

    Args:
        frame: the whole table, with the name of each row in its first column.
        first: the columns to show at first, the most important one first; those that the frame lacks are skipped.
        columns: how columns are shown, as `st.dataframe` takes it.
        key: keeps the table and its switch between reruns.
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
        return st.dataframe(
            frame,
            column_config=columns,
            column_order=shown,
            hide_index=True,
            placeholder=say.MISSING,
            width="stretch",
            key=key,
            **options,
        )
