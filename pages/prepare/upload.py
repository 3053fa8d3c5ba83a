"""Prepare, Upload: from a file to a task that every technique runs on."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.text import plain
from components.upload.card_step import card_step
from components.upload.columns_step import columns_step
from components.upload.documents_step import documents_step
from components.upload.draft import CARD, COLUMNS, DOCUMENTS, FILE, LEAKS, SCREENS, SPLITS, Draft, current
from components.upload.file_step import file_step
from components.upload.instructions_step import instructions_step
from components.upload.leaks_step import leaks_step
from components.upload.splits_step import splits_step
from components.widgets.parts import scroll_top
from engine.core.errors import AdaptLabError
from engine.ingest.options import TABLE_EXTENSIONS
from engine.metrics import wording as say

lab = state.lab()

st.title("Upload", anchor=False)
st.caption("Upload a table of questions and right answers. It becomes a task; nothing is changed without telling you.")

draft = current()
if draft is None or draft.screen == FILE:
    table_cell, packed_cell = st.columns([3, 2])
    with table_cell:
        uploaded = st.file_uploader(
            "Table",
            type=TABLE_EXTENSIONS,
            key="table_file",
            max_upload_size=200,
            help="CSV, TSV, semicolons or pipes, XLSX, JSONL or Parquet, up to 200 MB. The file stays on this machine.",
        )
    with packed_cell:
        packed = st.file_uploader(
            "Or a packed task",
            type=["zip"],
            key="packed_file",
            max_upload_size=200,
            help="A zip that was exported from this or another Adapt Lab.",
        )
    if uploaded is not None and (draft is None or draft.file_id != uploaded.file_id):
        if draft is not None:
            draft.take(None)  # stops what was being worked out for another file
        draft = Draft(file_id=uploaded.file_id, name=uploaded.name, data=uploaded.getvalue())
        st.session_state[state.UPLOAD] = draft
    if packed is not None:
        try:
            brought = lab.tables.unpack(packed.name, packed.getvalue())
        except AdaptLabError as error:
            fault(error)
        else:
            st.success(f"Added the task '{plain(brought)}'.", icon=":material/check_circle:")
            if st.button("Compare with this task", key="compare_packed", icon=":material/play_circle:"):
                state.compare(brought)

if draft is None:
    with st.container(border=True):
        st.markdown("**What it needs**")
        st.markdown(
            "A column with the model's input, and one with the right answer. A column that says *train* or *test* is "
            "used if there is one. Next come a data card, splits, a check for rows that are in both training and test "
            "data, and the instructions; you can change every choice on the way."
        )
    st.stop()

st.markdown(
    f"**{plain(draft.name)}** · "
    + (say.size(len(draft.data)) if len(draft.data) > 999_999 else f"{say.number(len(draft.data))} bytes")
)
scroll_top(draft.screen, key="upload_top")
reached = draft.reached
with st.container(horizontal=True, gap="xsmall"):
    for place, name in enumerate(SCREENS):
        st.button(
            f"{place + 1} {name}",
            key=f"step_{place}",
            type="primary" if place == draft.screen else "tertiary",
            icon=":material/check:" if place < reached and place != draft.screen else None,
            disabled=place > reached,
            on_click=draft.go,
            args=(place,),
        )

if draft.screen == FILE:
    file_step(lab, draft)
elif draft.screen == COLUMNS:
    columns_step(lab, draft)
elif draft.screen == CARD:
    card_step(lab, draft)
elif draft.screen == SPLITS:
    splits_step(draft)
elif draft.screen == DOCUMENTS:
    documents_step(lab, draft)
elif draft.screen == LEAKS:
    leaks_step(lab, draft)
else:
    instructions_step(lab, draft)
if draft.reached != reached:
    st.rerun()  # the row of steps above was drawn before the screen made or took away some
