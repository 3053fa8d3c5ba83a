"""The run to report, its task, and its figures, computed once for each edition of its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from components.ui import state
from components.ui.run_list import entry
from components.ui.text import visible
from engine.analysis.figures import RunFigures, repriced, run_figures
from engine.analysis.marks import Origin
from engine.analysis.report import Report
from engine.analysis.run_table import RunTable
from engine.core.errors import AdaptLabError, UsageError
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.core.run.editions import Edition, Newest, Same
from engine.core.run.infos import MoreRows, RunInfo, info_of
from engine.core.run.manifest import Manifest, Purpose
from engine.core.run.plan import RunPlan
from engine.core.run.standing import choose_run, is_comparison
from engine.core.task import Task
from engine.metrics import wording as say
from engine.metrics.marks import Mark
from engine.services.lab import Lab
from engine.services.recorded import SAMPLE
from engine.services.results import RowsBehind

_KEPT = 6
_SMALL_ROWS = 5_000
"""Answers of a run of which many are kept: a study reads tens of runs at every draw, a megabyte each at most."""
_KEPT_SMALL = 64


def reported_run(lab: Lab, *, key: str, comparisons_only: bool = False) -> RunInfo | None:
    """Let the user choose a comparison that has answers; None if there is not even a recorded run.

    The default is the run that was asked for, else what `choose_run` takes. A run of a study is offered only if it was
    asked for, and not at all with `comparisons_only`.
    """
    kept, sample, asked = lab.runs.list(), lab.results.sample_info(), state.asked_run()
    offered = [
        run
        for run in kept
        if run.rows_done
        and (run.purpose is Purpose.COMPARISON or (run.run_id == asked and not comparisons_only))
        and (is_comparison(run) or not comparisons_only)
    ]
    runs = {run.run_id: run for run in [*offered, *([sample] if sample else [])]}
    first = choose_run(list(runs.values()) if asked in runs else offered, asked, or_else=sample)
    if first is None:
        st.info("No run has answers yet. Start one under Compare, Run.", icon=":material/gavel:")
        st.page_link("pages/compare/run.py", label="Set up a comparison", icon=":material/play_circle:")
        return None
    chosen = st.selectbox(
        "Run",
        list(runs),
        index=list(runs).index(first.run_id),
        format_func=run_labels(runs, lambda run: visible(entry(run, lab.runs.current_id()))).__getitem__,
        key=key,
        label_visibility="collapsed",
    )
    if chosen != SAMPLE:  # which is not the run on screen: a new user's Run page offers to set one up
        state.show_run(chosen)
    elif st.query_params.get(state.RUN_ID) not in {None, SAMPLE}:
        del st.query_params[state.RUN_ID]
    return runs[chosen]


def run_labels(runs: Mapping[str, RunInfo], entry: Callable[[RunInfo], str]) -> dict[str, str]:
    """Return each run's entry in a list to choose from; entries that would be alike also have the end of their run id.

    Args:
        runs: by id.
        entry: how a run is called.
    """
    written = {run_id: entry(info) for run_id, info in runs.items()}
    often = Counter(written.values())
    return {
        run_id: f"{text} · {visible(run_id.rpartition('-')[2])}" if often[text] > 1 else text
        for run_id, text in written.items()
    }


def plan_of(lab: Lab, info: RunInfo) -> RunPlan:
    """Return a saved run's plan."""
    return lab.results.plan(info.run_id)


def table_of(lab: Lab, info: RunInfo) -> RunTable:
    """Return a run's predictions as columns."""
    return _table(lab, info.run_id, info.edition)


def info_so_far(lab: Lab, run_id: str, rows_done: int) -> RunInfo:
    """Return a run at a glance, with so many answers; the recorded run under the id by which it is asked for.

    Raises:
        UsageError: there is no such run.
    """
    return replace(info_of(lab.results.manifest(run_id), rows_done), run_id=run_id)


def measured_of(lab: Lab, info: RunInfo) -> tuple[RunTable, Origin]:
    """Return a run's predictions as columns, and where its figures come from."""
    return table_of(lab, info), lab.results.origin(info.run_id)


def report_of(lab: Lab, info: RunInfo, limits: Limits, costs: CostAssumptions | None = None) -> Report:
    """Return a run's assessment, with the given cost assumptions instead of its own if there are any."""
    other = None if costs == plan_of(lab, info).costs else costs
    run = _measured(lab, info.run_id, info.edition, other)
    behind = _behind(lab).of(info.run_id, info.edition, lambda: lab.results.behind(info.run_id))
    return lab.results.report(info.run_id, limits, run=run, behind=behind)


