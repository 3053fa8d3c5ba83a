"""A series of runs in the background: what is measured, rows, time left and a Stop button, redrawn while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from components.ui import state
from components.ui.errors import faults_told
from components.ui.limits_form import spending_form
from components.ui.text import plain
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.ingest.data_card import counted
from engine.metrics import wording as say
from engine.services.lab import Lab

REFRESH_S = 1.0


def series_panel(
    lab: Lab, purpose: Purpose, name: str, plans: Sequence[RunPlan], *, missing: int, studied_run: str = ""
) -> None:
    """Offer to measure the missing runs of a study, and show its progress."""
    is_running = lab.studies.state(purpose).is_running
    can_start = True
    if missing and not is_running:
        plans, can_start = _agreed(lab, purpose, plans)
    watch = st.fragment(faults_told(_panel), run_every=REFRESH_S if is_running else None)
    watch(lab, purpose, name, tuple(plans), missing, studied_run, was_going_on=is_running, can_start=can_start)


def _agreed(lab: Lab, purpose: Purpose, plans: Sequence[RunPlan]) -> tuple[list[RunPlan], bool]:
    """Ask for a spending limit where missing runs cost money, and tell what keeps them from starting.

    Returns:
        The plans, each with the part of the limit that its cost is of all costs; and whether they may start.
    """
    kept = zip(plans, lab.studies.kept(plans), strict=True)
    done = {plan.run_id for plan, run in kept if run is not None and run.status == "done"}
    asked = [plan if plan.run_id in done else replace(plan, spending_limit_usd=None) for plan in plans]
    going = [plan for plan in asked if plan.run_id not in done]
    costs_usd = {plan.run_id: lab.plans.preflight(plan).estimated_cost_usd for plan in going if plan.sources}
    limit_usd = _limit(purpose, going, costs_usd) if costs_usd else None
    if costs_usd:
        whole_usd = sum(costs_usd.values())
        # What else keeps them from starting is told before the limit is agreed to, too.
        limit = whole_usd if limit_usd is None else limit_usd
        parts = {run_id: cost / whole_usd if whole_usd else 1 / len(costs_usd) for run_id, cost in costs_usd.items()}
        asked = [
            replace(plan, spending_limit_usd=limit * parts[plan.run_id]) if plan.run_id in parts else plan
            for plan in asked
        ]
        going = [plan for plan in asked if plan.run_id not in done]
    problems = list(dict.fromkeys(words for plan in going for words in lab.plans.preflight(plan).problems))
    for words in problems:
        st.warning(plain(words), icon=":material/block:")
    return asked, not problems and (limit_usd is not None or not costs_usd)


def _limit(purpose: Purpose, going: Sequence[RunPlan], costs_usd: Mapping[str, float]) -> float | None:
    """Say what the runs to go cost, and ask for their limit; None if that is not agreed to."""
    sources = dict.fromkeys(source for plan in going for source in plan.sources)
    whole_usd = sum(costs_usd.values())
    with st.container(border=True):
        st.markdown(
            f"The {counted(len(costs_usd), 'run')} to go cost about **{say.money(whole_usd)}** at "
            f"{plain(say.listed(list(sources)))}."
        )
        key = f"{state.SPENDING_LIMIT}_{purpose}_{going[0].model_id}"
        return spending_form("Spending limit for all of them, USD", whole_usd, key=key)


def _panel(
    lab: Lab,
    purpose: Purpose,
    name: str,
    plans: Sequence[RunPlan],
    missing: int,
    studied_run: str,
    *,
    was_going_on: bool,
    can_start: bool,
) -> None:
    now = lab.studies.state(purpose)
    if was_going_on != now.is_running or (was_going_on and st.session_state.get(state.SERIES_DONE) != now.done):
        st.session_state[state.SERIES_DONE] = now.done
        st.rerun()  # the figures around this part have to change with it
    if now.is_running:
        left = "" if now.estimated_left_s is None else f" · {say.duration(now.estimated_left_s)} left"
        rows = f" · {say.number(now.rows_done)} of {say.number(now.rows_total)} answers" if now.rows_total else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(
                min(now.fraction, 1.0),
                text=plain(f"Run {min(now.done + 1, now.total)} of {now.total}: {now.now}{rows}{left}"),
            )
            st.button(
                "Stop",
                key="series_cancel",
                icon=":material/stop_circle:",
                on_click=lab.studies.cancel,
                args=(purpose,),
            )
        if now.name != name:
            st.caption("This is a different series from the one chosen here; it runs first.")
    elif missing:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Measure" if missing == len(plans) else "Resume",
                key="series_start",
                type="primary",
                icon=":material/play_circle:",
                on_click=lab.studies.start,
                args=(purpose, name, plans),
                kwargs={"studied_run": studied_run},
                disabled=not can_start,
            )
            st.caption(f"{missing} of {len(plans)} runs to go. They run in the background.")
    for failure in now.failed if now.name == name else ():
        st.warning(plain(failure))
