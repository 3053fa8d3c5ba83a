"""The rows of the run on screen; while it runs, new ones come in and nothing else on the page is redrawn for them."""

from __future__ import annotations

import streamlit as st

from components.rows.of_run import rows_of_run
from components.run.watching import slower
from components.ui import state
from components.ui.errors import faults_told
from components.ui.run_data import info_so_far
from engine.analysis.row_filter import Show
from engine.analysis.snapshot import RunSnapshot
from engine.services.lab import Lab

_LEAST_S = 2.0
_ANSWERS_PER_S = 5_000
"""The rows of a run that goes on are read as a whole: the more answers it has, the more seldom."""


def run_rows(lab: Lab, run_id: str, snapshot: RunSnapshot) -> None:
    """Show the rows of a run, as soon as it has any."""
    every = max(_LEAST_S, snapshot.rows_total / _ANSWERS_PER_S) * slower() if snapshot.is_running else None
    st.fragment(faults_told(_rows), run_every=every)(lab, run_id, snapshot.rows_done)


def _rows(lab: Lab, run_id: str, rows_done: int) -> None:
    if (progress := lab.runs.progress(run_id)) is not None:  # the rows need none of the figures of a snapshot
        rows_done = progress.rows_done
    if not rows_done:
        return
    st.header("Rows", anchor=False)
    asked_run, asked = st.session_state.get(state.ROW_ASKED, ("", ""))
    rows_of_run(
        lab,
        info_so_far(lab, run_id, rows_done),
        key="run_rows",
        first=Show.ALL,
        opened_key=state.ROW,
        asked=asked if asked_run == run_id else "",
    )
