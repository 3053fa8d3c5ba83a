"""Decide, History: every kept run, to be reopened."""

from __future__ import annotations

import streamlit as st

from components import state
from components.history import runs_frame
from components.portability import portability

lab = state.laboratory()
runs = lab.runs()

st.title("History", anchor=False)
st.caption("Every run that was started here, with what was done kept, newest first.")

if not runs:
    st.info("No run is kept yet. Start one under Compare, Run.", icon=":material/history:")
    st.page_link("pages/compare/run.py", label="Set up a comparison", icon=":material/play_circle:")
    st.stop()

portability(lab, runs)
picked = st.dataframe(
    runs_frame(runs, lab.current_run_id()),
    column_config={
        "Done": st.column_config.ProgressColumn(
            format="percent", min_value=0, max_value=1, help="Share of predictions made."
        ),
        "Run": st.column_config.TextColumn(help="The run's id, as the terminal's --resume takes it."),
    },
    hide_index=True,
    width="stretch",
    on_select="rerun",
    selection_mode="single-row",
    key="history_table",
)
chosen = picked.selection.rows
st.caption("Select a row to open the run.")
if chosen and chosen[0] < len(runs):
    state.keep_for_page(runs[chosen[0]].run_id)
    st.switch_page("pages/compare/run.py")
