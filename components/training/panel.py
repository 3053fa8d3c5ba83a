"""A training job on screen, updated in place while it runs."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from components.training.view import loss_figure, losses_frame
from components.ui import state
from components.ui.errors import faults_told
from components.ui.jobs import REFRESH_S
from components.ui.lane_view import stage, step_of_total
from components.ui.run_data import task_title
from components.ui.text import plain
from components.widgets.plot import live_plot
from components.widgets.tables import show_table
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.services.trainings import TrainingSnapshot


def training_panel(lab: Lab) -> None:
    """Show the running training job, or the one that was started here last."""
    training_id = lab.lora.current_id() or st.session_state.get(state.TRAINING)
    snapshot = lab.lora.snapshot(training_id) if training_id else None
    if training_id is None or snapshot is None:
        return
    st.session_state[state.TRAINING] = training_id
    if snapshot.status == "done" and st.session_state.get(state.TRAINING_OPENED) != training_id:
        st.session_state.update({state.TRAINING_OPENED: training_id, state.WEIGHTS_OPEN: snapshot.weights_key})
    st.fragment(faults_told(_panel), run_every=REFRESH_S if snapshot.is_running else None)(
        lab, training_id, going_on=snapshot.is_running
    )


def _panel(lab: Lab, training_id: str, *, going_on: bool) -> None:
    snapshot = lab.lora.snapshot(training_id)
    if snapshot is None or snapshot.is_running != going_on:
        st.rerun()
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(plain(_standing(snapshot)), color=_tone(snapshot), width="content")
            st.markdown(plain(_about(lab, snapshot)), width="content")
            if snapshot.is_running:
                st.button(
                    "Stop",
                    icon=":material/stop_circle:",
                    key="train_cancel",
                    on_click=lab.lora.cancel,
                    args=(training_id,),
                )
        progress = snapshot.progress
        if snapshot.is_running:
            st.progress(min(max(progress.fraction, 0.0), 1.0) if progress else 0.0)
        if snapshot.status == "failed":
            st.error(f"{plain(snapshot.message)}  \n{plain(snapshot.fix)}", icon=":material/error:")
        if snapshot.status == "done":
            return  # its weights are open below, with their losses
        chart, figures = st.columns([3, 1], vertical_alignment="center")
        with chart:
            live_plot(
                loss_figure([("Loss", snapshot.losses, snapshot.validation)]),
                key=f"loss_{training_id}",
                alt=_spoken(snapshot),
                height=230,
            )
        with figures:
            _figures(snapshot)
        behind = st.expander(
            "The figures behind the chart", icon=":material/table:", on_change="rerun", key="behind_losses"
        )
        if behind.open:
            with behind:
                frame = losses_frame(snapshot.losses, snapshot.validation)
                show_table(frame, key="losses_table")


def _figures(snapshot: TrainingSnapshot) -> None:
    loss = say.loss(snapshot.losses[-1][1] if snapshot.losses else None)
    held_out = say.loss(snapshot.validation[-1][1] if snapshot.validation else None)
    st.metric(
        "Loss", loss, help="How surprised the model still is by the right answers, per token. 0 would be not at all."
    )
    st.metric(
        "Loss, held out",
        held_out,
        help="The same on rows that are not trained on; it rises when the model memorizes the training rows.",
    )
    st.metric(
        "Tokens/s",
        say.short(snapshot.tokens_per_s),
        help="Tokens of training rows computed per second, forward and backward.",
    )


def _standing(snapshot: TrainingSnapshot) -> str:
    match snapshot.status:
        case "waiting":
            return "Queued: waiting for the run that is using the machine"
        case "working":
            progress = snapshot.progress
            step = f" · {step_of_total(progress)}" if progress is not None and progress.step is not None else ""
            return f"{stage(progress)}{step}" if progress is not None else "Getting ready"
        case "done":
            return "Found: these weights already existed" if snapshot.reused else "Trained, tested and saved"
        case "cancelled":
            return (
                "Stopped while measuring: the weights are saved"
                if snapshot.weights_key
                else "Stopped: nothing was saved"
            )
        case _:
            return "Failed"


def _tone(snapshot: TrainingSnapshot) -> Literal["green", "orange", "red", "blue"]:
    match snapshot.status:
        case "working":
            return "blue"
        case "done":
            return "green"
        case "waiting" | "cancelled":
            return "orange"
        case _:
            return "red"


def _about(lab: Lab, snapshot: TrainingSnapshot) -> str:
    order = snapshot.order
    title = task_title(lab, order.task_id)
    rows = f"{say.number(order.train_rows, missing='usual')} rows"
    return f"{title} · {order.model_id} · {rows} · rank {order.spec.rank} · {order.spec.epochs} epochs"


def _spoken(snapshot: TrainingSnapshot) -> str:
    if not snapshot.losses:
        return "Loss over steps; no step has finished yet."
    first, last = snapshot.losses[0], snapshot.losses[-1]
    left = snapshot.progress.left_s if snapshot.progress else None
    rest = f" {say.duration(left)} left." if snapshot.is_running and left is not None else ""
    return f"Loss over steps: {say.loss(first[1])} at step {first[0]}, {say.loss(last[1])} at step {last[0]}.{rest}"
