"""Step 7: the instructions with a live preview of the prompt, and saving the task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.pickers import choose_embedders, chosen_embedders
from components.ui.text import plain, visible
from components.upload.card_step import choose_model
from components.upload.draft import Draft, next_button, worked_out
from components.upload.wording_part import choose_label_words, choose_language
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.run.plan import CONTEXT_TOKENS, ROWS_PER_LABEL
from engine.core.steps import Progress
from engine.core.task import AnswerKind, AnswerSpec
from engine.core.text.label_words import with_label_words
from engine.core.variant import ANSWER_TOKENS
from engine.ingest.intake import preview_prompt
from engine.ingest.row_languages import import_locale
from engine.ingest.steps import Guarded, Kept, drafted_for, make_ready, rows_left
from engine.metrics import wording as say
from engine.running.sampling import training_row_count
from engine.services.jobs import Job
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
        _kept(lab, draft, kept)
    words, preview = st.columns(2)
    with words:
        title = st.text_input(
            "Title", value=draft.options.title or draft.name.rsplit(".", 1)[0], key="task_title", max_chars=80
        )
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
        if kept is not None and draft.find(Kept) is None:
            st.rerun()
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
        saving = st.button(
            "Save as a task",
            key="save_task",
            type="primary",
            icon=":material/save:",
            disabled=draft.find(Kept) is not None,
        )
    if saving:
        try:
            ready = make_ready(guarded, draft.options, task_id=_task_id(draft.options.title))
            draft.take(Kept(before=ready, task_id=lab.tables.save(ready.task)))
        except AdaptLabError as error:
            fault(error)
            return
        st.rerun()


def _task_id(title: str) -> str:
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())
    return "-".join(part for part in letters.split("-") if part)[:50].strip("-") or "table"


def _kept(lab: Lab, draft: Draft, kept: Kept) -> None:
    """Say that the task is saved, and offer the next steps."""
    task, task_id = kept.before.task, kept.task_id
    # In tasks that ask for facts, retrieval shows passages by default; in others it shows rows.
    indexable = bool(task.documents) and task.answer.kind is AnswerKind.SHORT
    st.success(f"Saved as '{plain(task_id)}'.", icon=":material/check_circle:")
    labels, rows = len(task.answer.labels), training_row_count(task)
    if task.has_labels and training_row_count(task, per_label=ROWS_PER_LABEL) > rows:
        st.caption(
            f"It has {labels} labels, and a comparison learns from {say.number(rows)} rows by default. "
            f"The Run page offers {ROWS_PER_LABEL} rows for each label, with the time that they take."
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Compare with this task", key="compare_task", type="primary", icon=":material/play_circle:"):
            compare_with(task_id)
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
    if "index" in draft.jobs:
        words = "Splitting, embedding and indexing"
        told = worked_out(draft, "index", words, _indexing(lab, task_id, chosen_embedders()), made_from=kept)
        if told is not None:
            st.caption(f":material/check_circle: {plain(told)}")


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
                told = (
                    f"Indexed in {step.build_s:.1f} s{': ' + told if told else ''}. Runs with default settings use it."
                )
        return told

    return work


def compare_with(task_id: str) -> None:
    """Go to Compare with this task selected."""
    state.set_up()
    st.session_state[state.TASK] = task_id
    st.switch_page("pages/compare/run.py")
