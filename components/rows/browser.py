"""The grid of rows and variants with its filters, and beside it the row that is open: for Run, Report and History."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.ui.text import plain, visible
from components.widgets.parts import row_grid
from engine.analysis.row_filter import Facet, Show, matching
from engine.analysis.row_grid import GridColumn, grid_data
from engine.analysis.run_table import RunTable
from engine.core.task import Example, Task
from engine.metrics import wording as say

_PANEL_PX = 390
_PANEL_HEIGHT_PX = 612
"""About the height of the grid, so that the row is read beside it."""


def _as_it_comes(_show: Show, written: Callable[[], str]) -> str:
    return written()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """What is browsed."""

    table: RunTable
    columns: tuple[GridColumn, ...]
    task: Task | None
    """None if it has been removed since; the answers are still worth reading."""
    by: tuple[Facet, ...] = ()
    """What rows can be chosen by."""
    keep: Callable[[Show, Callable[[], str]], str] = _as_it_comes
    """Returns the grid where nothing but what is shown is chosen, kept for all tabs or written by what it is given."""

    def example(self, row: int) -> Example | None:
        """Return the task's example at a place of the table; None if the task no longer has it."""
        wanted = self.table.example_ids[row]
        return next((item for item in self.task.examples if item.id == wanted), None) if self.task else None


def row_browser(
    rows: Rows, detail: Callable[[int], None], *, key: str, first: Show = Show.ALL, opened_key: str, asked: str = ""
) -> None:
    """Show rows as a grid, with filters above it and the open row beside it, on a narrow screen below it.

    Args:
        rows: the rows, with the variants in columns.
        detail: shows the row at a place of the table.
        key: keeps grid and filters between reruns; each run has its own.
        first: which rows are shown at first.
        opened_key: under which the session holds the id of the open row.
        asked: the id of a row that was opened elsewhere, and that the grid goes to.
    """
    table = rows.table
    places = {example_id: place for place, example_id in enumerate(table.example_ids)}
    inputs = {example.id: example.input for example in rows.task.examples} if rows.task else {}
    found, shown, told = _chosen(rows, inputs, key=key, first=first)
    answered = int(table.made.any(axis=0).sum())
    st.caption(plain(f"{say.number(len(found))} of {say.counted(answered, 'row')}{told}"))
    if not len(found):
        st.caption("No row of this run matches.")
    with st.container(horizontal=True, gap="small"):
        if len(found):
            with st.container(width="stretch"):
                written = partial(_written, rows, found, inputs)
                pressed = row_grid(
                    written() if told else rows.keep(shown, written),
                    title="Rows, with each variant's answer",
                    asked=places.get(asked),
                    key=f"{key}_grid",
                )
            if pressed.closed:
                st.session_state.pop(opened_key, None)
            if pressed.opened is not None and 0 <= pressed.opened < len(table.example_ids):
                st.session_state[opened_key] = table.example_ids[pressed.opened]
        opened = places.get(st.session_state.get(opened_key, ""))
        if opened is not None and table.made[:, opened].any():
            _panel(rows, opened, detail, key=key, opened_key=opened_key)


def _panel(rows: Rows, row: int, detail: Callable[[int], None], *, key: str, opened_key: str) -> None:
    with st.container(border=True, width=_PANEL_PX, height=_PANEL_HEIGHT_PX):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = plain(f"Row {say.number(row + 1)} · {rows.table.example_ids[row]}")
            st.markdown(f"**{name}**", width="stretch")
            st.button(
                "Close",
                key=f"{key}_close",
                icon=":material/close:",
                type="tertiary",
                on_click=st.session_state.pop,
                args=(opened_key, None),
            )
        detail(row)


def _chosen(rows: Rows, inputs: Mapping[str, str], *, key: str, first: Show) -> tuple[NDArray[np.int64], Show, str]:
    """Show the filters; return the places of the rows that match, and what was chosen: shown, and in words the rest."""
    names = {column.variant_id: column.name for column in rows.columns}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        show = st.segmented_control("Show", list(Show), default=first, required=True, key=f"{key}_show")
        text = st.text_input("Search rows", key=f"{key}_text", placeholder="Input, target or answer", width=240)
        more = st.popover("More filters", icon=":material/filter_list:")
    with more:
        right_for = st.multiselect("Right for", list(names), format_func=_shown(names), key=f"{key}_right")
        wrong_for = st.multiselect("Wrong for", list(names), format_func=_shown(names), key=f"{key}_wrong")
        chosen: dict[str, Sequence[str]] = {
            item.name: st.multiselect(item.name, list(item.values), format_func=visible, key=f"{key}_{item.name}")
            for item in rows.by
        }
    shown = Show(show or first)
    found = matching(
        rows.table,
        show=shown,
        right_for=right_for,
        wrong_for=wrong_for,
        chosen=chosen,
        by=rows.by,
        text=text,
        inputs=inputs,
    )
    told = [f"right for {say.listed([names[one] for one in right_for])}"] if right_for else []
    told += [f"wrong for {say.listed([names[one] for one in wrong_for])}"] if wrong_for else []
    told += [f"{name}: {', '.join(values)}" for name, values in chosen.items() if values]
    told += [f"with '{text}'"] if text.strip() else []
    return found, shown, "".join(f" · {one}" for one in told)


def _written(rows: Rows, found: NDArray[np.int64], inputs: Mapping[str, str]) -> str:
    return json.dumps(grid_data(rows.table, found, rows.columns, inputs), ensure_ascii=False, separators=(",", ":"))


def _shown(names: Mapping[str, str]) -> Callable[[str], str]:
    return lambda variant_id: visible(names[variant_id])
