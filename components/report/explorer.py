"""The disagreement explorer: rows where variants differ, filtered by correctness and by properties of the row."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from components.ui.row_detail import row_detail
from components.ui.run_data import table_of
from components.ui.text import plain, visible
from engine.analysis.report import Report
from engine.analysis.row_filter import Facet, facets, matching
from engine.analysis.run_table import FAILURES, RunTable
from engine.core.errors import AdaptLabError
from engine.core.run.infos import RunInfo
from engine.core.task import Task
from engine.metrics import wording as say
from engine.services.lab import Lab

_MOST_SHOWN = 200
_CHARACTERS = 110


def explorer(lab: Lab, info: RunInfo, report: Report, extra: Sequence[Facet] = ()) -> None:
    """Show the explorer; `extra` holds more properties of each row, such as the cause of a wrong answer."""
    table = table_of(lab, info)
    task = _task(lab, report)
    by = (*_facets(table, task, info.run_id, info.rows_done), *extra)
    names = {item.variant.id: item.name for item in report.figures}
    cells = st.columns(3)
    differing = cells[0].segmented_control(
        "Rows", ["Differing", "All"], default="Differing", required=True, key="explorer_rows"
    )
    right_for = cells[1].multiselect("Right for", list(names), format_func=names.__getitem__, key="explorer_right")
    wrong_for = cells[2].multiselect("Wrong for", list(names), format_func=names.__getitem__, key="explorer_wrong")
    chosen: dict[str, Sequence[str]] = {}
    if by:
        for cell, item in zip(st.columns(len(by)), by, strict=True):
            chosen[item.name] = cell.multiselect(
                item.name, list(item.values), format_func=visible, key=f"explorer_{item.name}"
            )
    found = matching(
        table,
        right_for=right_for,
        wrong_for=wrong_for,
        differing=differing == "Differing",
        chosen=chosen,
        by=by,
    )
    if not len(found):
        st.caption("No row of this run matches.")
        return
    shown = found[:_MOST_SHOWN]
    more = f", the first {_MOST_SHOWN} shown" if len(found) > _MOST_SHOWN else ""
    st.caption(f"{say.number(len(found))} of {say.number(len(table.example_ids))} rows{more}. Select one to read it.")
    picked = st.dataframe(
        rows_frame(table, names, shown.tolist(), task),
        hide_index=True,
        width="stretch",
        height=260,
        on_select="rerun",
        selection_mode="single-row",
        key="explorer_table",
    )
    places = [place for place in picked.selection.rows if place < len(shown)]
    row = int(shown[places[0]]) if places else int(shown[0])
    made = lab.results.predictions_of(info.run_id, table.example_ids[row])
    example = next((item for item in task.examples if item.id == table.example_ids[row]), None) if task else None
    if made:
        documents = {document.name: document for document in task.documents} if task else {}
        row_detail(example, made, report.plan, documents, report.origin)


def rows_frame(table: RunTable, names: dict[str, str], rows: Sequence[int], task: Task | None) -> pl.DataFrame:
    """Return these rows with the beginning of the input and every variant's answer, marked right, wrong or failed."""
    inputs = {example.id: example.input for example in task.examples} if task else {}
    right = table.right
    frame = []
    for row in rows:
        example_id = table.example_ids[row]
        line: dict[str, object] = {
            "Row": row + 1,
            "Input": visible(inputs.get(example_id, "")[:_CHARACTERS]).replace("\n", " "),
            "Target": visible(table.targets[row][:_CHARACTERS]),
        }
        for variant_id, name in names.items():
            place = table.place(variant_id)
            line[visible(name)] = _cell(table, place, row, right=bool(right[place, row]))
        frame.append(line)
    return pl.DataFrame(frame, infer_schema_length=None)


def _cell(table: RunTable, place: int, row: int, *, right: bool) -> str:
    if not table.made[place, row]:
        return "\N{MIDDLE DOT}"
    kind, code = int(table.failure[place, row]), int(table.answer[place, row])
    if kind >= 0:
        return f"\N{SQUARE WITH UPPER LEFT TO LOWER RIGHT FILL} {FAILURES[kind].replace('_', ' ')}"
    answer = visible(table.answers[code][:_CHARACTERS]) if code >= 0 else ""
    return f"{'✓' if right else '✗'} {answer}"


def _task(lab: Lab, report: Report) -> Task | None:
    try:
        return lab.tasks.get(report.plan.task_id)
    except AdaptLabError as error:
        st.caption(plain(error.what))
        return None


@st.cache_resource(show_spinner=False, max_entries=6)
def _facets(_table: RunTable, _task: Task | None, run_id: str, rows_done: int) -> tuple[Facet, ...]:  # noqa: ARG001 - keys of the cache
    return facets(_table, _task)
