"""The library of saved LoRA weights: view one, compare two, export, delete."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from components.training.view import (
    comparison_frame,
    facts_frame,
    kept_curves,
    library_frame,
    loss_figure,
    losses_frame,
    quality_told,
)
from components.ui.errors import fault
from components.ui.text import plain, visible
from components.widgets.plot import live_plot
from components.widgets.wide_table import wide_table
from engine.core.errors import AdaptLabError
from engine.core.lora_library import EXPORTS, KeptWeights
from engine.metrics import wording as say
from engine.services.lab import Lab

_SUFFIXES = {"peft": "-peft.zip", "gguf": ".gguf", "ollama": "-ollama.zip"}
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
    first = ("Trained for", "Rows", "Before", "After", "Size", "Training", "Made", "Id")
    wide_table(library_frame(weights), first=first, columns=_columns(), key="weights_table")
    by_key = {one.key: one for one in weights}
    first_cell, second_cell = st.columns(2)
    look = first_cell.selectbox(
        "Open", list(by_key), index=None, format_func=lambda key: _named(by_key[key]), key="weights_look",
        placeholder="Choose weights",
    )  # fmt: skip
    others = [key for key in by_key if key != look]
    beside = second_cell.selectbox(
        "Compare with", others, index=None, format_func=lambda key: _named(by_key[key]), key="weights_beside",
        placeholder="Choose others", disabled=look is None or not others,
    )  # fmt: skip
    if look in by_key and beside in by_key:
        _two(by_key[look], by_key[beside])
    elif look in by_key:
        _one(lab, by_key[look])


def _named(one: KeptWeights) -> str:
    return f"{visible(one.task_id) or 'task not noted'} · {one.rows} rows · {say.when(one.created_at)} · {one.key[:6]}"


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "Trained for": st.column_config.TextColumn(pinned=True),
        "Before": number("Before %", format="%.0f", help="Quality of the bare model on rows that were not trained on."),
        "After": number("After %", format="%.0f", help="Quality with these weights on the same rows."),
        "Canary": st.column_config.TextColumn(help="Whether the weights change the model's answers at all."),
        "Size": number("Size (MB)", format="%.1f", help="Of the GGUF file."),
        "Last loss": number(format="%.3f", help="Loss per answer token at the last step."),
    }


def _one(lab: Lab, one: KeptWeights) -> None:
    with st.container(border=True):
        left, right = st.columns([3, 2])
        with left:
            losses, held_out = kept_curves(one)
            live_plot(
                loss_figure([("Loss", losses, held_out)]),
                key=f"kept_{one.key}",
                alt=f"Loss over {len(losses)} steps, last {say.loss(losses[-1][1])}."
                if losses
                else "No loss was recorded.",
                height=240,
            )
        with right:
            st.metric(
                "Quality before", quality_told(one.before), help="The bare model on rows that were not trained on."
            )
            st.metric("Quality after", quality_told(one.after), help="With these weights, on the same rows.")
        with st.expander("The figures behind the chart", icon=":material/table:"):
            st.dataframe(losses_frame(losses, held_out), hide_index=True, width="stretch", key="kept_losses")
        made = lab.lora.made_with(one.key)
        if made:
            st.caption(f"Also a model of the Ollama server here: {plain(', '.join(made))}")
        st.dataframe(facts_frame(one), hide_index=True, width="stretch", key="weights_facts")
        st.caption("Export")
        with st.container(horizontal=True):
            for form, title in EXPORTS.items():
                st.download_button(
                    title,
                    partial(_exported, lab, one, form),
                    file_name=f"{one.key}{_SUFFIXES[form]}",
                    mime="application/octet-stream",
                    icon=":material/download:",
                    on_click="ignore",
                    help=_FORM_HELP[form],
                    key=f"export_{form}",
                )
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown("You cannot undo this, but the same training produces the same weights.")
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
    base = next((model.path for model in lab.models.list() if Path(model.path).name == one.base_name), one.base_name)
    try:
        instructions = lab.tasks.get(one.task_id).instructions if one.task_id else ""
    except AdaptLabError:
        instructions = ""  # the task has been removed since
    return lab.lora.library.export(one.key, form, base_path=base, instructions=instructions)[1]


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
        st.dataframe(comparison_frame(one, other), hide_index=True, width="stretch", key="weights_compared")
