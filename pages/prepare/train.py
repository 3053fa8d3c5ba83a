"""Prepare, Train: LoRA weights ordered, watched, kept, compared and taken away."""

from __future__ import annotations

import streamlit as st

from components import state
from components.choosing import missing
from components.training_form import training_form
from components.training_panel import training_panel
from components.weights_library import weights_library

lab = state.laboratory()
tasks, models = lab.tasks(), lab.models()

st.title("Train", anchor=False)
st.caption("LoRA: a small low-rank file, trained here on the task's rows, changes how the model answers.")

if missing(tasks, models):
    st.stop()
training_form(lab, tasks, models)
training_panel(lab)
weights_library(lab)
