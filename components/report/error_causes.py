"""Causes of wrong answers, for the filters of the rows: retrieval, the context, or the model."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from components.ui.run_data import table_of
from engine.analysis.report import Report
from engine.analysis.row_filter import Facet, facet
from engine.core.run.editions import Edition, Newest, Same
from engine.core.run.infos import RunInfo
from engine.core.task import Task
from engine.metrics.retrieval import error_cause, marked_rows
from engine.services.lab import Lab

_NOBODY = "none"
_KEPT = 6


def error_cause_facets(lab: Lab, info: RunInfo, report: Report) -> Sequence[Facet]:
    """Return the cause of the wrong answer on every row, for each variant with passages; none without marked rows."""
    reading = {item.variant.id: item.name for item in report.figures if item.variant.reads_passages}
    return _facets(lab, info, report.plan.task_id, reading) if reading else ()


def _facets(lab: Lab, info: RunInfo, task_id: str, reading: dict[str, str]) -> tuple[Facet, ...]:
    table = table_of(lab, info)
    task = lab.tasks.get(task_id)
    causes = _kept_causes(lab).of(
        info.run_id, (info.edition, Same(task), tuple(reading)), lambda: _causes(lab, info.run_id, task, reading)
    )
    found = [
        facet(f"Cause of errors, {name}", [causes.get((variant_id, row), _NOBODY) for row in table.example_ids])
        for variant_id, name in reading.items()
    ]
    return tuple(item for item in found if len(item.values) > 1)


@st.cache_resource(show_spinner=False)
def _kept_causes(_lab: Lab) -> Newest[tuple[Edition, Same, tuple[str, ...]], dict[tuple[str, str], str]]:
    return Newest(_KEPT)


def _causes(lab: Lab, run_id: str, task: Task, variant_ids: Collection[str]) -> dict[tuple[str, str], str]:
    """Return the cause of each wrong answer of these variants, by variant and row."""
    marked = marked_rows(task)
    examples = {example.id: example for example in task.examples}
    documents = {document.name: document for document in task.documents}
    return {
        (prediction.variant_id, prediction.example_id): str(cause)
        for prediction in lab.results.predictions(run_id, marked)
        if prediction.variant_id in variant_ids
        and (cause := error_cause(prediction, examples[prediction.example_id], documents, reads_passages=True))
    }
