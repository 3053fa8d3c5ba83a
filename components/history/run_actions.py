"""Actions on saved runs: open, add a note, export, delete and import."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.text import plain, visible
from engine.analysis.basis.wholeness import answers_in_words
from engine.core.errors import AdaptLabError
from engine.core.run.infos import RunInfo
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.studies.study_runs import aside_in_words

_MOST_NOTE_CHARACTERS = 2000
_TAKEN_IN = "_taken_in"
"""The run that was imported just now."""


def run_actions(lab: Lab, info: RunInfo) -> None:
    """Show the actions for one run; a second press that comes when another run is shown is not that one's."""
    key = f"_{info.run_id}"
    with st.container(border=True):
        told = f"{say.when(info.started_at)} · {answers_in_words(info, lab.runs.current_id())}"
        st.markdown(f"**{plain(info.task_id)} · {plain(info.model_id)}**  \n:gray[{plain(told)}]")
        if aside := aside_in_words(info):
            st.caption(plain(aside))
        st.text_area(
            "Note",
            value=visible(info.note),
            max_chars=_MOST_NOTE_CHARACTERS,
            height=80,
            key=f"note_{info.run_id}",
            help="Saved with the run and exported with it.",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Open", key=f"open_run{key}", type="primary", icon=":material/play_circle:"):
                state.open_run(info.run_id)
            if st.button("Report", key=f"open_report{key}", icon=":material/gavel:", disabled=not info.rows_done):
                state.report(info.run_id)
            st.button(
                "Save note",
                key=f"keep_note{key}",
                icon=":material/edit_note:",
                on_click=_note,
                args=(lab, info.run_id),
            )
            st.download_button(
                "Export",
                partial(lab.exports.pack, info.run_id),
                file_name=f"run-{info.run_id}.zip",
                mime="application/zip",
                icon=":material/download:",
                on_click="ignore",
                key=f"export_run{key}",
                help="The whole run with every prompt in one file; another Adapt Lab can import it.",
            )
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown(
                    "Deletes the run and its predictions for good. Adapt Lab still remembers "
                    "that its test rows were looked at."
                )
                st.button(
                    "Delete this run", key=f"delete_run{key}", type="primary", on_click=_delete, args=(lab, info.run_id)
                )


def take_in(lab: Lab) -> None:
    """Offer to import a run that was exported elsewhere."""
    with st.popover("Import", icon=":material/upload:"):
        file = st.file_uploader("An exported run", type=["zip"], key="import_file")
        if file is not None and st.button("Import it", key="import_run", type="primary"):
            try:
                run_id = lab.exports.unpack(file.getvalue())
            except AdaptLabError as error:
                fault(error)
            else:
                st.session_state[_TAKEN_IN] = run_id
                st.rerun()
    if (taken := st.session_state.pop(_TAKEN_IN, None)) is not None:
        st.toast(plain(f"Imported run {taken}."), icon=":material/check:")


def _note(lab: Lab, run_id: str) -> None:
    try:
        lab.results.keep_note(run_id, str(st.session_state[f"note_{run_id}"])[:_MOST_NOTE_CHARACTERS])
    except AdaptLabError as error:
        st.session_state[state.FAULT] = error


def _delete(lab: Lab, run_id: str) -> None:
    try:
        lab.runs.delete(run_id)
    except AdaptLabError as error:
        st.session_state[state.FAULT] = error
        return
    if st.session_state.get(state.SHOWN_RUN) == run_id:
        st.session_state.pop(state.SHOWN_RUN, None)
