"""Start: what the app does, a real run on screen, three things to do, and what is missing here."""

from __future__ import annotations

import streamlit as st

from components.start.parts import actions, findings, recorded_run
from components.ui import state

lab = state.lab()
going_on = state.current_comparison()

st.title("Prompt, retrieval, fine-tune or a small classifier?", anchor=False)
st.markdown(
    "Adapt Lab runs them side by side on your own task and your own machine, and shows quality, speed and cost "
    "live. Nothing leaves this machine unless you choose a model or an embedder on another one."
)
if going_on:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("A run is in progress", color="blue", width="content")
        if st.button("Watch it", icon=":material/play_circle:", type="tertiary", key="watch_current"):
            state.open_run(going_on)
findings(lab, needed=True)
actions(lab)
recorded_run(lab)
findings(lab, needed=False)
