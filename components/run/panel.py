"""A run on screen: headline, lanes, charts and the strip of rows, updated in place while it runs."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from components.run.ending import ending
from components.run.resuming import higher_limit, rest_to_pay, resume_button
from components.run.steps import steps_line
from components.run.watching import slower
from components.ui import state
from components.ui.bests import bests_line
from components.ui.effort_view import effort_charts, searching_frame
from components.ui.errors import fault, faults_told
from components.ui.jobs import REFRESH_S
from components.ui.lane_view import each_lane, lane_views, lanes_frame, strip_view
from components.ui.run_data import known_task, run_title
from components.ui.text import plain
from components.widgets import charts
from components.widgets.chart_card import chart_card
from components.widgets.parts import row_strip, variant_lanes
from components.widgets.plot import live_plot
from components.widgets.tables import show_table
from components.widgets.tradeoff import costs_in_words, live_tradeoff
from engine.analysis.basis.choices import choice_sentences
from engine.analysis.basis.efforts import effort_sentences
from engine.analysis.basis.training_rows import training_note
from engine.analysis.snapshot import RunSnapshot
from engine.analysis.tradeoff import DOTTED
from engine.core.errors import AdaptLabError
from engine.core.run.failed_rows import asked_again_note
from engine.core.run.plan import RunPlan
from engine.core.variant import DecodingMode, effective_mode
from engine.metrics import wording as say
from engine.running.preflight.embedders import handicap_sentences
from engine.services.lab import Lab

_ANSWERS = {
    DecodingMode.CHOICE: "picks one label",
    DecodingMode.JSON: "writes JSON",
    DecodingMode.FREE: "writes freely",
}


def run_panel(lab: Lab, run_id: str) -> RunSnapshot:
    """Show a run; while it runs, only this part of the page is redrawn, every half second if few tabs watch."""
    snapshot = lab.runs.snapshot(run_id)
    head = (run_title(lab, snapshot.plan), _about(lab, snapshot.plan), _untrained(lab, snapshot.plan))
    times = slower() if snapshot.is_running else 1
    watch = st.fragment(faults_told(_panel), run_every=REFRESH_S * times if snapshot.is_running else None)
    watch(lab, run_id, head, snapshot, times)
    return snapshot


def _panel(lab: Lab, run_id: str, head: tuple[str, str, str], snapshot: RunSnapshot, times: int) -> None:
    progress = lab.runs.progress(run_id)
    is_running = progress is not None and progress.is_running
    if snapshot.is_running != is_running or st.session_state.get(state.SHOWN_RUN) != run_id:
        st.rerun()  # the page around this part has to change with it
    if is_running:  # that of a finished run is read from the store as a whole, and does not change
        snapshot = lab.runs.snapshot(run_id)
    rest = rest_to_pay(lab, snapshot.plan) if _can_resume(snapshot) and not is_running else None
    _headline(lab, snapshot, head, asks_for_limit=rest is not None)
    with st.container():  # also while it is empty: what follows keeps its place, and with it its nodes
        _message(snapshot)
        if rest is not None:
            higher_limit(lab, snapshot.plan, rest)
        if not snapshot.is_running:
            ending(lab, run_id, snapshot.rows_done)
    if snapshot.is_open:  # there is nothing else to show yet
        _search(lab, snapshot, run_id)
        return
    bests_line(snapshot.lanes)
    variant_lanes(lane_views(snapshot), key=f"lanes_{run_id}")
    _charts(snapshot, run_id)
    _table(snapshot)
    with st.container(border=True):
        clicked = row_strip(strip_view(snapshot), key=f"strip_{run_id}")
    # Below everything that updates, so that a new notice does not push anything down.
    measured = choice_sentences(lane.figures for lane in snapshot.lanes if lane.figures)
    handicaps = handicap_sentences(snapshot.plan.handicaps)
    for notice in (*handicaps, *snapshot.notices, *effort_sentences(snapshot.searches), *measured):
        st.caption(f":material/info: {plain(notice)}")
    if clicked is not None:
        st.session_state[state.ROW] = clicked
        st.session_state[state.ROW_ASKED] = (run_id, clicked)
        st.rerun()
    if is_running and slower() != times:
        st.rerun()  # tabs were opened or closed: this one is drawn at other intervals, and a click was heard before


def _headline(lab: Lab, snapshot: RunSnapshot, head: tuple[str, str, str], *, asks_for_limit: bool) -> None:
    plan = snapshot.plan
    words, buttons = st.columns([7, 6], vertical_alignment="center")
    words.title(plain(head[0]), anchor=False)
    with buttons, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if (ended := _standing(snapshot)) is not None:
            st.badge(plain(ended), color=_tone(snapshot), width="content")
        if snapshot.is_running:
            _pause_button(lab, snapshot)
            st.button(
                "Stop", key="cancel", icon=":material/stop_circle:", on_click=lab.runs.cancel, args=(plan.run_id,)
            )
        else:
            if _can_resume(snapshot) and not asks_for_limit:
                resume_button(lab, plan)
            st.button("New comparison", key="new", icon=":material/add:", on_click=state.set_up)
    st.caption(plain(head[1]))
    if head[2]:
        st.caption(f":material/label_off: {plain(head[2])}")
    steps_line(snapshot)


def _pause_button(lab: Lab, snapshot: RunSnapshot) -> None:
    run_id = snapshot.plan.run_id
    if snapshot.status == "paused":
        st.button(
            "Resume", key="go_on", icon=":material/play_arrow:", on_click=lab.runs.go_on, args=(run_id,), type="primary"
        )
    else:
        st.button(
            "Pause",
            key="pause",
            icon=":material/pause_circle:",
            on_click=lab.runs.pause,
            args=(run_id,),
            disabled=snapshot.status == "queued" or snapshot.is_searching,
            help="Pauses after the current row. The model stays loaded.",
        )


def _can_resume(snapshot: RunSnapshot) -> bool:
    return snapshot.goes_on and (snapshot.status in {"cancelled", "failed", "interrupted"} or bool(snapshot.passing))


def _about(lab: Lab, plan: RunPlan) -> str:
    facts = next((model for model in lab.models.list() if model.id == plan.model_id), None)
    model = [facts.name, facts.quantization, facts.backend] if facts else [plan.model_id]
    order = "answered in batches" if plan.throughput else "variants take turns"
    rows = say.counted(len(plan.train_ids), "training row")
    return " · ".join([*filter(None, model), rows, _ANSWERS[_mode(lab, plan)], f"seed {plan.seed}", order])


def _mode(lab: Lab, plan: RunPlan) -> DecodingMode:
    """Return how answers are made: among labels only where the task has some."""
    task = known_task(lab, plan.task_id)
    return effective_mode(task, plan.decoding) if task else plan.decoding


def _untrained(lab: Lab, plan: RunPlan) -> str:
    """Say which labels have no training row; empty if each has one, or if the task is gone."""
    try:
        return training_note(lab.plans.training(plan), test_rows=len(plan.test_ids))
    except AdaptLabError:
        return ""


def _standing(snapshot: RunSnapshot) -> str | None:
    """Say how a run stands that is not being carried out; the steps tell the rest."""
    if snapshot.status == "queued":
        return "Queued"
    return None if snapshot.is_running else _ended(snapshot)


def _ended(snapshot: RunSnapshot) -> str:
    if snapshot.status == "done":
        early = " early" if snapshot.clear_leader else ""
        return f"Done{early} · {say.counted(snapshot.rows_done, 'answer')}"
    word = "Stopped" if snapshot.status == "cancelled" else snapshot.status.capitalize()
    return f"{word} · {say.number(snapshot.rows_done)} of {say.counted(snapshot.rows_total, 'answer')}"


def _tone(snapshot: RunSnapshot) -> Literal["green", "orange", "red"]:
    match snapshot.status:
        case "done":
            return "green"
        case "failed":
            return "red"
        case _:
            return "orange"


def _message(snapshot: RunSnapshot) -> None:
    error = st.session_state.pop(state.FAULT, None)
    if error is not None:
        fault(error)
    text = "  \n".join(plain(part) for part in (snapshot.message, snapshot.fix) if part)
    if snapshot.status == "failed":
        st.error(text or "The run stopped. Finished rows are saved.", icon=":material/error:")
    elif snapshot.status in {"cancelled", "interrupted"}:
        st.warning(text or "Stopped. Finished rows are saved. Resume to continue.", icon=":material/pause_circle:")
    elif snapshot.status == "queued":
        st.info(text, icon=":material/hourglass:")
    elif snapshot.clear_leader is not None:
        st.info(plain(snapshot.ended_early), icon=":material/flag:")
    elif snapshot.status == "done" and snapshot.passing:
        st.warning(asked_again_note(snapshot.passing), icon=":material/cloud_off:")


def _charts(snapshot: RunSnapshot, run_id: str) -> None:
    first, second, third = st.columns([4, 3.5, 3], gap="small")
    with first, st.container(border=True, gap="xsmall"):
        size = f"size = {costs_in_words(snapshot)}"
        _heading("Quality against latency", f"{size}; {DOTTED}")
        live_tradeoff(snapshot, key=f"tradeoff_{run_id}")
    with second, st.container(border=True, gap="xsmall"):
        raced = " among those still in the race" if any(lane.is_out for lane in snapshot.lanes) else ""
        _heading("Quality as rows come in", f"band = 95 % interval of the leader{raced}")
        rows = len(snapshot.plan.test_ids)
        live_plot(charts.quality_so_far(snapshot.lanes, rows), key=f"progress_{run_id}", alt=_so_far(snapshot))
    with third, st.container(border=True, gap="xsmall"):
        _heading("Latency", "p50 to p95, and each answer")
        live_plot(charts.latency_spread(snapshot.lanes), key=f"latency_{run_id}", alt=_latency(snapshot))


def _search(lab: Lab, snapshot: RunSnapshot, run_id: str) -> None:
    """Show the search for settings so far, and let the user end it."""
    over_seconds, over_settings = effort_charts(snapshot.searches)
    with st.container(horizontal=True, vertical_alignment="center"):
        doing = "are being tried" if snapshot.is_running else "were tried"
        st.caption(
            f"Settings {doing} on training and validation rows. Test rows are answered after that.", width="content"
        )
        if snapshot.is_searching:
            st.button(
                "Use the best so far",
                key="end_search",
                icon=":material/skip_next:",
                on_click=lab.runs.end_search,
                args=(run_id,),
                help="Ends the search now, without the trial under way. Each technique keeps the best it has found.",
            )
    show_table(searching_frame(snapshot), key=f"searching_{run_id}")
    first, second = st.columns([6, 5], gap="small")
    with first:
        chart_card(over_seconds, key=f"effort_{run_id}")
    with second:
        chart_card(over_settings, key=f"expected_{run_id}")


def _table(snapshot: RunSnapshot) -> None:
    behind = st.expander(
        "The figures behind the charts", icon=":material/table:", on_change="rerun", key="behind_charts"
    )
    if behind.open:
        with behind:
            show_table(lanes_frame(snapshot.lanes), key="lanes_table")


def _heading(title: str, caption: str) -> None:
    st.markdown(f"**{title}**  \n:small[:gray[{caption}]]")


def _so_far(snapshot: RunSnapshot) -> str:
    return "Quality after each row so far. " + each_lane(
        snapshot, lambda lane: f"{say.share(lane.quality)} after {say.counted(lane.rows_done, 'row')}"
    )


def _latency(snapshot: RunSnapshot) -> str:
    return "Seconds per answer. " + each_lane(
        snapshot, lambda lane: f"p50 {say.seconds(lane.total_p50_s)}, p95 {say.seconds(lane.total_p95_s)}"
    )
