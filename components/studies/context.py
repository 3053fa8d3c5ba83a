"""Setting up the Context page, and the figures of its runs."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from components.ui import state
from components.ui.decoding import FITTING
from components.ui.pickers import choose_model, choose_task, choose_test_rows
from components.ui.run_data import report_of
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
    tasks = [info for info in lab.tasks.list() if info.documents and info.rows.get("test")]
    models = lab.models.list()
    if not tasks or not models:
        st.warning("This needs a model, and a task with documents and test rows.", icon=":material/article:")
        return None
    marked = [info.id for info in tasks if supported_rows(lab.tasks.get(info.id))]
    first, second, third, fourth = st.columns([3, 3, 1.2, 1.6], vertical_alignment="bottom")
    task = choose_task(first, tasks, key="context_task", first=next(iter(marked), tasks[0].id))
    model = choose_model(second, models, key=state.CONTEXT_MODEL)
    told = "The same rows at every number of passages."
    rows = choose_test_rows(third, task, key=f"context_rows_{task.id}", usual=ROWS, help_text=told)
    passages = fourth.number_input(
        "Passages in the prompt",
        min_value=2,
        max_value=_MOST_PASSAGES,
        value=AMONG,
        key="context_passages",
        persist_state="session",
        disabled=task.id not in marked,
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
        task_id=task.id,
        model_id=model.id,
        sizes=tuple(sorted(sizes)),
        passages=int(passages),
        rows=rows,
        decoding=FITTING[lab.tasks.get(task.id).answer.kind][0],
        marked=task.id in marked,
    )


def figures_of(lab: Lab, info: RunInfo) -> Found:
    """Return the figures of a run's only variant, and where they come from."""
    report = report_of(lab, info, Limits())
    return report.figures[0], report.origin
