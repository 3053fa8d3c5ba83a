"""Setting up a comparison: one row of choices, the estimate, and the button that starts the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from components.run.spending import confirmed
from components.ui import state
from components.ui.decoding import CORRECTION_NAMES, choose_decoding
from components.ui.errors import fault
from components.ui.machine_form import machine_form
from components.ui.pickers import choose_embedders, choose_model, choose_task, choose_test_rows, missing
from components.ui.text import plain, visible
from engine.analysis.basis.trained_weights import unlike_usual
from engine.analysis.basis.training_rows import offer_note, training_note
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.core.prices import CostAssumptions
from engine.core.run.infos import Preflight, TaskInfo
from engine.core.run.plan import TEST_ROWS, TRAIN_ROWS, RunPlan
from engine.core.task import Task
from engine.core.techniques import TECHNIQUES, Technique, able, label
from engine.core.variant import LoraSpec, PriorCorrection, variant_names
from engine.metrics import wording as say
from engine.running.defaults import TechniqueOptions
from engine.running.planning import MOST_DRAWS, PlanChoices
from engine.running.sampling import training_row_count
from engine.services.lab import Lab

EFFORTS_S = (0, 180, 600, 1800)
"""Seconds of search for each technique that are offered; 0 is none."""
_MOST_SEED = 2**31 - 1


def setup(lab: Lab) -> None:
    """Show the set-up row, the preflight line and the Run button; start the run when it is pressed."""
    tasks, models = lab.tasks.list(), lab.models.list()
    if missing(tasks, models):
        return
    task, model, rows = _choices(tasks, models)
    try:
        full, usual = lab.tasks.get(task.id), lab.plans.usual(task.id, model.id)
    except AdaptLabError as error:
        fault(error)
        return
    kind, offered = full.answer.kind, able(labels=full.has_labels)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        techniques = st.pills(
            "Variants",
            offered,
            selection_mode="multi",
            default=usual.techniques,
            format_func=label,
            key=f"{state.TECHNIQUES}_{kind.value}{'_without_lora' if usual.left_out else ''}",
            persist_state="session",
            wrap=True,
            help="How the model is adapted. All answer the same rows, taking turns; "
            "the classifier is the baseline that generates nothing.",
        )
        choices = _options(lab, full, [technique for technique in offered if technique in techniques], rows)
    if any(TECHNIQUES[technique].trains for technique in techniques):
        options = choices.get("options") or TechniqueOptions()
        choices["options"] = replace(options, lora=_trained_as(task.id, model.id))
    if usual.left_out and not any(TECHNIQUES[technique].trains for technique in techniques):
        st.caption(plain(usual.left_out))
    if not techniques:
        st.info("Choose at least one variant.")
        return
    try:
        plan = lab.plans.make(task_id=task.id, model_id=model.id, **choices)
        preflight = lab.plans.preflight(plan)
        plan, preflight = confirmed(lab, plan, preflight)
    except AdaptLabError as error:
        fault(error)
        return
    _launch(lab, plan, preflight, model)


def _choices(tasks: list[TaskInfo], models: list[ModelFacts]) -> tuple[TaskInfo, ModelFacts, int]:
    task_cell, model_cell, rows_cell = st.columns([3, 3, 1.2], vertical_alignment="bottom")
    task, model = choose_task(task_cell, tasks), choose_model(model_cell, models)
    most = max(task.rows.get("test", 0), 1)
    told = f"How many of the task's {most} test rows every variant answers. More rows, narrower intervals."
    return task, model, choose_test_rows(rows_cell, task, key=state.ROWS, usual=TEST_ROWS, help_text=told)


def _options(lab: Lab, task: Task, techniques: list[Technique], rows: int) -> PlanChoices:
    """Show the options of a run; return them with what was chosen before."""
    most, kind = max(len(task.split("train")), 1), task.answer.kind
    rows_key = state.train_rows_key(task.id)
    state.start_number(rows_key, max(training_row_count(task), 1), most=most)
    with st.popover("Options", icon=":material/tune:"):
        train_rows = st.number_input(
            "Training rows",
            min_value=1,
            max_value=most,
            key=rows_key,
            persist_state="session",
            help=f"Rows of {most} that few-shot, retrieval, LoRA and the classifier may learn from. "
            f"By default {TRAIN_ROWS}, or one for each label if there are more labels.",
        )
        state.start_number(state.SEED, 0, most=_MOST_SEED)
        seed = st.number_input(
            "Seed",
            min_value=0,
            max_value=_MOST_SEED,
            key=state.SEED,
            persist_state="session",
            help="Decides which rows are drawn and how training begins: the same seed, the same choice.",
        )
        draws = st.number_input(
            "Draws (examples, trainings)",
            min_value=1,
            max_value=MOST_DRAWS,
            value=1,
            key=state.DRAWS,
            persist_state="session",
            help="A few-shot or LoRA result depends on the examples drawn and on the training. With 3 draws each row "
            "is answered with one of the three, so luck matters less; LoRA is then trained three times.",
        )
        decoding = choose_decoding(kind, key=state.DECODING)
        correction = PriorCorrection.OFF
        if task.has_labels:
            correction = st.segmented_control(
                "Prior correction",
                list(CORRECTION_NAMES),
                default=PriorCorrection.AUTO,
                format_func=CORRECTION_NAMES.__getitem__,
                required=True,
                key=state.PRIOR_CORRECTION,
                persist_state="session",
                help="Corrects for labels that the model favours whatever the input. Auto decides for each variant, "
                "on rows that it was not shown. Only with choice decoding.",
            )
        embedders = choose_embedders(lab)
        throughput = st.toggle(
            "Throughput mode",
            key=state.THROUGHPUT,
            persist_state="session",
            help="Answers rows in batches: faster overall, but no latency is reported for single answers.",
        )
        stop_when_clear = st.toggle(
            "Stop when the leader is clear",
            key=state.STOP_WHEN_CLEAR,
            persist_state="session",
            help="Ends the run once one variant is clearly better than every other one. The test accounts for checking "
            "after every row: it names a wrong leader in at most 5 of 100 runs. Runs that end this way are marked.",
        )
        race = st.toggle(
            "Race",
            key=state.RACE,
            persist_state="session",
            help="Variants that are clearly more than 2 points behind get no more rows. The best variant is dropped by "
            "mistake in at most 5 of 100 runs. The run ends when one is left. With 100 rows only wide gaps are clear, "
            "so that a race saves little; with 300 it saves most answers where variants differ.",
        )
        spend_saved = st.toggle(
            "Use the spared answers for more rows",
            key=state.SPEND_SAVED,
            persist_state="session",
            disabled=not race,
            help="Answers that variants out of the race no longer give go to those still in it, as further test rows, "
            "unless one of them is already better than the others. The run gives no more answers than without a race.",
        )
        effort_s = st.select_slider(
            "Search for settings",
            EFFORTS_S,
            value=0,
            format_func=lambda seconds: f"{say.duration(seconds)} each" if seconds else "off",
            key=state.EFFORT,
            persist_state="session",
            help="Each technique gets this much time to try other settings, such as examples, retrieval or learning "
            "rates, on training and validation rows. The best ones then answer the test rows beside the defaults.",
        )
        st.caption("Inputs of the cost estimate")
        costs = machine_form(CostAssumptions())
    return {
        "techniques": techniques,
        "limit": rows,
        "train_rows": int(train_rows),
        "seed": int(seed),
        "draws": int(draws),
        "decoding": decoding,
        "prior_correction": correction or PriorCorrection.AUTO,
        "options": TechniqueOptions(embedder=embedders or None),
        "throughput": throughput,
        "costs": costs,
        "stop_when_clear": stop_when_clear,
        "race": race,
        "spend_saved": race and spend_saved,
        "effort_s": float(effort_s) or None,
    }


def _trained_as(task_id: str, model_id: str) -> LoraSpec | None:
    """Return how the saved weights were trained that the comparison was set up for, if that is not the usual way."""
    trained_as: tuple[str, str, LoraSpec | None] = st.session_state.get(state.TRAINED_AS, ("", "", None))
    of_task, of_model, spec = trained_as
    if spec is None or (of_task, of_model) != (task_id, model_id) or not (words := unlike_usual(spec)):
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(f"LoRA is trained as the saved weights were: {words}."), width="content")
        st.button(
            "Use the usual settings",
            key="usual_training",
            type="tertiary",
            on_click=st.session_state.pop,
            args=(state.TRAINED_AS, None),
        )
    return replace(spec, prompts=LoraSpec().prompts)  # on which prompts is for each variant to say


def _launch(lab: Lab, plan: RunPlan, preflight: Preflight, model: ModelFacts) -> None:
    accepted = _terms(model)
    going_on = lab.runs.current_id()
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Queue this run" if going_on else "Run",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(preflight.problems) or not accepted,
        )
        st.markdown(_takes(preflight), width="content")
    if preflight.settings:
        st.caption(plain(_buys(preflight, variant_names(plan.variants))))
    for problem in preflight.problems:
        st.error(plain(problem), icon=":material/block:")
    for note in preflight.notes:
        st.caption(plain(note))
    _training_rows(lab, plan)
    if pressed:
        try:
            run_id = lab.runs.start(plan)
        except AdaptLabError as error:
            fault(error)
            return
        state.show_run(run_id)
        st.rerun()


def _buys(preflight: Preflight, names: Mapping[str, str]) -> str:
    """Say what the effort buys of each technique, whose default variant has one of these names."""
    counts = [f"{names[variant_id]} {say.number(count)}" for variant_id, count in preflight.settings.items()]
    return f"In this time the search can try about this many settings: {', '.join(counts)}."


def _takes(preflight: Preflight) -> str:
    training, search = preflight.estimated_training_s, preflight.estimated_search_s
    free = say.size(preflight.free_memory_bytes)
    parts = [
        f"{'up to ' if preflight.settings else ''}**{say.number(preflight.predictions)}** answers",
        f"about **{say.about_duration(preflight.estimated_s)}**"
        + (f", training {say.about_duration(training)}" if training else "")
        + (f", search {say.duration(search)}" if search else ""),
        f"about **{say.size(preflight.estimated_memory_bytes)}** of {free} free memory",
    ]
    return " · ".join(parts)


def _training_rows(lab: Lab, plan: RunPlan) -> None:
    """Say which labels have no training row, and offer more rows with the time that they take."""
    note = training_note(lab.plans.training(plan), test_rows=len(plan.test_ids))
    if note:
        st.warning(plain(note), icon=":material/label_off:")
    offer = lab.plans.row_offer(plan)
    if offer is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(offer_note(offer)), width="content")
        st.button(
            f"Use {say.number(offer.rows)} training rows",
            key="more_train_rows",
            type="tertiary",
            icon=":material/add:",
            on_click=state.set_train_rows,
            args=(plan.task_id, offer.rows),
        )


def _terms(model: ModelFacts) -> bool:
    if not model.terms:
        return True
    with st.container(border=True):
        st.text(visible(model.terms))
        return st.checkbox(f"I accept these terms for {plain(model.name)}", key=f"{state.TERMS}_{model.id}")
