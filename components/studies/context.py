"""Setting up the Context page, and the figures of its runs."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from components.ui import state
from components.ui.decoding import FITTING
from components.ui.run_data import report_of
from components.ui.text import visible
from engine.core.limits import Limits
from engine.core.run.infos import RunInfo
from engine.core.variant import DecodingMode
from engine.services.lab import Lab
from engine.studies.context import AMONG, ROWS, SIZES, Found, supported_rows

_MOST_PASSAGES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextChoice:
    """What the user chose."""

    task_id: str
    model_id: str
    sizes: tuple[int, ...]
    passages: int
    rows: int
    decoding: DecodingMode
    marked: bool
    """Whether rows mark the passage that supports them."""

    @property
    def name(self) -> str:
        """Name of the series, made of everything that defines it."""
        return f"{self.task_id}, {self.model_id}, {self.sizes}, {self.passages}, {self.rows}"


def context_setup(lab: Lab) -> ContextChoice | None:
    """Ask for task, model, rows and numbers of passages; None while something is missing."""
    tasks = {info.id: info for info in lab.tasks.list() if info.documents and info.rows.get("test")}
    models = {model.id: model for model in lab.models.list()}
    if not tasks or not models:
        st.warning("This needs a model, and a task with documents and test rows.", icon=":material/article:")
        return None
    names = list(tasks)
    marked = {name: bool(supported_rows(lab.tasks.get(name))) for name in names}
    first, second, third, fourth = st.columns([3, 3, 1.2, 1.6], vertical_alignment="bottom")
    state.start_choice("context_task", names, next((name for name in names if marked[name]), names[0]))
    state.start_choice(state.CONTEXT_MODEL, models, next(iter(models)))
    task_id = first.selectbox(
        "Task",
        names,
        format_func=lambda item: visible(tasks[item].title),
        key="context_task",
        persist_state="session",
    )
    model_id = second.selectbox(
        "Model",
        list(models),
        format_func=lambda item: visible(models[item].name),
        key=state.CONTEXT_MODEL,
        persist_state="session",
    )
    most = tasks[task_id].rows["test"]
    rows = third.number_input(
        "Test rows",
        min_value=1,
        max_value=most,
        value=min(ROWS, most),
        key=f"context_rows_{task_id}",
        persist_state="session",
        help="The same rows at every number of passages.",
    )
    passages = fourth.number_input(
        "Passages in the prompt",
        min_value=2,
        max_value=_MOST_PASSAGES,
        value=AMONG,
        key="context_passages",
        persist_state="session",
        disabled=not marked[task_id],
        help="Number of passages among which the supporting one moves.",
    )
    sizes = st.pills(
        "Numbers of passages",
        [*SIZES, _MOST_PASSAGES],
        selection_mode="multi",
        default=list(SIZES),
        key="context_sizes",
        persist_state="session",
        help="How many passages retrieval puts into each prompt.",
    )
    if not sizes:
        st.info("Choose at least one number of passages.")
        return None
    return ContextChoice(
        task_id=task_id,
        model_id=model_id,
        sizes=tuple(sorted(sizes)),
        passages=int(passages),
        rows=int(rows),
        decoding=FITTING[lab.tasks.get(task_id).answer.kind][0],
        marked=marked[task_id],
    )


def figures_of(lab: Lab, info: RunInfo) -> Found:
    """Return the figures of a run's only variant, and where they come from."""
    report = report_of(lab, info, Limits())
    return report.figures[0], report.origin
