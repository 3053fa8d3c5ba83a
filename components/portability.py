"""One task over several models: techniques by models, and whether the order of the techniques holds."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from components import state
from components.palette import label
from components.words import MISSING, percent, plain, visible
from engine.laboratory import Laboratory, RunInfo
from engine.portability import Matrix, in_words, matrix


def tasks_of_several_models(runs: Sequence[RunInfo]) -> dict[str, list[RunInfo]]:
    """Return, per task, the newest finished run of each model, where there are two models or more."""
    newest: dict[str, dict[str, RunInfo]] = {}
    for run in runs:
        if run.status == "done":
            newest.setdefault(run.task_id, {}).setdefault(run.model_id, run)
    return {task: list(models.values()) for task, models in newest.items() if len(models) > 1}


def portability(lab: Laboratory, runs: Sequence[RunInfo]) -> None:
    """Show the newest finished runs of a task side by side; nothing where no task was run on two models."""
    several = tasks_of_several_models(runs)
    if not several:
        return
    st.subheader("Across models", anchor=False)
    st.caption("The newest finished run of each model. Does the order of the techniques hold when the model changes?")
    task = st.selectbox("Task", list(several), format_func=visible, key=state.PORTABILITY_TASK, width=320)
    table = matrix([lab.summary(run.run_id) for run in several[task]])
    st.dataframe(frame(table), hide_index=True, width="stretch", key="portability_table")
    for line in in_words(table):
        st.caption(plain(line))


def frame(table: Matrix) -> pl.DataFrame:
    """Return the matrix as a table: one row per technique, one column per model."""
    rows = []
    for technique in table.techniques:
        row = {"Variant": label(technique)}
        for model in table.models:
            cell = table.cells.get((technique, model))
            row[visible(model)] = (
                MISSING if cell is None else f"{percent(cell.value)} ({percent(cell.low)} to {percent(cell.high)})"
            )
        rows.append(row)
    return pl.DataFrame(rows)
