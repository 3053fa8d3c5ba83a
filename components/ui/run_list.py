"""Saved runs: a list from which to reopen one."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from components.ui import state
from components.ui.palette import label
from components.ui.text import plain, visible
from engine.core.run.infos import RunInfo
from engine.core.techniques import TECHNIQUES, Technique
from engine.metrics import wording as say
from engine.metrics.marks import Mark
from engine.services.lab import Lab

_RECENT = 8


def past_runs(lab: Lab) -> None:
    """Show the last few runs to reopen, or what to do when there are none."""
    runs = lab.runs.list()
    if not runs:
        with st.container(border=True):
            st.markdown("**No run yet**")
            st.markdown(
                "Press **Run**: the variants answer the task's rows here, taking turns, and you watch quality, "
                "latency and cost come in. Nothing has to be downloaded. Every row is saved at once, "
                "so you can cancel at any time and resume later."
            )
        return
    going_on = lab.runs.current_id()
    if going_on:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("A run is in progress.", width="content")
            st.button("Show it", key="show_current", on_click=state.show_run, args=(going_on,))
    st.markdown("**Recent runs**")
    for run in runs[:_RECENT]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                say.when(run.started_at),
                key=f"open_{run.run_id}",
                type="tertiary",
                on_click=state.show_run,
                args=(run.run_id,),
            )
            st.markdown(
                plain(
                    f"{run.task_id} · {run.model_id} · {standing(run, going_on)} · {run.rows_done} of {run.rows_total}"
                ),
                width="content",
            )


def standing(run: RunInfo, going_on: str | None) -> str:
    """Return the state of a saved run, and whether it was imported; one that stopped midway is interrupted."""
    state_here = _state(run, going_on)
    return f"{state_here}, {Mark.IMPORTED.sign}" if run.imported else state_here


def _state(run: RunInfo, going_on: str | None) -> str:
    if run.status == "done" and run.rows_done < run.rows_total:
        return "done, stopped early"  # a run ends before its last row only if there is a clear leader
    if run.status in {"done", "cancelled", "failed"}:
        return run.status
    return "running" if run.run_id == going_on else "interrupted"


def runs_frame(runs: Sequence[RunInfo], going_on: str | None) -> pl.DataFrame:
    """Return the saved runs as a table, newest first."""
    return pl.DataFrame(
        [
            {
                "Started": say.when(run.started_at),
                "Task": visible(run.task_id),
                "Model": visible(run.model_id),
                "Variants": ", ".join(label(Technique(name)) for name in run.techniques if name in set(TECHNIQUES)),
                "Seed": run.seed,
                "State": standing(run, going_on),
                "Done": run.rows_done / max(run.rows_total, 1),
                "Predictions": run.rows_done,
                "Note": visible(run.note).replace("\n", " "),
                "Run": run.run_id,
            }
            for run in runs
        ]
    )
