"""Prepare, Tasks: the narrow jobs that can be compared, with their rows and documents."""

from __future__ import annotations

import polars as pl
import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.text import inert, plain, visible
from components.widgets.tables import show_table
from engine.core.errors import AdaptLabError
from engine.metrics import wording as say

lab = state.lab()
infos = {info.id: info for info in lab.tasks.list()}
set_aside = lab.tasks.set_aside()

st.title("Tasks", anchor=False)
st.caption("A task is a narrow job: instructions, examples in splits, optional documents, and how an answer is scored.")

if set_aside:
    folders = "1 folder" if len(set_aside) == 1 else f"{len(set_aside)} folders"
    with st.expander(f"Set aside: {folders} that cannot be read", icon=":material/report:"):
        for faulty in set_aside:
            st.text(visible(f"{faulty.id}: {faulty.what} {faulty.fix}"))

if not infos:
    st.warning("No task was found. The built-in tasks are in `data/tasks`.", icon=":material/checklist:")
    st.stop()

task_id = st.selectbox(
    "Task", list(infos), format_func=lambda item: visible(infos[item].title), key="task_shown", persist_state="session"
)
try:
    task = lab.tasks.get(task_id)
except AdaptLabError as error:
    fault(error)
    st.stop()

st.text(visible(task.summary), width="stretch")
with st.container(horizontal=True):
    for split, rows in infos[task_id].rows.items():
        st.metric(visible(split).replace("_", " ").capitalize() + " rows", say.number(rows), width="content")
    st.metric("Documents", say.number(len(task.documents)), width="content")
    st.metric("Scored by", task.primary_scorer.replace("_", " "), width="content")

st.caption("Instructions")
st.code(visible(task.instructions), language=None, wrap_lines=True)
if task.answer.labels:
    st.caption(f"Answers: one of {len(task.answer.labels)}")
    st.text(" · ".join(visible(name) for name in task.answer.labels), width="stretch")

rows_tab, documents_tab, about_tab = st.tabs(["Rows", "Documents", "About"])
with rows_tab:
    split = st.segmented_control(
        "Split", list(infos[task_id].rows), default=next(iter(infos[task_id].rows)), required=True, key="split_shown"
    )
    show_table(
        pl.DataFrame(
            [
                {"Id": inert(row.id), "Input": inert(row.input), "Target": inert(row.target)}
                for row in task.split(split or "")
            ],
            schema={"Id": pl.String, "Input": pl.String, "Target": pl.String},
        ),
        column_config={"Input": st.column_config.TextColumn(width="large")},
        key="task_rows",
    )
with documents_tab:
    if not task.documents:
        st.caption("This task has no documents; retrieval uses its training rows.")
    for document in task.documents:
        with st.expander(plain(document.name)):
            st.text(visible(document.text), width="stretch")
with about_tab:
    st.text(f"Licence: {visible(task.licence) or 'not stated'}")
    for name, text in task.card.items():
        st.caption(visible(name).replace("_", " ").capitalize())
        st.text(visible(text), width="stretch")
