"""The web app's pages: page config, navigation and frame. `tools/serve.py` serves them, which `make run` calls."""

from __future__ import annotations

import streamlit as st

from components.ui import frame, state
from components.widgets.shortcut_list import shortcuts
from engine.core.errors import AdaptLabError
from engine.services.lab import Lab

st.set_page_config(page_title="Adapt Lab", page_icon=frame.ICON, layout="wide", initial_sidebar_state=230)


@st.cache_resource(show_spinner=False, on_release=lambda lab: lab.close())
def _lab() -> Lab:
    from wiring import open_lab

    return open_lab()


PRESENT = st.Page("pages/compare/present.py", title="Present", visibility="hidden")
PAGES = {
    "": [st.Page("pages/start/start.py", title="Start", icon=":material/home:", default=True)],
    "Prepare": [
        st.Page("pages/prepare/models.py", title="Models", icon=":material/memory:"),
        st.Page("pages/prepare/tasks.py", title="Tasks", icon=":material/checklist:"),
        st.Page("pages/prepare/upload.py", title="Upload", icon=":material/upload_file:"),
        st.Page("pages/prepare/train.py", title="Train", icon=":material/model_training:"),
    ],
    "Compare": [
        st.Page("pages/compare/run.py", title="Run", icon=":material/play_circle:"),
        st.Page("pages/compare/playground.py", title="Playground", icon=":material/science:"),
        PRESENT,
    ],
    "Decide": [
        st.Page("pages/decide/report.py", title="Report", icon=":material/gavel:"),
        st.Page("pages/decide/costs.py", title="Costs", icon=":material/payments:"),
        st.Page("pages/decide/learning_curve.py", title="Learning curve", icon=":material/show_chart:"),
        st.Page("pages/decide/context.py", title="Context", icon=":material/article:"),
        st.Page("pages/decide/drift.py", title="Drift", icon=":material/trending_down:"),
        st.Page("pages/decide/history.py", title="History", icon=":material/history:"),
    ],
}

try:
    st.session_state[state.LAB] = _lab()
except AdaptLabError as error:
    st.error(f"Adapt Lab cannot open its folder. {error.what}")
    st.text(error.fix)
    st.stop()

page = st.navigation(PAGES, expanded=True)
if page == PRESENT:
    frame.leave_out(PAGES)
else:
    frame.show(page.url_path)
    shortcuts(key="shortcuts", in_sidebar=True)
page.run()
