"""How a run ends on its page: its verdict sentence above the lanes, and the ways on from there."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.limits_form import limits_so_far
from components.ui.run_data import info_so_far, report_of
from components.ui.run_list import caveats, memo_button
from components.ui.text import plain
from engine.core.errors import AdaptLabError
from engine.core.run.standing import is_comparison
from engine.services.lab import Lab


def ending(lab: Lab, run_id: str, rows_done: int) -> None:
    """Show what a run that is over leads to: its verdict under the session's limits, Report, Present and the memo."""
    if not rows_done:
        return
    limits = limits_so_far()
    try:
        info = info_so_far(lab, run_id, rows_done)
        caveats(info, None, unfinished=False)  # which the badge and the message above say already
        verdict = report_of(lab, info, limits).verdict
    except AdaptLabError:
        return  # it was deleted meanwhile, or its task is gone: the figures are all that is left
    with st.container(border=True, key="run_ending", gap="small"):
        if is_comparison(info) and info.status == "done":
            st.header(plain(verdict.headline), anchor=False)
        else:
            st.markdown("The figures so far are in the report.")
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Report", key="run_report", type="primary", icon=":material/gavel:"):
                state.report(run_id)
            if st.button("Present", key="present", icon=":material/slideshow:"):
                state.present(run_id)
            memo_button(lab, run_id, limits)
