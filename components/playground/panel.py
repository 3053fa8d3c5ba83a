"""A question on screen: answers side by side as they are written, the effect of a change, and how each came about."""

from __future__ import annotations

import streamlit as st

from components.playground.recorded import recorded_answers
from components.playground.view import (
    INPUT,
    RIGHT_ANSWER,
    answers_of,
    changed_settings,
    changes_frame,
    play_views,
)
from components.rows.row_detail import insides
from components.ui import state
from components.ui.errors import fault
from components.ui.text import plain, visible
from components.widgets.parts import lanes
from components.widgets.tables import show_table
from engine.analysis.marks import HERE, Origin, origin_at
from engine.core.errors import AdaptLabError
from engine.core.task import AnswerKind, Task
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.services.playground import PlaySnapshot, Question

REFRESH_S = 0.25
_CONFIDENCE = "Probability of the chosen label among the task's labels alone."


def ask_button(lab: Lab, question: Question) -> None:
    """Show the Answer button; pressed without an input or a variant, say what is missing.

    It is off only while other work measures the machine: a button that waits for the input would be off until the field
    loses the focus, and the first click would be lost.
    """
    running = lab.runs.current_id()
    training = lab.lora.current_id()
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Answer",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(running or training),
            key="play_answer",
            shortcut="Ctrl+Enter",
        )
        if running:
            st.markdown("A run is in progress; answering now would distort its measurements.", width="content")
            st.page_link("pages/compare/run.py", label="Show the run", icon=":material/play_circle:")
        elif training:
            st.markdown("A training job is in progress; the machine is busy until it ends.", width="content")
            st.page_link("pages/prepare/train.py", label="Show the training", icon=":material/model_training:")
    if not pressed:
        return
    missing = _missing(question)
    if missing:
        st.warning(missing, icon=":material/edit:")
    else:
        try:
            asked = lab.playground.ask(question)
        except AdaptLabError as error:
            fault(error)
            return
        st.session_state[state.PLAY_BEFORE] = st.session_state.get(state.PLAY_ASK)
        st.session_state[state.PLAY_ASK] = asked


def play_panel(lab: Lab, asked: Question, task: Task) -> None:
    """Show the last question; while it is being answered, only this part of the page is redrawn.

    Until the first one, show what a kept run answered on the input in the form.
    """
    snapshot = _shown(lab)
    if snapshot is None:
        recorded_answers(lab, asked, task)
        return
    watch = st.fragment(_answers, run_every=REFRESH_S if snapshot.is_running else None)
    changed = changed_settings(snapshot.question, asked)
    watch(lab, _origin(lab, snapshot.question.model_id), changed, going_on=snapshot.is_running)
    if snapshot.is_running:
        return
    _changes(lab, snapshot)
    _insides(snapshot)
    _add_row(lab, task, snapshot)


def _missing(question: Question) -> str:
    """Say what a question lacks; empty if it can be asked."""
    if not question.text.strip():
        return "There is no input yet. Write one, or choose a row of the task."
    return "" if question.variants else "No variant is chosen. Choose at least one."


def _shown(lab: Lab) -> PlaySnapshot | None:
    ask_id = st.session_state.get(state.PLAY_ASK)
    return lab.playground.snapshot(ask_id) if ask_id else None


def _origin(lab: Lab, model_id: str) -> Origin:
    facts = next((model for model in lab.models.list() if model.id == model_id), None)
    return HERE if facts is None else origin_at(facts, lab.models.capabilities(facts))


def _answers(lab: Lab, origin: Origin, changed: list[str], *, going_on: bool) -> None:
    snapshot = _shown(lab)
    if snapshot is None or snapshot.is_running != going_on:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center", height="content" if changed else 44, border=False):
        if snapshot.is_running:
            st.badge(plain(snapshot.stage or "Answering"), color="blue", width="content")
            st.button(
                "Stop",
                icon=":material/stop_circle:",
                on_click=lab.playground.cancel,
                args=(_ask_id(),),
                key="play_stop",
            )
        elif changed:
            st.badge("Earlier answers", color="orange", width="content")
            st.markdown(f"Since then you changed {plain(say.listed(changed))}. Press Answer again.", width="content")
        elif snapshot.status == "done":
            st.badge("Answered", color="green", width="content")
        else:
            st.badge(plain(snapshot.status.capitalize()), color="orange", width="content")
    lanes(play_views(snapshot, origin), key="play_lanes")
    if snapshot.status == "failed":
        st.error(f"{plain(snapshot.message)}  \n{plain(snapshot.fix)}", icon=":material/error:")


def _ask_id() -> str:
    return str(st.session_state.get(state.PLAY_ASK))


def _changes(lab: Lab, snapshot: PlaySnapshot) -> None:
    before_id = st.session_state.get(state.PLAY_BEFORE)
    before = lab.playground.snapshot(before_id) if before_id else None
    changed = changed_settings(before.question, snapshot.question) if before else []
    frame = changes_frame(before, snapshot)
    if frame.is_empty() or set(changed) <= {INPUT, RIGHT_ANSWER}:
        return
    st.header("What changed", anchor=False)
    st.caption(f"Changed since the previous question: {plain(say.listed(changed))}.")
    number = st.column_config.NumberColumn
    show_table(
        frame,
        column_config={
            "Sure before": number("Confidence before, %", format="%.1f", help=_CONFIDENCE),
            "Sure now": number("Confidence now, %", format="%.1f", help=_CONFIDENCE),
            "Seconds before": number(format="%.3f"),
            "Seconds now": number(format="%.3f"),
        },
        key="play_changes",
    )


def _insides(snapshot: PlaySnapshot) -> None:
    if made := answers_of(snapshot):
        st.header("How each answer came about", anchor=False)
        insides(made, key="play")


def _add_row(lab: Lab, task: Task, snapshot: PlaySnapshot) -> None:
    st.header("Add it to the task", anchor=False)
    told = st.session_state.pop(state.PLAY_TOLD, None)
    if told:
        st.success(plain(told), icon=":material/check:")
    question = snapshot.question
    if question.task_id != task.id:
        st.caption("The answers above belong to another task.")
        return
    with st.form("play_add", border=True):
        st.text(visible(question.text), width="stretch")
        target_cell, split_cell = st.columns([2, 1])
        if task.answer.kind is AnswerKind.LABEL:
            labels = list(task.answer.labels)
            index = labels.index(question.target) if question.target in labels else None
            target = target_cell.selectbox(
                "Right answer", labels, index=index, format_func=visible, key="play_add_label"
            )
        else:
            target = target_cell.text_area("Right answer", value=question.target, key="play_add_target")
        split = split_cell.selectbox(
            "Split",
            ["train", "validation", "test"],
            key="play_add_split",
            help="Variants learn from training rows and are judged on test rows. A row must never be both.",
        )
        st.caption(
            "A task that ships with the app is first copied to your own tasks under a new name; "
            "the original and its runs do not change."
        )
        pressed = st.form_submit_button("Add the row", icon=":material/add:")
    if pressed:
        try:
            task_id = lab.tasks.add_row(question.task_id, text=question.text, target=target or "", split=split)
        except AdaptLabError as error:
            fault(error)
            return
        st.session_state[state.PLAY_TOLD] = f"The row is in the task '{task_id}', split {split}."
        st.rerun()
