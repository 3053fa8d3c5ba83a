"""The run to report, and its figures, computed once per run, number of predictions and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import streamlit as st

from components.ui import state
from components.ui.text import plain, visible
from engine.analysis.basis.row_looks import RowLooks
from engine.analysis.basis.training_rows import TrainingRows
from engine.analysis.figures import RunFigures, repriced, run_figures
from engine.analysis.marks import Origin, imported_sentence
from engine.analysis.report import Report, judge
from engine.analysis.run_table import RunTable
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.core.run.infos import RunInfo
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.metrics.marks import Mark
from engine.services.lab import Lab
from engine.services.recorded import RecordedRun
from engine.studies.context import is_context_task
from engine.studies.perturbations import is_perturbed

_KEPT = 6


def reported_run(lab: Lab, *, key: str, on_made_tasks: bool = True) -> RunInfo | None:
    """Let the user choose a run that has answers; None if there is none.

    The default is the run on screen, else the newest run that compares variants on an original task. Runs on derived
    rows, for Drift and Context, are offered too unless `on_made_tasks` is false.
    """
    runs = {
        info.run_id: info
        for info in lab.runs.list()
        if info.rows_done and (on_made_tasks or not _is_made(info.task_id))
    }
    if not runs:
        st.info("No run has answers yet. Start one under Compare, Run.", icon=":material/gavel:")
        st.page_link("pages/compare/run.py", label="Set up a comparison", icon=":material/play_circle:")
        return None
    asked = st.query_params.get(state.RUN_ID) or st.session_state.get(state.SHOWN_RUN)
    likely = (name for name, info in runs.items() if len(info.techniques) > 1 and not _is_made(info.task_id))
    first = asked if asked in runs else next(likely, next(iter(runs)))
    chosen = st.selectbox(
        "Run",
        list(runs),
        index=list(runs).index(first),
        format_func=run_labels(runs, _entry).__getitem__,
        key=key,
        label_visibility="collapsed",
    )
    state.show_run(chosen)
    return runs[chosen]


def _is_made(task_id: str) -> bool:
    return is_perturbed(task_id) or is_context_task(task_id)


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


def _entry(info: RunInfo) -> str:
    made_with = f"{visible(info.task_id)} · {visible(info.model_id)}"
    started = f"{say.when(info.started_at)} · {Mark.IMPORTED.sign}" if info.imported else say.when(info.started_at)
    return f"{started} · {made_with} · {say.number(info.rows_done)} answers"


def plan_of(lab: Lab, info: RunInfo) -> RunPlan:
    """Return a saved run's plan."""
    return lab.results.plan(info.run_id)


def table_of(lab: Lab, info: RunInfo) -> RunTable:
    """Return a run's predictions as columns."""
    return _table(lab, info.run_id, info.rows_done)


def measured_of(lab: Lab, info: RunInfo) -> tuple[RunTable, Origin]:
    """Return a run's predictions as columns, and where its figures come from."""
    return table_of(lab, info), lab.results.origin(info.run_id)


def report_of(lab: Lab, info: RunInfo, limits: Limits, costs: CostAssumptions | None = None) -> Report:
    """Return a run's assessment, with the given cost assumptions instead of its own if there are any."""
    other = None if costs == plan_of(lab, info).costs else costs
    training, looks = _rows_behind(lab, info.run_id, info.rows_done)
    run = _measured(lab, info.run_id, info.rows_done, other)
    return judge(
        run,
        limits,
        training=training,
        looks=looks,
        origin=lab.results.origin(info.run_id),
        searches=lab.results.manifest(info.run_id).effort,
    )


def tell_imported(info: RunInfo) -> None:
    """Say of an imported run what was measured on another machine."""
    if told := imported_sentence(imported=info.imported, rescored=info.rescored):
        st.caption(f":material/move_to_inbox: {plain(told)}")


def tell_changes(lab: Lab, info: RunInfo) -> None:
    """Show a warning if the task has changed since the run."""
    if lab.tasks.has_changed(lab.results.manifest(info.run_id)):
        st.warning(
            "The task has changed since this run, or its scoring has. Figures and answers are from the run; the inputs "
            "shown are current.",
            icon=":material/history:",
        )


@st.cache_resource(show_spinner="Reading the run", max_entries=_KEPT)
def _table(_lab: Lab, run_id: str, rows_done: int) -> RunTable:  # noqa: ARG001 - a key of the cache
    return _lab.results.table(run_id)


@st.cache_resource(show_spinner="Computing the figures", max_entries=_KEPT * 4)
def _measured(_lab: Lab, run_id: str, rows_done: int, costs: CostAssumptions | None) -> RunFigures:
    manifest = _lab.results.manifest(run_id)
    plan = manifest.plan
    table = _table(_lab, run_id, rows_done)
    if costs is None:
        return run_figures(plan, _lab.tasks.get(plan.task_id), table, manifest.conditions)
    return repriced(_measured(_lab, run_id, rows_done, None), table, manifest.conditions, costs)


@st.cache_resource(show_spinner=False, max_entries=_KEPT * 4)
def _rows_behind(_lab: Lab, run_id: str, rows_done: int) -> tuple[TrainingRows, RowLooks]:  # noqa: ARG001 - a key of the cache
    return _lab.results.training(run_id), _lab.results.looks(run_id)


def where(recorded: RecordedRun) -> str:
    """Say on what machine and when a run was made."""
    machine = recorded.manifest.machine
    parts = [
        visible(machine.processor),
        f"{machine.cores} cores",
        say.size(machine.memory_bytes) if machine.memory_bytes else "",
        say.when(recorded.manifest.started_at),
        Mark.IMPORTED.sign if recorded.manifest.imported else "",
    ]
    return " · ".join(part for part in parts if part and part != say.MISSING)
