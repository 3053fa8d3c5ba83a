"""Checking on the Models page what a model can do where it runs, with what was found beside it."""

from __future__ import annotations

import polars as pl
import streamlit as st

from components.ui.jobs import REFRESH_S
from components.ui.text import inert, plain
from components.widgets.tables import show_table
from engine.core.generation import ModelFacts
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.services.measuring.model_check import CheckedModel


def check_panel(lab: Lab, model: ModelFacts) -> None:
    """Offer a check, show its progress, and what the last one found."""
    check = lab.models.checks.find(model.id)
    is_running = check is not None and check.is_running
    taken = lab.runs.current_id() is not None or lab.lora.current_id() is not None
    to = lab.models.sends_rows_to(model.id)
    st.button(
        "Check what works",
        icon=":material/fact_check:",
        key=f"check_{model.id}",
        disabled=taken or is_running,
        on_click=_start,
        args=(lab, model.id),
        help="Asks some short questions of our own, none of your rows"
        + (f"; they are sent to {to} and may cost money there." if to else "."),
    )
    if taken:
        st.caption("A run or a training job is using the machine; check when it is done.")
    st.fragment(_last_check, run_every=REFRESH_S if is_running else None)(lab, model.id, was_running=is_running)
    kept = lab.models.checks.kept(model.id)
    if kept is not None:
        st.caption(f"Checked {say.when(kept.checked_at)}, answered by {plain(kept.answered_by)}")
        show_table(findings_frame(kept), key=f"checked_{model.id}")


def _start(lab: Lab, model_id: str) -> None:
    lab.models.checks.start(model_id)


def _last_check(lab: Lab, model_id: str, *, was_running: bool) -> None:
    check = lab.models.checks.find(model_id)
    if check is None:
        return
    if check.is_running != was_running:
        st.rerun()
    if check.is_running:
        step = check.progress
        words = f"{step.stage}: {step.detail}" if step and step.detail else step.stage if step else "Starting"
        st.progress(step.fraction if step else 0.0, text=words)
        st.button("Stop", icon=":material/stop_circle:", key=f"check_stop_{model_id}", on_click=check.cancel)
    elif check.error is not None:
        st.error(f"{plain(check.error.what)}  \n{plain(check.error.fix)}", icon=":material/error:")


def findings_frame(found: CheckedModel) -> pl.DataFrame:
    """Return what a check found, a row an ability."""
    return pl.DataFrame(
        [{"Ability": one.what, "Works": str(one.works), "Seen": inert(one.words)} for one in found.findings]
    )
