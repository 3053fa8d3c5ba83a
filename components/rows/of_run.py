"""The rows of one run, for Run and Report."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components.rows.browser import Rows, row_browser
from components.rows.row_detail import row_detail
from components.ui.run_data import known_task, plan_of, table_of
from engine.analysis.row_filter import Facet, Show, facets
from engine.analysis.row_grid import grid_columns
from engine.core.run.editions import Edition, Newest, Same
from engine.core.run.infos import RunInfo
from engine.services.lab import Lab

_KEPT = 6


def rows_of_run(
    lab: Lab,
    info: RunInfo,
    *,
    key: str,
    first: Show,
    opened_key: str,
    asked: str = "",
    extra: Sequence[Facet] = (),
) -> None:
    """Show a run's rows.

    Args:
        lab: the app's lab.
        info: the run at a glance.
        key: as in `row_browser`, as the next three.
        first: which rows are shown at first.
        opened_key: under which the session holds the open row.
        asked: the row that the grid goes to.
        extra: more properties of each row, such as the cause of a wrong answer.
    """
    table, plan = table_of(lab, info), plan_of(lab, info)
    task = known_task(lab, plan.task_id)
    documents = {document.name: document for document in task.documents} if task else {}
    grids, state = _grids(lab), (info.edition, Same(task))
    rows = Rows(
        table=table,
        columns=grid_columns(plan.variants),
        task=task,
        by=(*_facets(lab).of(info.run_id, state, lambda: facets(table, task)), *extra),
        keep=lambda show, written: grids.of(info.run_id, (*state, show), written),
    )

    def detail(row: int) -> None:
        made = lab.results.predictions_of(info.run_id, table.example_ids[row])
        row_detail(rows.example(row), made, plan, documents, lab.results.origin(info.run_id), key=key)

    row_browser(rows, detail, key=f"{key}_{info.run_id}", first=first, opened_key=opened_key, asked=asked)


@st.cache_resource(show_spinner=False)
def _grids(_lab: Lab) -> Newest[tuple[Edition, Same, Show], str]:
    return Newest(_KEPT)


@st.cache_resource(show_spinner=False)
def _facets(_lab: Lab) -> Newest[tuple[Edition, Same], tuple[Facet, ...]]:
    return Newest(_KEPT)
