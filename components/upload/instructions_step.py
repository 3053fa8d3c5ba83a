"""Step 7: the instructions with a live preview of the prompt, and keeping the task."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.text import count, plain, visible
from components.upload.card_step import choose_model
from components.upload.draft import Draft, next_button, worked_out
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.ports import Progress
from engine.core.task import AnswerKind, AnswerSpec, Task
from engine.ingest.answer_kind import answer_spec, draft_instructions
from engine.ingest.build_task import make_task
from engine.ingest.intake import ANSWER_TOKENS, ROW_CONTEXT_TOKENS, preview_prompt
from engine.services.lab import Laboratory

USUAL_TRAIN_ROWS = 50
"""Rows that a comparison learns from unless told otherwise."""


def instructions_step(lab: Laboratory, draft: Draft) -> None:
    """Edit the instructions, see the exact prompt, and keep the task."""
    splits, examined, roles, kind = draft.splits_after or draft.splits, draft.examined, draft.roles, draft.kind
    if splits is None or examined is None or roles is None or kind is None or draft.record is None:
        st.info("Run the leak guard first: the task states what it found.")
        next_button(draft)
        return
    rows = [row for row in examined.rows if row.place in splits]
    answer = answer_spec(kind, [row.target for row in rows])
    drafted = draft_instructions(answer, target=roles.target)
    if draft.instructions in {"", draft.drafted}:
        draft.instructions = drafted  # not edited so far: it follows the data
    draft.drafted = drafted
    if draft.saved_id is not None:
        _kept(lab, draft, draft.saved_id)
    words, preview = st.columns(2)
    with words:
        title = st.text_input(
            "Title", value=draft.title or draft.name.rsplit(".", 1)[0], key="task_title", max_chars=80
        )
        text = st.text_area(
            "Instructions",
            value=draft.instructions,
            key=f"instructions_{hash(drafted)}",
            height=330,
            help="What every variant is told. It costs tokens on every call.",
        )
        if (title, text) != (draft.title, draft.instructions):
            draft.title, draft.instructions = title, text
            if draft.saved_id is not None:
                draft.saved_id = None
                st.rerun()
        if text != drafted:
            st.button("Draft again", key="draft_again", on_click=_draft_again, args=(draft, drafted))
    with preview:
        model = choose_model(lab, draft, "preview_model", "The prompt is shown as this model gets it.")
        tests = [row for row in rows if splits[row.place] == "test"] or rows
        number = st.number_input(
            "Test row",
            1,
            max(len(tests), 1),
            1,
            key="preview_row",
            width=150,
            help="Which row the prompt is shown for.",
        )
        if model is not None and tests:
            _preview(lab, model, draft.instructions, answer, tests[int(number) - 1].input)
    _keeping(lab, draft, splits)


def _draft_again(draft: Draft, drafted: str) -> None:
    draft.instructions = ""
    st.session_state[f"instructions_{hash(drafted)}"] = drafted


def _preview(lab: Laboratory, model: ModelFacts, instructions: str, answer: AnswerSpec, query: str) -> None:
    try:
        shown = preview_prompt(lab.intake, model.id, instructions=instructions, answer=answer, query=query)
    except AdaptLabError as error:
        fault(error)
        return
    room = min(ROW_CONTEXT_TOKENS, model.context_tokens) - ANSWER_TOKENS
    st.caption(f"The exact zero-shot prompt: **{count(shown.tokens)} tokens** of {count(room)} that fit.")
    st.code(visible(shown.text), language=None, wrap_lines=True, height=330)
    if shown.tokens > room:
        st.warning("This prompt does not fit beside an answer. Shorten the instructions.", icon=":material/warning:")


def _keeping(lab: Laboratory, draft: Draft, splits: dict[int, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Back", key="step_back", icon=":material/arrow_back:", on_click=draft.go, args=(draft.step - 1,))
        saving = st.button(
            "Save as a task",
            key="save_task",
            type="primary",
            icon=":material/save:",
            disabled=draft.saved_id is not None,
        )
    if saving:
        try:
            draft.saved_id = lab.intake.save(_task(draft, splits))
            draft.index_asked = False
            draft.jobs.pop("index", None)
        except AdaptLabError as error:
            fault(error)
            return
        st.rerun()


def _kept(lab: Laboratory, draft: Draft, task_id: str) -> None:
    """Say that the task is kept, and offer what comes next."""
    # Where facts are asked for, retrieval shows passages by default; elsewhere it shows rows.
    indexable = bool(draft.documents) and draft.kind is AnswerKind.SHORT
    st.success(f"Kept as '{plain(task_id)}'. It is among the tasks now.", icon=":material/check_circle:")
    labels = len(draft.examined.card.labels) if draft.examined else 0
    if labels > USUAL_TRAIN_ROWS / 2:
        st.caption(
            f"It has {labels} labels, and a comparison learns from {USUAL_TRAIN_ROWS} rows by default. Raise "
            "*Training rows* under *Options* there, to some rows for each label."
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Compare with this task", key="compare_task", type="primary", icon=":material/play_circle:"):
            compare_with(task_id)
        st.download_button(
            "Export as zip",
            data=partial(lab.intake.pack, task_id),
            file_name=f"{task_id}.zip",
            mime="application/zip",
            key="export_task",
            icon=":material/folder_zip:",
            on_click="ignore",
        )
        if indexable and not draft.index_asked:
            st.button(
                "Index the documents now",
                key="index_task",
                icon=":material/database:",
                on_click=_begin_index,
                args=(draft,),
            )
    if draft.index_asked:
        told = worked_out(draft, "index", "Cutting, embedding and indexing", _indexing(lab, task_id))
        if told is not None:
            st.caption(f":material/check_circle: {plain(told)}")


def _begin_index(draft: Draft) -> None:
    draft.index_asked = True


def _indexing(lab: Laboratory, task_id: str) -> Callable[[Callable[[float], None], Event], str]:
    def work(tell: Callable[[float], None], stop: Event) -> str:
        told = ""
        for step in lab.intake.index(lab.task(task_id), stop):
            if isinstance(step, Progress):
                tell(step.fraction)
                told = step.detail or told
            else:
                told = (
                    f"Indexed in {step.build_s:.1f} s{': ' + told if told else ''}. Runs with default settings use it."
                )
        return told

    return work


def compare_with(task_id: str) -> None:
    """Go to Compare with this task chosen."""
    state.set_up()
    st.session_state[state.TASK] = task_id
    st.switch_page("pages/compare/run.py")


def _task(draft: Draft, splits: dict[int, str]) -> Task:
    table, roles, examined, kind = draft.table, draft.roles, draft.examined, draft.kind
    if table is None or roles is None or examined is None or kind is None:
        raise AdaptLabError("The table has not been looked at yet.", "Go back to the data card.")
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in draft.title.lower())
    return make_task(
        table,
        roles,
        examined,
        splits,
        draft.split,
        kind=kind,
        task_id="-".join(part for part in slug.split("-") if part)[:50].strip("-") or "table",
        title=draft.title,
        instructions=draft.instructions,
        documents=draft.documents,
        leaks=draft.record,
    )
