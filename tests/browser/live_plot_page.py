"""A page for `test_live_plot.py`: a chart that is fed by a fragment, as the Run page feeds its own."""

from __future__ import annotations

import streamlit as st

from components.ui.palette import colour
from components.widgets.plot import live_plot


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


feed()
