"""The embedders of this machine as a table."""

from __future__ import annotations

import polars as pl
import streamlit as st

from components.ui.text import inert
from components.widgets.tables import wide_table
from engine.core.embedder import EmbedderState
from engine.metrics import wording as say
from engine.running.preflight.embedders import languages_of
from engine.services.lab import Lab

_FIRST = ("Embedder", "Languages", "Where", "Size", "Dimensions", "Longest input", "Texts/s here", "Licence")


def embedders(lab: Lab) -> None:
    """Show the table."""
    st.header("Embedders", anchor=False)
    st.caption("They turn rows and passages into vectors for RAG, the classifier and the choice of examples.")
    wide_table(
        pl.DataFrame([_row(state) for state in lab.embedders.list()]),
        first=_FIRST,
        columns={
            "Embedder": st.column_config.TextColumn(help="The name for the terminal's --embedder."),
            "Languages": st.column_config.TextColumn(help="The languages it was trained on, if its files say so."),
            "Size": st.column_config.NumberColumn("Size (MB)", format="%.0f"),
            "Longest input": st.column_config.NumberColumn(
                "Longest input (tokens)",
                format="localized",
                help="Of a longer text it reads the beginning, or windows of this size.",
            ),
            "Texts/s here": st.column_config.TextColumn(
                help="Averaged over all texts that it has embedded on this machine."
            ),
        },
        key="embedders_table",
    )


def _row(state: EmbedderState) -> dict[str, object]:
    facts = state.facts
    return {
        "Embedder": inert(facts.name),
        "Languages": languages_of(facts),
        "Backend": facts.backend,
        "Where": inert(facts.sends_to or facts.server) or "this machine",
        "Size": facts.size_bytes / 1e6 or None,
        "Dimensions": facts.dimensions or None,
        "Longest input": facts.longest_tokens or None,
        "Texts/s here": say.short(state.texts_per_s, missing="not yet"),
        "Licence": inert(facts.licence) or say.MISSING,
        "Id": inert(facts.id),
    }
