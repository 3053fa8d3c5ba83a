"""A series of runs in the background: what is measured, rows, time left and a Stop button, redrawn while it runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components.ui import state
from components.ui.text import plain
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.services.lab import Lab

REFRESH_S = 1.0


def series_panel(
    lab: Lab, purpose: Purpose, name: str, plans: Sequence[RunPlan], *, missing: int, studied_run: str = ""
) -> None:
    """Offer to measure the missing runs of a study, and show its progress."""
    is_running = lab.studies.state(purpose).is_running
    watch = st.fragment(_panel, run_every=REFRESH_S if is_running else None)
    watch(lab, purpose, name, tuple(plans), missing, studied_run, was_going_on=is_running)


def _panel(
    lab: Lab,
    purpose: Purpose,
    name: str,
    plans: Sequence[RunPlan],
    missing: int,
    studied_run: str,
    *,
    was_going_on: bool,
) -> None:
    now = lab.studies.state(purpose)
    if was_going_on != now.is_running or (was_going_on and st.session_state.get(state.SERIES_DONE) != now.done):
        st.session_state[state.SERIES_DONE] = now.done
        st.rerun()  # the figures around this part have to change with it
    if now.is_running:
        left = "" if now.estimated_left_s is None else f" · {say.duration(now.estimated_left_s)} left"
        rows = f" · {say.number(now.rows_done)} of {say.number(now.rows_total)} answers" if now.rows_total else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(
                min(now.fraction, 1.0),
                text=plain(f"Run {min(now.done + 1, now.total)} of {now.total}: {now.now}{rows}{left}"),
            )
            st.button(
                "Stop",
                key="series_cancel",
                icon=":material/stop_circle:",
                on_click=lab.studies.cancel,
                args=(purpose,),
            )
        if now.name != name:
            st.caption("This is a different series from the one chosen here; it runs first.")
    elif missing:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Measure" if missing == len(plans) else "Resume",
                key="series_start",
                type="primary",
                icon=":material/play_circle:",
                on_click=lab.studies.start,
                args=(purpose, name, plans),
                kwargs={"studied_run": studied_run},
            )
            st.caption(f"{missing} of {len(plans)} runs to go. They run in the background.")
    for failure in now.failed:
        st.warning(plain(failure))
