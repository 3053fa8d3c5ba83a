"""Compare, Playground: one input, all variants answer side by side, and the effect of a change."""

from __future__ import annotations

import streamlit as st

from components.playground.form import play_form
from components.playground.panel import ask_button, play_panel
from components.ui import state
from components.ui.errors import fault
from components.ui.pickers import missing
from engine.core.errors import AdaptLabError

lab = state.lab()
tasks, models = lab.tasks.list(), lab.models.list()

st.title("Playground", anchor=False)
st.caption("One input, all variants side by side. Nothing here is saved or counted; you can add a row to the task.")

if missing(tasks, models):
    st.stop()
try:
    question, task = play_form(lab, tasks, models)
except AdaptLabError as error:
    fault(error)
    st.stop()
ask_button(lab, question)
play_panel(lab, question, task)
