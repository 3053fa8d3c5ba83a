"""Compare, Run: set up a comparison, watch it, read its result."""

from __future__ import annotations

import streamlit as st

from components.run.panel import run_panel
from components.run.results import downloads, results
from components.run.rows import run_rows
from components.run.setup import setup
from components.ui import state
from components.ui.errors import fault
from components.ui.run_data import info_so_far, summary_of
from components.ui.run_list import missing_run, past_runs
from engine.core.errors import AdaptLabError
from engine.services.recorded import SAMPLE

lab = state.lab()
run_id = state.shown_run()

if run_id is None:
    st.title("Compare", anchor=False)
    st.caption("One task, one model, every technique: measured on this machine, row by row.")
    setup(lab)
    past_runs(lab)
    st.stop()

if missing_run(lab, run_id if lab.runs.progress(run_id) is None else None, "Compare", with_answers=False):
    st.stop()
try:
    snapshot = run_panel(lab, run_id)
    if not snapshot.is_running and snapshot.rows_done:
        is_whole = True
        try:
            results(summary_of(lab, info_so_far(lab, run_id, snapshot.rows_done)))
        except AdaptLabError as error:  # its task is gone; what it answered is still there
            fault(error)
            is_whole = False
        if run_id != SAMPLE:
            downloads(lab.exports, run_id, with_summary=is_whole)
    run_rows(lab, run_id, snapshot)
except AdaptLabError as error:
    fault(error)
    st.button("Set up a comparison", on_click=state.set_up)
