"""Setting up a comparison: one row of choices, what the run will take, and the button that starts it."""

from __future__ import annotations

import streamlit as st

from components.run.spending import confirmed
from components.ui import state
from components.ui.decoding import DECODING_NAMES, FITTING
from components.ui.errors import fault
from components.ui.palette import label
from components.ui.pickers import _DEFAULT_ROWS, choose_model, choose_task, missing
from components.ui.text import count, duration, plain, size, visible
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.prices import CostAssumptions
from engine.core.run.infos import Preflight, TaskInfo
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind
from engine.core.variant import LABELS, DecodingMode, Technique
from engine.services.lab import Laboratory


def setup(lab: Laboratory) -> None:
    """Show the set-up row, the preflight line and the Run button; start the run when it is pressed."""
    tasks, models = lab.tasks(), lab.models()
    if missing(tasks, models):
        return
    task, model, rows = _choices(tasks, models)
    try:
        kind = lab.task(task.id).answer.kind
    except AdaptLabError as error:
        fault(error)
        return
    able = [technique for technique in LABELS if technique is not Technique.CLASSIFIER or kind is AnswerKind.LABEL]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        techniques = st.pills(
            "Variants",
            able,
            selection_mode="multi",
            default=able,
            format_func=label,
            key=f"{state.TECHNIQUES}_{kind.value}",
            persist_state="session",
            wrap=True,
            help="How the model is adapted. All answer the same rows, taking turns; "
            "the classifier is the baseline that generates nothing.",
        )
        train_rows, seed, decoding, throughput, stop_when_clear, costs = _options(task, kind)
    if not techniques:
        st.info("Choose at least one variant.")
        return
    try:
        plan = lab.plan(
            task_id=task.id,
            model_id=model.id,
            techniques=[technique for technique in able if technique in techniques],
            limit=rows,
            train_rows=train_rows,
            seed=seed,
            decoding=decoding,
            throughput=throughput,
            costs=costs,
            stop_when_clear=stop_when_clear,
        )
        preflight = lab.preflight(plan)
        plan, preflight = confirmed(lab, plan, preflight)
    except AdaptLabError as error:
        fault(error)
        return
    _launch(lab, plan, preflight, model)


def _choices(tasks: list[TaskInfo], models: list[ModelFacts]) -> tuple[TaskInfo, ModelFacts, int]:
    task_cell, model_cell, rows_cell = st.columns([3, 3, 1.2], vertical_alignment="bottom")
    task, model = choose_task(task_cell, tasks), choose_model(model_cell, models)
    most = max(task.rows.get("test", 0), 1)
    if int(st.session_state.get(state.ROWS, 1)) > most:
        st.session_state[state.ROWS] = most
    rows = rows_cell.number_input(
        "Test rows",
        min_value=1,
        max_value=most,
        value=min(_DEFAULT_ROWS, most),
        key=state.ROWS,
        persist_state="session",
        help=f"How many of the task's {most} test rows every variant answers. More rows, narrower intervals.",
    )
    return task, model, int(rows)


def _options(task: TaskInfo, kind: AnswerKind) -> tuple[int, int, DecodingMode, bool, bool, CostAssumptions]:
    most = max(task.rows.get("train", 0), 1)
    if int(st.session_state.get(state.TRAIN_ROWS, 1)) > most:
        st.session_state[state.TRAIN_ROWS] = most
    with st.popover("Options", icon=":material/tune:"):
        train_rows = st.number_input(
            "Training rows",
            min_value=1,
            max_value=most,
            value=min(50, most),
            key=state.TRAIN_ROWS,
            persist_state="session",
            help=f"Rows of {most} that shots, retrieval, LoRA and the classifier may learn from.",
        )
        seed = st.number_input(
            "Seed",
            min_value=0,
            max_value=2**31 - 1,
            value=0,
            key=state.SEED,
            persist_state="session",
            help="Decides which rows are drawn and how training begins. The same seed gives the same run.",
        )
        decoding = st.segmented_control(
            "Decoding",
            list(FITTING[kind]),
            default=FITTING[kind][0],
            format_func=DECODING_NAMES.__getitem__,
            required=True,
            key=f"{state.DECODING}_{kind.value}",
            persist_state="session",
            help="Choice takes the likeliest label; JSON keeps to a schema; free text is read afterwards.",
        )
        throughput = st.toggle(
            "Throughput mode",
            key=state.THROUGHPUT,
            persist_state="session",
            help="Answers rows in batches: faster in all, and no latency is reported for single answers.",
        )
        stop_when_clear = st.toggle(
            "Stop when the leader is clear",
            key=state.STOP_WHEN_CLEAR,
            persist_state="session",
            help="Ends the run once one variant is clearly better than every other one. The test allows for looking "
            "after every row: a wrong leader is named in at most 5 of 100 runs. Such runs are marked.",
        )
        costs = _costs()
    return int(train_rows), int(seed), decoding or FITTING[kind][0], throughput, stop_when_clear, costs


def _costs() -> CostAssumptions:
    defaults = CostAssumptions()
    st.caption("What costs are estimated from")
    usd_per_hour = st.number_input(
        "Machine, USD per hour",
        min_value=0.0,
        value=defaults.machine_usd_per_hour,
        step=0.01,
        key=state.USD_PER_HOUR,
        persist_state="session",
        help="What an hour of this machine costs: its price over its working hours, or its rent.",
    )
    watts = st.number_input(
        "Power under load, watts",
        min_value=0.0,
        value=defaults.watts,
        step=1.0,
        key=state.WATTS,
        persist_state="session",
        help="Power of the whole machine when all cores are busy; used where energy cannot be measured.",
    )
    usd_per_kwh = st.number_input(
        "Electricity, USD per kWh",
        min_value=0.0,
        value=defaults.electricity_usd_per_kwh,
        step=0.01,
        key=state.USD_PER_KWH,
        persist_state="session",
        help="What your electricity costs.",
    )
    return CostAssumptions(
        machine_usd_per_hour=float(usd_per_hour), watts=float(watts), electricity_usd_per_kwh=float(usd_per_kwh)
    )


def _launch(lab: Laboratory, plan: RunPlan, preflight: Preflight, model: ModelFacts) -> None:
    accepted = _terms(model)
    going_on = lab.current_run_id()
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Queue this run" if going_on else "Run",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(preflight.problems) or not accepted,
        )
        st.markdown(_takes(preflight), width="content")
    for problem in preflight.problems:
        st.error(plain(problem), icon=":material/block:")
    for note in preflight.notes:
        st.caption(plain(note))
    if pressed:
        try:
            run_id = lab.start(plan)
        except AdaptLabError as error:
            fault(error)
            return
        state.show_run(run_id)
        st.rerun()


def _takes(preflight: Preflight) -> str:
    training = preflight.estimated_training_s
    parts = [
        f"**{count(preflight.predictions)}** predictions",
        f"about **{duration(preflight.estimated_s)}**" + (f", training {duration(training)}" if training else ""),
        f"**{size(preflight.estimated_memory_bytes)}** of {size(preflight.free_memory_bytes)} free memory",
    ]
    return " · ".join(parts)


def _terms(model: ModelFacts) -> bool:
    if not model.terms:
        return True
    with st.container(border=True):
        st.text(visible(model.terms))
        return st.checkbox(f"I accept these terms for {plain(model.name)}", key=f"{state.TERMS}_{model.id}")
