"""The library of saved LoRA weights: view one, compare two, export, delete."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from components.training.view import (
    comparison_frame,
    facts_frame,
    kept_curves,
    library_frame,
    loss_figure,
    losses_frame,
)
from components.ui import state
from components.ui.errors import fault
from components.ui.text import plain, visible
from components.widgets.plot import live_plot
from components.widgets.tables import show_table, wide_table
from engine.analysis.basis.trained_weights import quality_basis, short_name
from engine.core.errors import AdaptLabError
from engine.core.lora_library import EXPORTS, KeptWeights, export_name
from engine.metrics import wording as say
from engine.services.lab import Lab

_LARGE = '<style>.st-key-before_and_after [data-testid="stMetricValue"] { font-size: 2.6rem; }</style>'
_FORM_HELP = {
    "peft": "For Hugging Face PEFT: adapter_config.json and adapter_model.safetensors.",
    "gguf": "For llama.cpp: --lora FILE.",
    "ollama": "For Ollama: a Modelfile that applies the weights to the base, with the task's instructions.",
}


def weights_library(lab: Lab) -> None:
    """Show all saved weights, and one of them, or two side by side."""
    st.header("Trained weights", anchor=False)
    weights = lab.lora.library.weights()
    if not weights:
        st.caption("None yet. Press Train, or run a comparison with LoRA: its weights are saved here as well.")
        return
    by_key = {one.key: one for one in weights}
    if st.session_state.get(state.WEIGHTS_OPEN) not in by_key:
        st.session_state.pop(state.WEIGHTS_OPEN, None)  # they were deleted
    first_cell, second_cell = st.columns(2)
    look = first_cell.selectbox(
        "Open", list(by_key), index=None, format_func=lambda key: _named(by_key[key]), key=state.WEIGHTS_OPEN,
        placeholder="Choose weights", persist_state="session",
    )  # fmt: skip
    others = [key for key in by_key if key != look]
    beside = None
    if look is not None and others:
        beside = second_cell.selectbox(
            "Compare with", others, index=None, format_func=lambda key: _named(by_key[key]), key="weights_beside",
            placeholder="Choose others",
        )  # fmt: skip
    if look in by_key and beside in by_key:
        _two(by_key[look], by_key[beside])
    elif look in by_key:
        _one(lab, by_key[look])
    first = ("Trained for", "Rows", "Before", "After", "Size", "Training", "Made")
    wide_table(library_frame(weights), first=first, columns=_columns(), key="weights_table")


def _named(one: KeptWeights) -> str:
    return short_name(one, visible(one.task_id) or "task not noted")


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "Before": st.column_config.TextColumn(help="Quality of the bare model on rows that were not trained on."),
        "After": st.column_config.TextColumn(help="Quality with these weights on the same rows."),
        "Effect": st.column_config.TextColumn(help="Whether the weights change the model's answers at all."),
        "Size": number("Size (MB)", format="%.1f", help="Of the GGUF file."),
        "Last loss": number(format="%.3f", help="Loss per answer token at the last step."),
    }


def _one(lab: Lab, one: KeptWeights) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(_named(one))}**")
        losses, held_out = kept_curves(one)
        figures, chart = st.columns([2, 3])
        with figures:
            _before_and_after(one)
            _next_steps(lab, one)
        with chart:
            live_plot(
                loss_figure([("Loss", losses, held_out)]),
                key=f"kept_{one.key}",
                alt=f"Loss over {len(losses)} steps, last {say.loss(losses[-1][1])}."
                if losses
                else "No loss was recorded.",
                height=240,
            )
        with st.expander("The figures behind the chart", icon=":material/table:"):
            show_table(losses_frame(losses, held_out), key="kept_losses")
        made = lab.lora.made_with(one.key)
        if made:
            st.caption(f"Also a model of the Ollama server here: {plain(', '.join(made))}")
        show_table(facts_frame(one), key="weights_facts")
        st.caption("Export")
        with st.container(horizontal=True):
            for form, title in EXPORTS.items():
                st.download_button(
                    title,
                    partial(_exported, lab, one, form),
                    file_name=export_name(one, form),
                    mime="application/octet-stream",
                    icon=":material/download:",
                    on_click="ignore",
                    help=_FORM_HELP[form],
                    key=f"export_{form}",
                )
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown("Deleting cannot be undone; training again with the same settings gives the same weights.")
                if made:
                    st.caption(f"Also removed from the Ollama server: {plain(', '.join(made))}")
                if st.button("Delete them", type="primary", key="delete_weights"):
                    try:
                        lab.lora.remove(one.key)
                    except AdaptLabError as error:
                        fault(error)
                    else:
                        st.rerun()


def _exported(lab: Lab, one: KeptWeights, form: str) -> bytes:
    return lab.lora.export(one, form)[1]


def _before_and_after(one: KeptWeights) -> None:
    """Show the quality without and with the weights as two large figures."""
    if one.before is None and one.after is None:
        st.caption(quality_basis(None))
        return
    with st.container(key="before_and_after"):
        st.html(_LARGE)
        before, after = st.columns(2)
    for cell, title, measured, words in (
        (before, "Before", one.before, "The bare model on rows that were not trained on."),
        (after, "After", one.after, "With these weights, on the same rows."),
    ):
        cell.metric(title, say.MISSING if measured is None else say.share(measured.interval), help=words)
        cell.caption(quality_basis(measured))


def _next_steps(lab: Lab, one: KeptWeights) -> None:
    """Lead to the Playground on these weights, and to a comparison on their task; not where either is gone."""
    known = one.task_id in {task.id for task in lab.tasks.list()} and one.model_id in {m.id for m in lab.models.list()}
    with st.container(horizontal=True):
        # Only a callback may set the task and the model: this page has their selectors, too.
        if st.button(
            "Try it",
            key="weights_try",
            type="primary",
            icon=":material/science:",
            disabled=not known,
            on_click=state.play_with,
            args=(one,),
        ):
            st.switch_page("pages/compare/playground.py")
        if st.button(
            "Compare",
            key="weights_compare",
            icon=":material/play_circle:",
            disabled=not known,
            on_click=state.set_up_with,
            args=(one,),
        ):
            st.switch_page(state.RUN_PAGE)
    if not known:
        st.caption("The task or the model of these weights is no longer here.")


def _two(one: KeptWeights, other: KeptWeights) -> None:
    with st.container(border=True):
        st.markdown("**First and second side by side**")
        names = [f"{title}: {visible(w.task_id) or w.key}" for title, w in (("First", one), ("Second", other))]
        curves = [(name, *kept_curves(w)) for name, w in zip(names, (one, other), strict=True)]
        live_plot(
            loss_figure(curves),
            key=f"both_{one.key}_{other.key}",
            alt=plain("; ".join(f"{name}, {len(losses)} steps" for name, losses, _ in curves)),
            height=250,
        )
        show_table(comparison_frame(one, other), key="weights_compared")
