"""A series of runs in the background: what is measured, rows, time left and a Stop button, redrawn while it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from components.ui import state
from components.ui.errors import faults_told
from components.ui.limits_form import spending_form
from components.ui.text import plain
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.services.lab import Lab

REFRESH_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Begin:
    """What a press on the button begins."""

    plans: tuple[RunPlan, ...]
    can_start: bool = True
    estimated_s: float = 0.0
    """Of the runs to go."""


def series_panel(
    lab: Lab, purpose: Purpose, name: str, plans: Sequence[RunPlan], *, missing: int, studied_run: str = ""
) -> None:
    """Offer to measure the missing runs of a study, and show its progress."""
    is_running = lab.studies.state(purpose).is_running
    begin = _Begin(plans=tuple(plans))
    if missing and not is_running:
        begin = _agreed(lab, purpose, plans)
    watch = st.fragment(faults_told(_panel), run_every=REFRESH_S if is_running else None)
    watch(lab, purpose, name, begin, missing, studied_run, was_going_on=is_running)


def _agreed(lab: Lab, purpose: Purpose, plans: Sequence[RunPlan]) -> _Begin:
    """Ask for a spending limit where missing runs cost money, and tell what keeps them from starting.

    Each plan gets the part of the limit that its cost is of all costs.
    """
    done = {plan.run_id for plan, _run in lab.studies.done(plans)}
    # As if the limit were agreed to: what else keeps them from starting is told before that, too.
    found = {
        plan.run_id: lab.plans.preflight(replace(plan, spending_limit_usd=math.inf))
        for plan in plans
        if plan.run_id not in done
    }
    for words in dict.fromkeys(words for one in found.values() for words in one.problems):
        st.warning(plain(words), icon=":material/block:")
    begin = _Begin(
        plans=tuple(plans),
        can_start=not any(one.problems for one in found.values()),
        estimated_s=sum(one.estimated_s for one in found.values()),
    )
    costs_usd = {
        plan.run_id: found[plan.run_id].estimated_cost_usd for plan in plans if plan.sources and plan.run_id in found
    }
    if not costs_usd:
        return begin
    limit_usd = _limit(purpose, plans, costs_usd)
    if limit_usd is None:
        return replace(begin, can_start=False)
    whole_usd = sum(costs_usd.values())
    parts = {run_id: cost / whole_usd if whole_usd else 1 / len(costs_usd) for run_id, cost in costs_usd.items()}
    shared = [
        replace(plan, spending_limit_usd=limit_usd * parts[plan.run_id]) if plan.run_id in parts else plan
        for plan in plans
    ]
    return replace(begin, plans=tuple(shared))


def _limit(purpose: Purpose, plans: Sequence[RunPlan], costs_usd: Mapping[str, float]) -> float | None:
    """Say what the runs to go cost, and ask for their limit; None if that is not agreed to."""
    sources = dict.fromkeys(source for plan in plans for source in plan.sources)
    whole_usd = sum(costs_usd.values())
    with st.container(border=True):
        st.markdown(
            f"The {say.counted(len(costs_usd), 'run')} to go cost about **{say.money(whole_usd)}** at "
            f"{plain(say.listed(list(sources)))}."
        )
        key = f"{state.SPENDING_LIMIT}_{purpose}_{plans[0].model_id}"
        return spending_form("Spending limit for all of them, USD", whole_usd, key=key)


def _panel(
    lab: Lab,
    purpose: Purpose,
    name: str,
    begin: _Begin,
    missing: int,
    studied_run: str,
    *,
    was_going_on: bool,
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
                "Measure" if missing == len(begin.plans) else "Resume",
                key="series_start",
                type="primary",
                icon=":material/play_circle:",
                on_click=lab.studies.start,
                args=(purpose, name, begin.plans),
                kwargs={"studied_run": studied_run},
                disabled=not begin.can_start,
            )
            about = f", about {say.about_duration(begin.estimated_s)}" if begin.estimated_s else ""
            st.caption(f"{missing} of {len(begin.plans)} runs to go{about}. They run in the background.")
    for failure in now.failed if now.name == name else ():
        st.warning(plain(failure))
