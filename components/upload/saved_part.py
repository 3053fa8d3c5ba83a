"""Part of step 7: a task that is saved, and where to go from here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from components.ui import state
from components.ui.pickers import choose_embedders, chosen_embedders
from components.ui.text import plain
from components.upload.draft import Draft, worked_out
from engine.core.run.plan import ROWS_PER_LABEL
from engine.core.steps import Progress
from engine.core.task import AnswerKind
from engine.ingest.steps import Kept
from engine.metrics import wording as say
from engine.running.sampling import training_row_count
from engine.services.background.jobs import Job
from engine.services.lab import Lab


def saved_part(lab: Lab, draft: Draft, kept: Kept) -> None:
    """Say that the task is saved, and offer the next steps in the place of the form."""
    task, task_id = kept.before.task, kept.task_id
    # In tasks that ask for facts, retrieval shows passages by default; in others it shows rows.
    indexable = bool(task.documents) and task.answer.kind is AnswerKind.SHORT
    st.success(f'Saved as "{plain(task.title)}".', icon=":material/check_circle:")
    labels, rows = len(task.answer.labels), training_row_count(task)
    if task.has_labels and training_row_count(task, per_label=ROWS_PER_LABEL) > rows:
        st.caption(
            f"It has {labels} labels, and a comparison learns from {say.number(rows)} rows by default. "
            f"The Run page offers {ROWS_PER_LABEL} rows for each label, with the time that they take."
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Compare with this task", key="compare_task", type="primary", icon=":material/play_circle:"):
            _forget()
            state.compare(task_id)
        st.download_button(
            "Export as zip",
            data=partial(lab.tables.pack, task_id),
            file_name=f"{task_id}.zip",
            mime="application/zip",
            key="export_task",
            icon=":material/folder_zip:",
            on_click="ignore",
        )
        if indexable and "index" not in draft.jobs:
            choose_embedders(lab)
            agreed = _agreed(lab, task_id)
            st.button(
                "Index the documents now",
                key="index_task",
                icon=":material/database:",
                disabled=not agreed,
                on_click=draft.begin,
                args=("index", _indexing(lab, task_id, chosen_embedders()), kept),
            )
        st.button("Upload another table", key="upload_another", icon=":material/upload_file:", on_click=_forget)
        st.button(
            "Change the instructions",
            key="change_instructions",
            type="tertiary",
            icon=":material/edit:",
            on_click=draft.take,
            args=(kept.before.before,),
        )
    if "index" in draft.jobs:
        words = "Splitting, embedding and indexing"
        told = worked_out(draft, "index", words, _indexing(lab, task_id, chosen_embedders()), made_from=kept)
        if told is not None:
            st.caption(f":material/check_circle: {plain(told)}")


def _forget() -> None:
    """Leave the page as it is on a first visit."""
    st.session_state.pop(state.UPLOAD)


def _agreed(lab: Lab, task_id: str) -> bool:
    """Ask whether texts may be sent to the machine of the embedder that is chosen first; True where it is this one."""
    names = chosen_embedders().split(",")[:1]
    offer = lab.embedders.offer(lab.tasks.get(task_id), names[0]) if names[0] else None
    if offer is None:
        return True
    cost = "at a price that is not known here" if offer.cost_usd is None else f"for about {say.money(offer.cost_usd)}"
    words = f"Send this task's rows and documents to {plain(offer.host)}, which embeds them {cost}"
    return st.checkbox(words, key=f"{state.ROWS_AGREED}_index_{offer.host}")


def _indexing(lab: Lab, task_id: str, embedder: str) -> Callable[[Job[str]], str]:
    def work(job: Job[str]) -> str:
        told, task = "", lab.tasks.get(task_id)
        for step in lab.tables.index(task, job, embedder=lab.embedders.choose(task, embedder).ids[0]):
            if isinstance(step, Progress):
                job.tell(step.fraction)
                told = step.detail or told
            else:
                found = f": {told}" if told else ""
                told = f"Indexed in {say.duration(step.build_s)}{found}. Runs with default settings use it."
        return told

    return work
