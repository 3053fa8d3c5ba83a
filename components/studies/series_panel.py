"""A series of runs in the background: its progress with time left and a cancel, drawn anew while it goes on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components.ui import state
from components.ui.text import duration, plain
from engine.core.run.plan import RunPlan
from engine.services.lab import Laboratory
from engine.services.run_series import RunSeries

REFRESH_S = 1.0


@st.cache_resource(show_spinner=False, on_release=lambda series: series.cancel())
def series_of(_lab: Laboratory, kind: str) -> RunSeries:  # noqa: ARG001 - the cache's key: a series per kind
    """Return the one series of its kind, shared by all tabs."""
    return RunSeries(_lab)


def series_panel(series: RunSeries, name: str, plans: Sequence[RunPlan], *, missing: int) -> None:
    """Offer to measure what is missing, and show how far it is."""
    watch = st.fragment(_panel, run_every=REFRESH_S if series.state().going_on else None)
    watch(series, name, tuple(plans), missing, was_going_on=series.state().going_on)


def _panel(series: RunSeries, name: str, plans: Sequence[RunPlan], missing: int, *, was_going_on: bool) -> None:
    now = series.state()
    if was_going_on != now.going_on or (was_going_on and st.session_state.get(state.SERIES_DONE) != now.done):
        st.session_state[state.SERIES_DONE] = now.done
        st.rerun()  # the figures around this part have to change with it
    if now.going_on:
        left = "" if now.estimated_left_s is None else f", {duration(now.estimated_left_s)} left"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(
                now.done / max(now.total, 1),
                text=plain(f"Run {min(now.done + 1, now.total)} of {now.total}: {now.now}{left}"),
            )
            st.button("Cancel", key="series_cancel", icon=":material/stop_circle:", on_click=series.cancel)
        if now.name != name:
            st.caption("This is another series than the one chosen here; it goes first.")
    elif missing:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Measure" if missing == len(plans) else "Go on",
                key="series_start",
                type="primary",
                icon=":material/play_circle:",
                on_click=series.start,
                args=(name, plans),
            )
            st.caption(f"{missing} of {len(plans)} runs are still to be made. They go on in the background.")
    for failure in now.failed:
        st.warning(plain(failure))
