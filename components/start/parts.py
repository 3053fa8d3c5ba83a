"""The parts of the first screen: three things to do, a real run to look at, and what is missing on this machine."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.bests import show_bests
from components.ui.errors import fault
from components.ui.lane_view import lane_views, lanes_frame
from components.ui.pickers import default_plan
from components.ui.run_data import run_title, task_title, where
from components.ui.text import plain
from components.widgets.parts import variant_lanes
from components.widgets.tables import show_table
from components.widgets.tradeoff import costs_in_words, live_tradeoff
from engine.analysis.tradeoff import DOTTED
from engine.core.errors import AdaptLabError
from engine.core.run.manifest import Manifest
from engine.core.run.standing import choose_run, is_whole
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.services.recorded import SAMPLE

UPLOAD = "pages/prepare/upload.py"


def actions(lab: Lab) -> None:
    """Show the three things to do."""
    first, second, third = st.columns(3, gap="small")
    with first, st.container(border=True, height="stretch", gap="small"):
        st.markdown("**Run it on this machine**")
        _default_run(lab)
    with second, st.container(border=True, height="stretch", gap="small"):
        st.markdown("**Bring a CSV**")
        st.caption("Two columns are enough: an input and its right answer. Every technique then runs on your rows.")
        if st.button("Bring a file", icon=":material/upload_file:", key="start_upload"):
            st.switch_page(UPLOAD)
    with third, st.container(border=True, height="stretch", gap="small"):
        st.markdown("**Try one input**")
        st.caption(
            "All variants answer it side by side, with the exact prompt, what was retrieved, and how sure each is."
        )
        if st.button("Open the playground", icon=":material/science:", key="start_playground"):
            st.switch_page("pages/compare/playground.py")


def _default_run(lab: Lab) -> None:
    try:
        plan = default_plan(lab)
        preflight = lab.plans.preflight(plan) if plan else None
    except AdaptLabError as error:
        fault(error)
        return
    if plan is None or preflight is None:
        st.caption("A model or a task is missing; see the message above.")
        return
    st.caption(
        f"{plain(task_title(lab, plan.task_id))}: {len(plan.variants)} variants, "
        f"{say.number(len(plan.test_ids))} rows each, about {say.about_duration(preflight.estimated_s)}. "
        "You can stop at any time; finished rows are saved."
    )
    waits = lab.runs.current_id() is not None
    if st.button(
        "Queue the comparison" if waits else "Start the comparison",
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(preflight.problems),
        key="start_default",
    ):
        try:
            run_id = lab.runs.start(plan)
        except AdaptLabError as error:
            fault(error)
            return
        state.open_run(run_id)
    for problem in preflight.problems:
        st.error(plain(problem), icon=":material/block:")


def _badge(manifest: Manifest) -> str:
    return "Imported run" if manifest.imported else "Your last run"


def recorded_run(lab: Lab) -> None:
    """Show the user's last finished run, or, until there is one, the recorded run that ships with the app."""
    chosen = choose_run([run for run in lab.runs.list() if is_whole(run)])
    own = chosen.run_id if chosen else None
    try:
        manifest, snapshot = lab.results.manifest(own or SAMPLE), lab.runs.snapshot(own or SAMPLE)
    except AdaptLabError:
        return  # this copy ships without one, or the task of the last run has been removed
    title = run_title(lab, manifest.plan)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(plain(title), anchor=False, width="content")
        st.badge(_badge(manifest) if own else "Recorded run", color="green" if own else "blue", width="content")
    made = "A real run, made by this app, recorded on"
    if own:
        made = "Measured on another machine, imported:" if manifest.imported else "Made by this app on"
    st.caption(plain(f"{made} {where(manifest)}. {'' if own else 'Your own run will be shown here instead.'}".strip()))
    show_bests(snapshot.lanes)
    variant_lanes(lane_views(snapshot), key="start_lanes")
    with st.container(border=True, gap="xsmall"):
        about = f"size = {plain(costs_in_words(snapshot))}; {DOTTED}"
        st.markdown(f"**Quality against latency**  \n:small[:gray[{about}]]")
        live_tradeoff(snapshot, key="start_tradeoff", plot_px=(860.0, 230.0), height=300)
    with st.expander("The figures behind the chart", icon=":material/table:"):
        show_table(lanes_frame(snapshot.lanes), key="start_table")
    with st.container(horizontal=True):
        if st.button("Present it", icon=":material/slideshow:", key="start_present"):
            state.present(own or SAMPLE)
        if st.button("Report", icon=":material/gavel:", key="start_report"):
            state.report(own or SAMPLE)
        if st.button("Look inside", icon=":material/search:", key="start_open"):
            state.open_run(own or SAMPLE)


def findings(lab: Lab, *, needed: bool) -> None:
    """Say what is missing on this machine: what everything needs, or what only some features need."""
    found = [finding for finding in lab.check_machine() if finding.needed is needed]
    if not found:
        return
    if needed:
        for finding in found:
            st.error(f"{plain(finding.what)}  \n{plain(finding.fix)}", icon=":material/build:")
        return
    st.header("On this machine", anchor=False)
    for finding in found:
        with st.container(border=True, gap="xsmall"):
            st.markdown(plain(finding.what))
            st.caption(plain(finding.fix))
