"""The form that starts a training job: base model, task, rows, parameters, and the estimate."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.pickers import choose_model, choose_task
from components.ui.text import plain
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.run.infos import Preflight, TaskInfo
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, PriorCorrection
from engine.metrics import wording as say
from engine.running.defaults import TechniqueOptions
from engine.running.sampling import training_row_count
from engine.services.lab import Lab
from engine.services.trainings import TrainingOrder, rows_to_measure_on


def training_form(lab: Lab, tasks: list[TaskInfo], models: list[ModelFacts]) -> None:
    """Show the form; start the training when its button is pressed."""
    task_cell, model_cell, rows_cell = st.columns([3, 3, 1.2], vertical_alignment="bottom")
    task, model = choose_task(task_cell, tasks), choose_model(model_cell, models)
    most = task.rows.get("train", 0)
    if most < 1:
        st.info("This task has no training rows. Add some, for example in the Playground.")
        return
    try:
        usual = training_row_count(lab.tasks.get(task.id))
    except AdaptLabError as error:
        fault(error)
        return
    rows_key = f"train_rows_{task.id}"
    state.start_number(rows_key, usual, most=most)
    rows = rows_cell.number_input(
        "Training rows",
        min_value=1,
        max_value=most,
        key=rows_key,
        persist_state="session",
        help=f"How many of {most} rows to train on, evenly over the labels. The rest are kept for measuring.",
    )
    spec = _parameters()
    order = TrainingOrder(task_id=task.id, model_id=model.id, spec=spec, train_rows=int(rows))
    try:
        preflight = _estimate(lab, order)
    except AdaptLabError as error:
        fault(error)
        return
    _launch(lab, order, preflight)


def _estimate(lab: Lab, order: TrainingOrder) -> Preflight:
    """Estimate a training with what follows it: the same rows are answered without the weights and with them."""
    rows, split = rows_to_measure_on(lab.tasks.get(order.task_id), order)
    plan = lab.plans.make(
        task_id=order.task_id,
        model_id=order.model_id,
        techniques=[Technique.ZERO_SHOT, Technique.LORA] if rows else [Technique.LORA],
        limit=max(len(rows), 1),
        test_split=split or "test",
        prior_correction=PriorCorrection.OFF,
        train_rows=order.train_rows,
        seed=order.spec.seed,
        options=TechniqueOptions(lora=order.spec),
    )
    return lab.plans.preflight(plan)


def _launch(lab: Lab, order: TrainingOrder, preflight: Preflight) -> None:
    busy = lab.lora.current_id() is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Train",
            type="primary",
            icon=":material/model_training:",
            disabled=bool(preflight.problems) or busy,
            key="train_start",
        )
        st.markdown(
            f"**{say.number(order.train_rows)}** rows · about **{say.about_duration(preflight.estimated_s)}** · "
            f"about **{say.size(preflight.estimated_memory_bytes)}** of {say.size(preflight.free_memory_bytes)} free "
            "memory",
            width="content",
            help="Estimated from sizes: training, and measuring before and after it. Existing weights are reused.",
        )
    for problem in preflight.problems:
        st.error(plain(problem), icon=":material/block:")
    if pressed:
        st.session_state[state.TRAINING] = lab.lora.start(order)
        st.rerun()


def _parameters() -> LoraSpec:
    usual = LoraSpec()
    with st.expander("Parameters", icon=":material/tune:"):
        st.caption("The usual values were measured on support tickets; change them when you know why.")
        first, second, third, fourth = st.columns(4)
        epochs = first.number_input(
            "Epochs",
            1,
            50,
            usual.epochs,
            key="train_epochs",
            persist_state="session",
            help="How many times the training goes through all rows.",
        )
        rate = first.number_input(
            "Learning rate",
            1e-5,
            1e-1,
            usual.learning_rate,
            format="%.5f",
            step=1e-4,
            key="train_rate",
            persist_state="session",
            help="Size of the largest step. Too high and the model forgets, too low and it learns nothing.",
        )
        rank = second.number_input(
            "Rank",
            1,
            64,
            usual.rank,
            key="train_rank",
            persist_state="session",
            help="Width of the added matrices: how much they can learn.",
        )
        alpha = second.number_input(
            "Alpha",
            1.0,
            128.0,
            usual.alpha,
            step=1.0,
            key="train_alpha",
            persist_state="session",
            help="Strength of the added matrices; the factor is alpha divided by rank.",
        )
        batch = third.number_input(
            "Rows per step",
            1,
            64,
            usual.batch_size,
            key="train_batch",
            persist_state="session",
            help="How many rows one step learns from.",
        )
        dropout = third.number_input(
            "Dropout",
            0.0,
            0.9,
            usual.dropout,
            step=0.05,
            key="train_dropout",
            persist_state="session",
            help="Share of inputs left out at random.",
        )
        share = fourth.slider(
            "Held out",
            0.0,
            0.5,
            usual.validation_share,
            0.05,
            key="train_share",
            persist_state="session",
            help="Share of the training rows not trained on; training stops when the loss on them stops falling.",
        )
        seed = fourth.number_input(
            "Seed", 0, 2**31 - 1, 0, key="train_seed", persist_state="session", help="Decides rows and initial weights."
        )
    return LoraSpec(
        rank=int(rank),
        alpha=float(alpha),
        dropout=float(dropout),
        epochs=int(epochs),
        learning_rate=float(rate),
        batch_size=int(batch),
        validation_share=float(share),
        seed=int(seed),
    )
