"""The Playground's form: one input, the variants that answer it, and all settings. Returns a question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from components.ui import state
from components.ui.decoding import choose_decoding
from components.ui.pickers import choose_model, choose_task
from components.ui.text import plain, visible
from engine.analysis.basis.trained_weights import short_name
from engine.core.generation import ModelFacts
from engine.core.lora_library import KeptWeights
from engine.core.run.infos import TaskInfo
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.task import AnswerKind, Task
from engine.core.techniques import TECHNIQUES, Technique, able, label
from engine.core.variant import DecodingMode, DecodingSpec, PromptSpec, SearchMode
from engine.running.defaults import TechniqueOptions, default_retrieval, default_shots, default_variants
from engine.running.preflight.embedders import with_embedders
from engine.services.lab import Lab
from engine.services.playground import Question

_UNKNOWN = ""
_SEARCH = {SearchMode.VECTOR: "By meaning", SearchMode.FULL_TEXT: "By words", SearchMode.HYBRID: "Both"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Settings:
    instructions: str
    options: TechniqueOptions
    decoding: DecodingMode
    temperature: float
    weights_key: str | None
    lora_scale: float


def play_form(lab: Lab, tasks: list[TaskInfo], models: list[ModelFacts]) -> tuple[Question, Task]:
    """Show the form; return the question that it describes, and its task."""
    task_cell, model_cell, row_cell = st.columns([2, 3, 3])
    info, model = choose_task(task_cell, tasks), choose_model(model_cell, models)
    task = lab.tasks.get(info.id)
    weights = [one for one in lab.lora.library.weights() if one.fits(*_digests(lab, model))]
    if model.price_ref:
        st.caption("This model is a closed API: each variant that answers sends the input there and is billed.")
    if model.forwards_to:
        st.caption(
            plain(f"This model's server only forwards inputs: each variant sends the input to {model.forwards_to}.")
        )
    text, target = _input(row_cell, task)
    served = lab.playground.server_holds_lora(model.id)
    offered = [technique for technique in TECHNIQUES if _can(technique, task, trained=bool(weights) or served)]
    techniques = st.pills(
        "Variants",
        offered,
        selection_mode="multi",
        default=[one for one in offered if not (served and TECHNIQUES[one].trains)],
        format_func=label,
        key=f"play_techniques_{task.answer.kind.value}_{'served' if served else bool(weights)}",
        persist_state="session",
        wrap=True,
        help="Which variants answer. Those with LoRA appear once weights for this model have been trained, and where "
        "its server can hold some.",
    )
    settings = _settings(task, weights, served=served)
    if task.has_labels and settings.decoding is DecodingMode.CHOICE:
        st.caption("Answers are shown as the model gives them; a run may also apply prior correction.")
    chosen = [technique for technique in offered if technique in techniques]
    variants = default_variants(chosen, task, options=settings.options) if chosen else ()
    variants = with_embedders(variants, lab.embedders.choose(task), search=settings.options.search)
    variants = tuple(
        replace(
            variant,
            prompt=PromptSpec(instructions=settings.instructions),
            decoding=DecodingSpec(mode=settings.decoding, temperature=settings.temperature),
            lora_scale=settings.lora_scale,
        )
        for variant in variants
    )
    question = Question(
        task_id=info.id,
        model_id=model.id,
        text=text,
        target=target,
        variants=variants,
        weights_key=settings.weights_key,
        context_tokens=min(CONTEXT_TOKENS, model.context_tokens or CONTEXT_TOKENS),
    )
    return question, task


def _digests(lab: Lab, model: ModelFacts) -> tuple[str, str]:
    facts = lab.models.get(model.id)
    return facts.digest, facts.template_digest


def _can(technique: Technique, task: Task, *, trained: bool) -> bool:
    return technique in able(labels=task.has_labels) and (trained or not TECHNIQUES[technique].trains)


def _input(row_cell: Any, task: Task) -> tuple[str, str]:
    rows = {example.id: example for example in task.examples if example.split != "train"}

    def take() -> None:
        example = rows.get(st.session_state[state.PLAY_ROW] or "")
        if example is not None:
            state.fill(state.PLAY_TEXT, example.input)
            state.fill(_target_field(task), example.target)

    row_cell.selectbox(
        "Choose a row of the task",
        list(rows),
        index=None,
        placeholder="or write your own input below",
        format_func=lambda item: f"{visible(item)} · {visible(rows[item].input)[:90]}" if item in rows else "",
        key=state.PLAY_ROW,
        on_change=take,
        help="Only rows that are not trained on, so that no variant has seen the right answer.",
    )
    text_cell, target_cell = st.columns([3, 1.4])
    text = text_cell.text_area(
        "Input",
        key=state.filled_key(state.PLAY_TEXT),
        height=76,
        persist_state="session",
        help="One input; every variant answers it.",
    )
    hint = "The answer that is right. If you give it, each answer is marked, and you can add the row to the task."
    if task.answer.kind is AnswerKind.LABEL:
        target = target_cell.selectbox(
            "Right answer",
            [_UNKNOWN, *task.answer.labels],
            format_func=lambda item: visible(item) or "not known",
            key=state.filled_key(_target_field(task)),
            persist_state="session",
            help=hint,
        )
    else:
        target = target_cell.text_area(
            "Right answer", key=state.filled_key(_target_field(task)), persist_state="session", height=76, help=hint
        )
    return text, (target or "").strip()


def _target_field(task: Task) -> str:
    return f"{state.PLAY_TARGET}_{task.id}"


def _settings(task: Task, weights: list[KeptWeights], *, served: bool) -> _Settings:
    with st.expander("Change the instructions, examples, retrieval, decoding or LoRA", icon=":material/tune:"):
        instructions = _instructions(task)
        first, second, third = st.columns(3)
        with first:
            choices = _choices(task)
        with second:
            decoding, temperature = _decoding(task)
        with third:
            weights_key, scale = _lora(weights, served=served)
    return _Settings(
        instructions=instructions,
        options=choices,
        decoding=decoding,
        temperature=temperature,
        weights_key=weights_key,
        lora_scale=scale,
    )


def _instructions(task: Task) -> str:
    field = f"{state.PLAY_INSTRUCTIONS}_{task.id}"
    key = state.filled_key(field)
    if key not in st.session_state:
        st.session_state[key] = task.instructions
    text = st.text_area(
        "Instructions",
        key=key,
        height=140,
        persist_state="session",
        help="The system prompt of every variant that uses a language model.",
    )
    if text.strip() != task.instructions.strip():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Back to the task's own", on_click=state.fill, args=(field, task.instructions))
            st.caption("LoRA weights were trained with the task's own instructions; others may weaken them.")
    return text


def _choices(task: Task) -> TechniqueOptions:
    usual = default_retrieval(task)
    shots = st.slider(
        "Examples in the prompt",
        1,
        10,
        default_shots(task),
        key=f"play_shots_{task.id}",
        persist_state="session",
        help="Few-shot: how many fixed examples each prompt shows.",
    )
    examples = st.slider(
        "Examples looked up",
        0,
        10,
        usual.examples_k,
        key=f"play_examples_{task.id}",
        persist_state="session",
        help="RAG: how many training rows nearest to the input are shown as examples.",
    )
    passages = 0
    if task.documents:
        passages = st.slider(
            "Passages looked up",
            0,
            8,
            usual.passages_k,
            key=f"play_passages_{task.id}",
            persist_state="session",
            help="RAG: how many passages of the task's documents are shown before the input.",
        )
    if examples + passages == 0:
        st.caption("With these settings nothing would be retrieved, so one example is retrieved.")
        examples = 1
    search = st.segmented_control(
        "Search",
        list(_SEARCH),
        default=usual.mode,
        format_func=_SEARCH.__getitem__,
        required=True,
        key=f"play_search_{task.id}",
        persist_state="session",
        help="RAG: how the nearest examples and passages are found.",
    )
    return TechniqueOptions(shots_k=shots, examples_k=examples, passages_k=passages, search=search)


def _decoding(task: Task) -> tuple[DecodingMode, float]:
    decoding = choose_decoding(task.answer.kind, key="play_decoding")
    temperature = st.slider(
        "Temperature",
        0.0,
        2.0,
        0.0,
        0.1,
        key="play_temperature",
        persist_state="session",
        disabled=decoding is DecodingMode.CHOICE,
        help="0 always writes the most likely token; higher values sample more freely. Choice compares labels and does "
        "not sample.",
    )
    return decoding, 0.0 if decoding is DecodingMode.CHOICE else temperature


def _lora(weights: list[KeptWeights], *, served: bool) -> tuple[str | None, float]:
    if served:
        st.caption("The variants with LoRA use the weights that this model's server holds, if it holds any.")
        return None, 1.0
    if not weights:
        st.caption("No LoRA weights for this model yet.")
        st.page_link("pages/prepare/train.py", label="Train some", icon=":material/model_training:")
        return None, 1.0
    by_key = {one.key: one for one in weights}
    key = st.selectbox(
        "LoRA weights",
        list(by_key),
        format_func=lambda item: _named(by_key[item]),
        key=state.PLAY_WEIGHTS,
        persist_state="session",
        help="Saved weights that were trained on exactly this model. They answer in all variants with LoRA; a run "
        "trains RAG + LoRA apart if the task has documents.",
    )
    scale = st.slider(
        "LoRA scale",
        0.0,
        2.0,
        1.0,
        0.05,
        key="play_lora_scale",
        persist_state="session",
        help="How strongly the weights act: 0 is the bare model, 1 is as trained.",
    )
    return key, scale


def _named(one: KeptWeights) -> str:
    return short_name(one, visible(one.task_id) or "task not noted")
