"""History's lists: the comparisons in one table, each study as one line that unfolds into its runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components.history.run_actions import run_actions
from components.ui.run_data import task_title
from components.ui.run_list import runs_frame
from components.ui.text import plain
from components.widgets.tables import wide_table
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.studies.study_runs import Study, studies_of

_COLUMNS = {
    "Done": st.column_config.ProgressColumn(
        format="%d %%", min_value=0, max_value=100, help="Share of the answers that are done."
    ),
    "Seed": st.column_config.NumberColumn(help="Decides which rows are drawn and how training begins."),
    "Run": st.column_config.TextColumn(help="The run's id, for the terminal's --resume."),
}
_FIRST = ("Started", "Task", "Model", "Variants", "Answers", "Note")


def run_lists(lab: Lab, runs: Sequence[RunInfo], running_id: str | None) -> None:
    """Show runs, newest first, with the actions for the one that is selected."""
    comparisons = [run for run in runs if run.purpose is Purpose.COMPARISON]
    if comparisons:
        _table(lab, comparisons, running_id, key="history_table")
    else:
        st.caption("None of these runs is a comparison.")
    studies = studies_of(runs)
    if not studies:
        return
    started = {run.run_id: run.started_at for run in lab.runs.list()}  # also of runs that the filters leave out
    st.markdown("**Studies**")
    for study in studies:
        key = f"study_{study.purpose}_{study.task_id}_{study.model_id}_{study.studied_run}"
        words = _line(lab, study, started.get(study.studied_run, ""))
        line = st.expander(plain(words), icon=":material/folder:", on_change="rerun", key=key)
        if line.open:
            with line:
                _table(lab, study.runs, running_id, key=f"table_{key}")


def _line(lab: Lab, study: Study, started: str) -> str:
    """Name a study; `started` says when the comparison began that it goes on from, empty if there is none here."""
    done = "" if study.whole == len(study.runs) else f", {say.number(study.whole)} done"
    studied = f" · of the run of {say.when(started)}" if started else ""
    runs = f"{say.counted(len(study.runs), 'run')}{done}"
    title = task_title(lab, study.task_id)
    began = say.when(study.runs[0].started_at)
    return f"{str(study.purpose).capitalize()} · {title} · {study.model_id}{studied} · {runs} · {began}"


def _table(lab: Lab, runs: Sequence[RunInfo], running_id: str | None, *, key: str) -> None:
    picked = wide_table(
        runs_frame(runs, running_id),
        first=_FIRST,
        columns=_COLUMNS,
        key=key,
        rows=[run.run_id for run in runs],
        on_select="rerun",
        selection_mode="single-row",
    )
    places = [place for place in picked.selection.rows if place < len(runs)]
    if places:
        run_actions(lab, runs[places[0]])
    else:
        st.caption("Select a row to open, annotate, export or delete the run.")
