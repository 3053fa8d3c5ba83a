"""The row of named steps at the head of a run: what is done, what is in progress, what comes, and the time left."""

from __future__ import annotations

import streamlit as st

from components.ui.text import plain
from engine.analysis.course.run_steps import RunStep, StepState
from engine.analysis.snapshot import RunSnapshot
from engine.metrics import wording as say


def steps_line(snapshot: RunSnapshot) -> None:
    """Show the steps in one line that wraps, and behind them the time left of the whole run."""
    parts = [_badge(step) for step in snapshot.steps]
    left_s = snapshot.estimated_left_s
    if snapshot.is_running and left_s is not None:
        parts.append(f"**{plain(say.time_left(left_s, rough=snapshot.left_is_rough))}**")
    st.markdown(" ".join(parts))


def _badge(step: RunStep) -> str:
    words = plain(step.words)
    match step.state:
        case StepState.DONE:
            return f":green-badge[:material/check: {words}]"
        case StepState.NOW:
            return f":blue-badge[:material/play_arrow: {words}]"
        case _:
            return f":gray-badge[{words}]"