def summary_of(lab: Lab, info: RunInfo) -> Mapping[str, Any]:
    """Return a run's figures written out."""
    task = lab.tasks.get(info.task_id)

    def written() -> Mapping[str, Any]:
        return lab.results.summary(info.run_id, _measured(lab, info.run_id, info.edition, None))

    return _summaries(lab).of(info.run_id, (info.edition, Same(task)), written)


def more_rows_of(lab: Lab, info: RunInfo, needed: int) -> MoreRows | None:
    """Return what so many more rows of a run take; None if it can take none now, which is found out again each time."""

    def offered() -> MoreRows:
        found = lab.more_rows.offer(info.run_id, needed)
        if found is None:
            raise UsageError("This run cannot take more rows now.", "Try again later.")
        return found

    try:
        return _more_rows(lab).of(info.run_id, (info.edition, needed), offered)
    except UsageError:
        return None


def known_task(lab: Lab, task_id: str) -> Task | None:
    """Return a task, or None if it has been removed; what runs answered on it is still worth reading."""
    try:
        return lab.tasks.get(task_id)
    except AdaptLabError:
        return None


def task_title(lab: Lab, task_id: str) -> str:
    """Return a task's title, or its id if it has been removed."""
    task = known_task(lab, task_id)
    return task.title if task else task_id


def run_title(lab: Lab, plan: RunPlan) -> str:
    """Return a run's title: its task and how many rows it answers."""
    return f"{task_title(lab, plan.task_id)}, {say.counted(len(plan.test_ids), 'row')}"


def tell_changes(lab: Lab, info: RunInfo) -> None:
    """Show a warning if the task has changed since the run, or is gone."""
    if known_task(lab, info.task_id) is None:
        st.warning("The run's task is gone or cannot be read. Figures and answers are from the run.")
    elif lab.results.is_outdated(info.run_id):
        st.warning(
            "The task or its scoring has changed since this run. Figures and answers are from the run; the inputs "
            "shown are current.",
            icon=":material/history:",
        )


@st.cache_resource(show_spinner=False)
def _summaries(_lab: Lab) -> Newest[tuple[Edition, Same], Mapping[str, Any]]:
    return Newest(_KEPT)


@st.cache_resource(show_spinner=False)
def _tables(_lab: Lab, *, small: bool) -> Newest[Edition, RunTable]:
    return Newest(_KEPT_SMALL if small else _KEPT)


def _table(lab: Lab, run_id: str, edition: Edition) -> RunTable:
    shown = partial(st.spinner, "Reading the run")
    kept = _tables(lab, small=edition.rows_done <= _SMALL_ROWS)
    return kept.of(run_id, edition, partial(lab.results.table, run_id), shown)


@st.cache_resource(show_spinner=False)
def _figures(_lab: Lab) -> Newest[Edition, RunFigures]:
    return Newest(_KEPT * 4)


@st.cache_resource(show_spinner=False)
def _figures_at(_lab: Lab) -> Newest[tuple[Edition, CostAssumptions], RunFigures]:
    return Newest(_KEPT * 4)


def _measured(lab: Lab, run_id: str, edition: Edition, costs: CostAssumptions | None) -> RunFigures:
    """Return a run's figures, at other costs than its own if there are any."""
    manifest = lab.results.manifest(run_id)

    def measured() -> RunFigures:
        plan = manifest.plan
        return run_figures(plan, lab.tasks.get(plan.task_id), _table(lab, run_id, edition), manifest.conditions)

    own = _figures(lab).of(run_id, edition, measured, partial(st.spinner, "Computing the figures"))
    if costs is None:
        return own
    table = partial(_table, lab, run_id, edition)
    return _figures_at(lab).of(run_id, (edition, costs), lambda: repriced(own, table(), manifest.conditions, costs))


@st.cache_resource(show_spinner=False)
def _behind(_lab: Lab) -> Newest[Edition, RowsBehind]:
    return Newest(_KEPT * 4)


@st.cache_resource(show_spinner=False)
def _more_rows(_lab: Lab) -> Newest[tuple[Edition, int], MoreRows]:
    return Newest(_KEPT * 4)


def where(manifest: Manifest) -> str:
    """Say on what machine and when a run was made."""
    machine = manifest.machine
    parts = [
        visible(machine.processor),
        f"{machine.cores} cores",
        say.size(machine.memory_bytes) if machine.memory_bytes else "",
        say.when(manifest.started_at),
        Mark.IMPORTED.sign if manifest.imported else "",
    ]
    return " · ".join(part for part in parts if part and part != say.MISSING)
