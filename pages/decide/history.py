"""Decide, History: find, reopen, compare, annotate, export and delete saved runs."""

from __future__ import annotations

import streamlit as st

from components.history.run_actions import take_in
from components.history.run_pair import compare_two, portability
from components.history.runs_table import run_lists
from components.ui import state
from components.ui.errors import fault
from components.ui.text import visible
from engine.core.run.standing import state_of

lab = state.lab()
runs = lab.runs.list()
going_on = lab.runs.current_id()

title_cell, import_cell = st.columns([5, 1], vertical_alignment="center")
title_cell.title("History", anchor=False)
with import_cell:
    take_in(lab)
st.caption("Comparisons, newest first; below them each study with its runs.")
error = st.session_state.pop(state.FAULT, None)
if error is not None:
    fault(error)

if not runs:
    st.info("There are no saved runs yet. Start one under Compare, Run, or import one.", icon=":material/history:")
    st.page_link("pages/compare/run.py", label="Set up a comparison", icon=":material/play_circle:")
    st.stop()

tasks, models, states, words = st.columns([2, 2, 2, 2])
wanted_tasks = tasks.multiselect(
    "Task", list(dict.fromkeys(run.task_id for run in runs)), format_func=visible, key="history_tasks"
)
wanted_models = models.multiselect(
    "Model", list(dict.fromkeys(run.model_id for run in runs)), format_func=visible, key="history_models"
)
wanted_states = states.multiselect(
    "State", list(dict.fromkeys(str(state_of(run, going_on)) for run in runs)), key="history_states"
)
text = words.text_input("Search notes and ids", key="history_text", help="Finds runs with this text in note or id.")
shown = [
    run
    for run in runs
    if (not wanted_tasks or run.task_id in wanted_tasks)
    and (not wanted_models or run.model_id in wanted_models)
    and (not wanted_states or str(state_of(run, going_on)) in wanted_states)
    and text.casefold() in f"{run.note} {run.run_id}".casefold()
]
if not shown:
    st.caption("No run matches.")
else:
    run_lists(lab, shown, going_on)

pair_tab, matrix_tab = st.tabs(["Compare two runs", "Models and techniques"], key="history_tab", on_change="rerun")
if pair_tab.open:
    with pair_tab:
        compare_two(lab, runs)
if matrix_tab.open:
    with matrix_tab:
        portability(lab, runs)
