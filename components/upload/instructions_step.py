"""Step 7: the instructions with a live preview of the prompt, and saving the task."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components.ui.errors import fault
from components.ui.text import visible
from components.upload.card_step import choose_model
from components.upload.draft import Draft, next_button
from components.upload.saved_part import saved_part
from components.upload.wording_part import choose_label_words, choose_language
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.task import AnswerSpec
from engine.core.text.label_words import with_label_words
from engine.core.variant import ANSWER_TOKENS
from engine.ingest.intake import preview_prompt
from engine.ingest.row_languages import import_locale
from engine.ingest.steps import Guarded, Kept, drafted_for, rows_left
from engine.metrics import wording as say
from engine.services.lab import Lab


def instructions_step(lab: Lab, draft: Draft) -> None:
    """Edit the instructions, see the exact prompt, and save the task."""
    guarded = draft.find(Guarded)
    if guarded is None:
        st.info("Run the leak guard first: the task states what it found.")
        next_button(draft)
        return
    kept = draft.find(Kept)
    if kept is not None:
        saved_part(lab, draft, kept)
        return
    words, preview = st.columns(2)
    with words:
        title = st.text_input("Title", value=draft.title, key="task_title", max_chars=80)
        options, text_place = choose_language(draft, guarded), st.container()
        options = replace(options, label_words=choose_label_words(draft, guarded))
        drafted = drafted_for(guarded, options)  # with the words that are chosen below it
        text = text_place.text_area(
            "Instructions",
            value=draft.options.instructions or drafted,
            key=f"instructions_{hash(drafted)}",
            height=330,
            help="The instructions for every variant. They cost tokens on every call.",
        )
        found = guarded.before.before.before.languages
        told = import_locale(found, guarded.before.before.before.before.before.roles.target, None)
        locale = st.text_input(
            "Language of the answers",
            value=told if draft.options.locale is None else draft.options.locale,
            key=f"locale_{told}",
            width=220,
            placeholder="English",
            help="How answers are compared, and numbers and dates read: de, de-CH, mul for several; empty for English.",
        )
        # Unedited instructions, and an unedited language, follow the data.
        own, chosen = None if text == drafted else text, None if locale == told else locale
        draft.choose(replace(options, title=title, instructions=own, locale=chosen))
        if text != drafted:
            st.button("Draft again", key="draft_again", on_click=_draft_again, args=(draft, drafted))
    with preview:
        wanted = draft.preview_model_id or draft.model_id
        model = choose_model(lab, wanted, "preview_model", "The prompt is shown as this model receives it.")
        if model is not None and model.id != wanted:
            draft.preview_model_id = model.id
        rows = rows_left(guarded)
        tests = [row for row in rows if guarded.splits[row.place] == "test"] or rows
        number = st.number_input(
            "Test row",
            1,
            max(len(tests), 1),
            1,
            key="preview_row",
            width=150,
            help="The row whose prompt is shown.",
        )
        if model is not None and tests:
            _preview(
                lab, model, text, with_label_words(guarded.answer, options.label_words), tests[int(number) - 1].input
            )
    _keeping(lab, draft, guarded)


def _draft_again(draft: Draft, drafted: str) -> None:
    draft.choose(replace(draft.options, instructions=None))
    st.session_state[f"instructions_{hash(drafted)}"] = drafted


def _preview(lab: Lab, model: ModelFacts, instructions: str, answer: AnswerSpec, query: str) -> None:
    try:
        shown = preview_prompt(lab.tables, model.id, instructions=instructions, answer=answer, query=query)
    except AdaptLabError as error:
        fault(error)
        return
    room = min(CONTEXT_TOKENS, model.context_tokens) - ANSWER_TOKENS
    st.caption(f"The exact zero-shot prompt: **{say.number(shown.tokens)} tokens** of {say.number(room)} that fit.")
    st.code(visible(shown.text), language=None, wrap_lines=True, height=330)
    if shown.tokens > room:
        st.warning("This prompt leaves no space for an answer. Shorten the instructions.", icon=":material/warning:")


def _keeping(lab: Lab, draft: Draft, guarded: Guarded) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Back", key="step_back", icon=":material/arrow_back:", on_click=draft.go, args=(draft.screen - 1,))
        saving = st.button("Save as a task", key="save_task", type="primary", icon=":material/save:")
    if saving:
        try:
            draft.save(lab.tables, guarded)
        except AdaptLabError as error:
            fault(error)
            return
        st.rerun()
