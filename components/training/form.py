"""Ordering a training: base, task, rows, parameters, and what it will take."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.pickers import choose_model, choose_task
from components.ui.text import count, duration, plain, size
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.run.infos import Preflight, TaskInfo
from engine.core.variant import LoraSpec, Technique
from engine.running.defaults import Choices
from engine.services.lab import Laboratory
from engine.services.trainings import TrainingOrder, order_with_seed


def training_form(lab: Laboratory, tasks: list[TaskInfo], models: list[ModelFacts]) -> None:
    """Show the form; start the training when its button is pressed."""
    task_cell, model_cell, rows_cell = st.columns([3, 3, 1.2], vertical_alignment="bottom")
    task, model = choose_task(task_cell, tasks), choose_model(model_cell, models)
    most = task.rows.get("train", 0)
    if most < 1:
        st.info("This task has no training rows. Add some, for example in the Playground.")
        return
    rows = rows_cell.number_input(
        "Training rows",
        min_value=1,
        max_value=most,
        value=min(50, most),
        key=f"train_rows_{task.id}",
        help=f"Rows of {most} that are learnt from, even over the labels. The rest stays for measuring.",
    )
    spec, seed = _parameters()
    order = order_with_seed(
        TrainingOrder(task_id=task.id, model_id=model.id, spec=spec, train_rows=int(rows), seed=seed)
    )
    try:
        preflight = _estimate(lab, order)
    except AdaptLabError as error:
        fault(error)
        return
    _launch(lab, order, preflight)


def _estimate(lab: Laboratory, order: TrainingOrder) -> Preflight:
    plan = lab.plan(
        task_id=order.task_id,
        model_id=order.model_id,
        techniques=[Technique.LORA],
        limit=1,
        train_rows=order.train_rows,
        seed=order.seed,
        choices=Choices(lora=order.spec),
    )
    return lab.preflight(plan)


def _launch(lab: Laboratory, order: TrainingOrder, preflight: Preflight) -> None:
    busy = lab.trainings.current_id() is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Train",
            type="primary",
            icon=":material/model_training:",
            disabled=bool(preflight.problems) or busy,
            key="train_start",
        )
        st.markdown(
            f"**{count(order.train_rows)}** rows · about **{duration(preflight.estimated_training_s)}** · "
            f"**{size(preflight.estimated_memory_bytes)}** of {size(preflight.free_memory_bytes)} free memory",
            width="content",
            help="Estimates from sizes, made before anything is started. Weights that are there already are found.",
        )
    for problem in preflight.problems:
        st.error(plain(problem), icon=":material/block:")
    if pressed:
        st.session_state[state.TRAINING] = lab.trainings.start(order)
        st.rerun()


def _parameters() -> tuple[LoraSpec, int]:
    usual = LoraSpec()
    with st.expander("Parameters", icon=":material/tune:"):
        st.caption("The usual values were measured on support tickets; change them when you know why.")
        first, second, third, fourth = st.columns(4)
        epochs = first.number_input(
            "Epochs", 1, 50, usual.epochs, key="train_epochs", help="How often each row is learnt from."
        )
        rate = first.number_input(
            "Learning rate",
            1e-5,
            1e-1,
            usual.learning_rate,
            format="%.5f",
            step=1e-4,
            key="train_rate",
            help="How far each step goes at its peak. Too high forgets, too low learns nothing.",
        )
        rank = second.number_input(
            "Rank", 1, 64, usual.rank, key="train_rank", help="Width of the added matrices: how much can be learnt."
        )
        alpha = second.number_input(
            "Alpha",
            1.0,
            128.0,
            usual.alpha,
            step=1.0,
            key="train_alpha",
            help="Strength of what is added; it acts as alpha divided by rank.",
        )
        batch = third.number_input(
            "Rows per step", 1, 64, usual.batch_size, key="train_batch", help="Rows that one step learns from together."
        )
        dropout = third.number_input(
            "Dropout",
            0.0,
            0.9,
            usual.dropout,
            step=0.05,
            key="train_dropout",
            help="Share of inputs left out at random.",
        )
        share = fourth.slider(
            "Held out",
            0.0,
            0.5,
            usual.validation_share,
            0.05,
            key="train_share",
            help="Share of the training rows that is not learnt from; training stops when their loss stops falling.",
        )
        seed = fourth.number_input("Seed", 0, 2**31 - 1, 0, key="train_seed", help="Draws the rows and the start.")
    spec = LoraSpec(
        rank=int(rank),
        alpha=float(alpha),
        dropout=float(dropout),
        epochs=int(epochs),
        learning_rate=float(rate),
        batch_size=int(batch),
        validation_share=float(share),
    )
    return spec, int(seed)
