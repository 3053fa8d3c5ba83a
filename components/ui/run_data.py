"""Which run is reported, and its figures, computed once per run, number of predictions and limits."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.text import MISSING, size, visible, when
from engine.analysis.figures import Measured, measure, repriced
from engine.analysis.report import Report, judge
from engine.analysis.run_table import RunTable
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.core.run.infos import RunInfo
from engine.core.run.plan import RunPlan, plan_from_dict
from engine.services.lab import Laboratory
from engine.services.recorded import RecordedRun
from engine.studies.context import is_context_task
from engine.studies.perturbations import is_perturbed

_KEPT = 6


def reported_run(lab: Laboratory, *, key: str, on_made_tasks: bool = True) -> RunInfo | None:
    """Let the user choose a run that has answers; None if there is none.

    The one on screen comes first, else the newest that compares variants on a task of its own; runs on rows that were
    made from others, for Drift and Context, are offered too unless they are not wanted.
    """
    runs = {
        info.run_id: info for info in lab.runs() if info.rows_done and (on_made_tasks or not _is_made(info.task_id))
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
        format_func=lambda run_id: _entry(runs[run_id]),
        key=key,
        label_visibility="collapsed",
    )
    state.show_run(chosen)
    return runs[chosen]


def _is_made(task_id: str) -> bool:
    return is_perturbed(task_id) or is_context_task(task_id)


def _entry(info: RunInfo) -> str:
    return f"{when(info.started_at)} · {visible(info.task_id)} · {visible(info.model_id)} · {info.rows_done:,} answers"


def plan_of(lab: Laboratory, info: RunInfo) -> RunPlan:
    """Return a kept run's plan."""
    return plan_from_dict(lab.manifest(info.run_id)["plan"])


def table_of(lab: Laboratory, info: RunInfo) -> RunTable:
    """Return a run's predictions as columns."""
    return _table(lab, info.run_id, info.rows_done)


def report_of(lab: Laboratory, info: RunInfo, limits: Limits, costs: CostAssumptions | None = None) -> Report:
    """Return a run's assessment, on other cost assumptions than its own if there are any."""
    other = None if costs == plan_of(lab, info).costs else costs
    return judge(_measured(lab, info.run_id, info.rows_done, other), limits)


def tell_changes(lab: Laboratory, info: RunInfo) -> None:
    """Say so where the task is no longer the one that the run was made on."""
    kept = lab.manifest(info.run_id).get("task_digest")
    if kept and lab.task(info.task_id).digest not in {kept, ""}:
        st.warning(
            "The task has changed since this run. Figures and answers are those of then; inputs shown are today's.",
            icon=":material/history:",
        )


@st.cache_resource(show_spinner="Reading the run", max_entries=_KEPT)
def _table(_lab: Laboratory, run_id: str, rows_done: int) -> RunTable:  # noqa: ARG001 - a key of the cache
    return _lab.table(run_id)


@st.cache_resource(show_spinner="Weighing the figures", max_entries=_KEPT * 4)
def _measured(_lab: Laboratory, run_id: str, rows_done: int, costs: CostAssumptions | None) -> Measured:
    manifest = _lab.manifest(run_id)
    plan = plan_from_dict(manifest["plan"])
    table = _table(_lab, run_id, rows_done)
    if costs is None:
        return measure(plan, _lab.task(plan.task_id), table, manifest)
    return repriced(_measured(_lab, run_id, rows_done, None), table, manifest, costs)


def where(recorded: RecordedRun) -> str:
    """Say on what machine and when a run was made."""
    machine = recorded.manifest.get("machine", {})
    parts = [
        visible(str(machine.get("processor", "") or "")),
        f"{machine['cores']} cores" if machine.get("cores") else "",
        size(machine["memory_bytes"]) if machine.get("memory_bytes") else "",
        when(str(recorded.manifest.get("started_at", ""))),
    ]
    return " · ".join(part for part in parts if part and part != MISSING)
