"""Prepare, Upload: from a file to a task that every technique runs on."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.text import plain, size
from components.upload.card_step import card_step
from components.upload.columns_step import columns_step
from components.upload.documents_step import documents_step
from components.upload.draft import CARD, COLUMNS, DOCUMENTS, FILE, LEAKS, SPLITS, STEPS, Draft, current
from components.upload.file_step import EXTENSIONS, file_step
from components.upload.instructions_step import compare_with, instructions_step
from components.upload.leaks_step import leaks_step
from components.upload.splits_step import splits_step
from engine.core.errors import AdaptLabError

lab = state.laboratory()

st.title("Upload", anchor=False)
st.caption("Bring a table of questions and right answers. It becomes a task; nothing in it is changed without a word.")

draft = current()
if draft is None or draft.step == FILE:
    table_cell, packed_cell = st.columns([3, 2])
    with table_cell:
        uploaded = st.file_uploader(
            "Table",
            type=EXTENSIONS,
            key="table_file",
            max_upload_size=200,
            help="CSV, TSV, semicolons or pipes, XLSX, JSONL or Parquet, up to 200 MB. It stays on this machine.",
        )
    with packed_cell:
        packed = st.file_uploader(
            "Or a packed task",
            type=["zip"],
            key="packed_file",
            max_upload_size=200,
            help="A zip that was exported here or elsewhere.",
        )
    if uploaded is not None and (draft is None or draft.file_id != uploaded.file_id):
        draft = Draft(file_id=uploaded.file_id, name=uploaded.name, data=uploaded.getvalue())
        st.session_state[state.UPLOAD] = draft
    if packed is not None:
        try:
            brought = lab.intake.unpack(packed.name, packed.getvalue())
        except AdaptLabError as error:
            fault(error)
        else:
            st.success(f"'{plain(brought)}' is among the tasks now.", icon=":material/check_circle:")
            if st.button("Compare with this task", key="compare_packed", icon=":material/play_circle:"):
                compare_with(brought)

if draft is None:
    with st.container(border=True):
        st.markdown("**What it needs**")
        st.markdown(
            "A column with what the model is given, and one with the right answer. A column that says *train* or "
            "*test* is used if there is one. Next come a data card, splits, a check for rows that stand on both "
            "sides, and the instructions; every choice can be changed on the way."
        )
    st.stop()

st.markdown(
    f"**{plain(draft.name)}** · {size(len(draft.data)) if len(draft.data) > 999_999 else f'{len(draft.data):,} bytes'}"
)
with st.container(horizontal=True, gap="xsmall"):
    for place, name in enumerate(STEPS):
        st.button(
            f"{place + 1} {name}",
            key=f"step_{place}",
            type="primary" if place == draft.step else "tertiary",
            icon=":material/check:" if place < draft.reached and place != draft.step else None,
            disabled=place > draft.reached,
            on_click=draft.go,
            args=(place,),
        )

if draft.step == FILE:
    file_step(lab, draft)
elif draft.step == COLUMNS:
    columns_step(lab, draft)
elif draft.step == CARD:
    card_step(lab, draft)
elif draft.step == SPLITS:
    splits_step(draft)
elif draft.step == DOCUMENTS:
    documents_step(lab, draft)
elif draft.step == LEAKS:
    leaks_step(lab, draft)
else:
    instructions_step(lab, draft)
