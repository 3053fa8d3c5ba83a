"""A chart with its heading, a text alternative, and the figures behind it."""

from __future__ import annotations

import polars as pl
import streamlit as st

from components.ui.text import inert, plain, visible
from components.widgets.plot import live_plot
from components.widgets.tables import show_table
from engine.charts.chart import Chart, Grid
from engine.charts.plotly_form import grid_to_plotly, to_plotly


def chart_card(chart: Chart | Grid, *, key: str, height: int = 300) -> None:
    """Draw a chart in a frame, its table behind a button."""
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(chart.title)}**", width="stretch")
            with st.popover("Table", type="tertiary", help="The figures behind this chart."):
                st.caption(plain(chart.alt))
                show_table(table_frame(chart), width="content", key=f"{key}_table")
        st.caption(plain(chart.caption))
        figure = grid_to_plotly(chart) if isinstance(chart, Grid) else to_plotly(chart)
        live_plot(figure, key=key, alt=chart.alt, height=height)


def table_frame(chart: Chart | Grid) -> pl.DataFrame:
    """Return a chart's figures as a table of safe texts and numbers; a grid's own cells hold figures alone."""
    figures = set(chart.columns) if isinstance(chart, Grid) else set()
    rows = [
        {
            inert(name): (visible if name in figures else inert)(value) if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in chart.table()
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
