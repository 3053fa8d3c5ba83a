"""Work that takes too long for a page: a job that never calls Streamlit, with a part of the page showing progress."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine.metrics import wording as say
from engine.services.background.jobs import Job

PATIENCE_S = 0.8
"""How long the page waits for a job before it shows progress; most jobs are done by then."""
REFRESH_S = 0.5
"""How often a part of a page that watches work is drawn again."""


def finished(job: Job[Any], words: str) -> bool:
    """Wait a moment for a job; if it is still running, show its progress and a Stop button, and return False.

    The page is redrawn when the job has ended.
    """
    if job.wait(PATIENCE_S):
        return True
    st.fragment(_watch, run_every=REFRESH_S)(job, words)
    return False


def _watch(job: Job[Any], words: str) -> None:
    if not job.is_running:
        st.rerun()
    left = "" if job.left_s is None else f" · {say.duration(job.left_s)} left"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(job.fraction, 1.0), text=f"{words}{left}")
        st.button("Stop", key="stop_job", icon=":material/stop_circle:", on_click=job.cancel)
