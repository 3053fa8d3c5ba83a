"""The row browser: one example, what every variant answered, and how each answer came about."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components.ui import state
from components.ui.row_detail import row_detail
from components.ui.text import visible
from engine.core.errors import AdaptLabError
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import Example, Task
from engine.services.lab import Lab

_SHOWN = {"all": "All", "wrong": "Any wrong", "failed": "Any failed", "differ": "Differing"}


def row_browser(lab: Lab, plan: RunPlan) -> None:
    """Let the user pick an example of a run and read everything about it."""
    st.header("Rows", anchor=False)
    by_row: dict[str, list[Prediction]] = {example_id: [] for example_id in plan.test_ids}
    for prediction in lab.results.predictions(plan.run_id):
        by_row.setdefault(prediction.example_id, []).append(prediction)
    filter_cell, pick_cell = st.columns([1, 1], vertical_alignment="bottom")
    wanted = filter_cell.segmented_control(
        "Show", list(_SHOWN), format_func=_SHOWN.__getitem__, default="all", required=True, key="row_filter"
    )
    ids = [example_id for example_id, made in by_row.items() if made and _wanted(made, wanted or "all")]
    if not ids:
        st.caption("No row of this run matches.")
        return
    asked = st.session_state.get(state.ROW)
    if asked not in ids:
        st.session_state[state.ROW] = ids[0]
    task = _task(lab, plan)
    examples = {example.id: example for example in task.examples} if task else {}
    documents = {document.name: document for document in task.documents} if task else {}
    picked = pick_cell.selectbox(
        "Row", ids, key=state.ROW, format_func=lambda item: _entry(item, plan, examples.get(item)), persist_state="page"
    )
    row_detail(examples.get(picked), by_row[picked], plan, documents, lab.results.origin(plan.run_id))


def _task(lab: Lab, plan: RunPlan) -> Task | None:
    try:
        return lab.tasks.get(plan.task_id)
    except AdaptLabError:
        return None  # the task has been removed since; the predictions are still worth reading


def _wanted(made: Sequence[Prediction], wanted: str) -> bool:
    outcomes = {prediction.outcome for prediction in made}
    return wanted == "all" or wanted in outcomes or (wanted == "differ" and len(outcomes) > 1)


def _entry(example_id: str, plan: RunPlan, example: Example | None) -> str:
    place = f"{plan.test_ids.index(example_id) + 1} · " if example_id in plan.test_ids else ""
    start = visible(example.input).replace("\n", " ")[:70] if example else ""
    return f"{place}{visible(example_id)} · {start}"
