"""Recorded answers in the Playground, until the first question is asked: a row of a kept run, marked as recorded."""

from __future__ import annotations

import streamlit as st

from components.playground.view import answers_of, play_views
from components.rows.row_detail import insides
from components.ui.text import plain, visible
from components.widgets.parts import lanes
from engine.core.errors import AdaptLabError
from engine.core.run.infos import RunInfo
from engine.core.run.standing import choose_run, is_whole
from engine.core.task import Example, Task
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.services.playground import PlayLane, PlaySnapshot, Question
from engine.services.recorded import SAMPLE


def recorded_answers(lab: Lab, question: Question, task: Task) -> None:
    """Show what the last run on this task answered on the input, or on its first row while there is no input.

    Nothing is shown where no run has the input, or the task has changed since.
    """
    run = recorded_run_on(lab, question.task_id)
    if run is None:
        return
    try:
        snapshot = _recorded(lab, run, question.text.strip(), task)
    except AdaptLabError:
        return  # its task is gone
    if snapshot is None:
        return
    is_sample = run.run_id == SAMPLE
    source = "the recorded run that ships with the app" if is_sample else f"your run of {say.when(run.started_at)}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("Recorded", color="blue", width="content")
        told = f"Answers of {run.model_id} from {source}. Press Answer to ask a model here."
        st.markdown(plain(told), width="content")
    st.text(visible(snapshot.question.text))
    lanes(play_views(snapshot, lab.results.origin(run.run_id)), key="play_recorded")
    st.header("How each answer came about", anchor=False)
    insides(answers_of(snapshot), key="play_recorded")


def recorded_run_on(lab: Lab, task_id: str) -> RunInfo | None:
    """Return the user's newest whole comparison on a task, else the recorded run if it is on that task."""
    sample = lab.results.sample_info()
    own = [run for run in lab.runs.list() if run.task_id == task_id and is_whole(run)]
    return choose_run(own, or_else=sample if sample is not None and sample.task_id == task_id else None)


def _recorded(lab: Lab, run: RunInfo, text: str, task: Task) -> PlaySnapshot | None:
    if lab.tasks.has_changed(lab.results.manifest(run.run_id)):
        return None
    plan = lab.results.plan(run.run_id)
    row = _row(task, plan.test_ids, text)
    if row is None:
        return None
    made = {one.variant_id: one for one in lab.results.predictions_of(run.run_id, row.id)}
    answered = [variant for variant in plan.variants if variant.id in made]
    if not answered:
        return None
    return PlaySnapshot(
        question=Question(
            task_id=task.id, model_id=plan.model_id, text=row.input, variants=tuple(answered), target=row.target
        ),
        status="done",
        message="",
        fix="",
        stage="",
        lanes=tuple(PlayLane(variant=one, state="done", prediction=made[one.id]) for one in answered),
    )


def _row(task: Task, answered: tuple[str, ...], text: str) -> Example | None:
    """Return the answered row with this input; the first one where there is no input."""
    by_id = {example.id: example for example in task.examples}
    rows = [by_id[example_id] for example_id in answered if example_id in by_id]
    return next((row for row in rows if not text or row.input.strip() == text), None)
