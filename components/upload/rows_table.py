"""Rows of a table as the examples that they become."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from components.ui.text import inert
from components.widgets.tables import show_table
from engine.ingest.checks.work import build_rows
from engine.ingest.columns import Roles
from engine.ingest.table import Table


def rows_table(table: Table, roles: Roles, *, most_characters: int, key: str, **options: Any) -> None:
    """Show each row's line, input and target; longer texts are cut, and further options go to `show_table`."""
    rows = build_rows(table, roles)
    show_table(
        pl.DataFrame(
            {
                "Line": [row.line for row in rows],
                "Input": [inert(row.input[:most_characters]) for row in rows],
                "Target": [inert(row.target[:most_characters]) for row in rows],
            },
            schema={"Line": pl.Int64, "Input": pl.String, "Target": pl.String},
        ),
        column_config={"Input": st.column_config.TextColumn(width="large")},
        key=key,
        **options,
    )
