"""Prepare, Train: train LoRA weights, watch the training, compare, save and export them."""

from __future__ import annotations

import streamlit as st

from components.training.form import training_form
from components.training.panel import training_panel
from components.training.weights_library import weights_library
from components.ui import state
from components.ui.pickers import missing

lab = state.lab()
tasks, models = lab.tasks.list(), lab.models.list()

st.title("Train", anchor=False)
st.caption("LoRA trains a small add-on for the model from your rows.")

if missing(tasks, models):
    st.stop()
training_form(lab, tasks, models)
training_panel(lab)
weights_library(lab)
