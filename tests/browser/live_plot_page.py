"""A page for `test_live_plot.py`: a chart that is fed by a fragment, as the Run page feeds its own, and a grid."""

from __future__ import annotations

import streamlit as st

from components.widgets.plot import live_plot
from engine.charts.chart import Grid
from engine.charts.plotly_form import grid_to_plotly
from engine.charts.style import colour

st.set_page_config(layout="wide")


@st.fragment(run_every=0.2)
def feed() -> None:
    """Add a point with every rerun."""
    count = st.session_state["count"] = st.session_state.get("count", 0) + 1
    line = {"type": "scatter", "x": list(range(count)), "y": [n % 7 for n in range(count)]}
    figure = {
        "data": [line | {"line": {"color": colour("lora")}}],
        "layout": {"xaxis": {"title": {"text": "rows"}}, "margin": {"t": 10, "b": 40}},
    }
    live_plot(figure, key="chart", alt=f"A line of {count} points", height=220)


def techniques_grid() -> Grid:
    """Return models by techniques, with cells as long as a comparison has them."""
    columns = ("Zero-shot", "Few-shot", "RAG", "LoRA", "RAG + LoRA", "Classifier")
    return Grid(
        title="Models",
        caption="",
        alt="Models by techniques",
        lines=("Small model", "Large model"),
        columns=columns,
        values=((0.5,) * len(columns),) * 2,
        texts=(("79.5 % (72.1 to 86.4)",) * len(columns),) * 2,
        line_title="model",
        column_title="technique",
    )


feed()
live_plot(grid_to_plotly(techniques_grid()), key="grid", alt="grid", height=260)
