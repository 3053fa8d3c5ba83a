"""The keys of `st.session_state` and of the URL, in one place, and what pages take from them."""

from __future__ import annotations

import streamlit as st

from engine.laboratory import Laboratory

LABORATORY = "laboratory"
"""The app's one `Laboratory`, put there by `app.py`."""

RUN_ID = "run_id"
"""In the URL: the run on screen."""
SHOWN_RUN = "shown_run"
"""In the session: the run on screen; outlives a change of page, which empties the URL's query."""
SETTING_UP = "setting_up"
"""The user asked for a new comparison; a run that is going on is not brought up by itself."""
FAULT = "fault"
"""An error from a callback, to be told with the next run of the page."""
ROW = "row"
"""Id of the example that is opened in the row browser."""

TASK = "setup_task"
MODEL = "setup_model"
TECHNIQUES = "setup_techniques"
ROWS = "setup_rows"
TRAIN_ROWS = "setup_train_rows"
SEED = "setup_seed"
DECODING = "setup_decoding"
THROUGHPUT = "setup_throughput"
TERMS = "setup_terms"
USD_PER_HOUR = "setup_usd_per_hour"
WATTS = "setup_watts"
USD_PER_KWH = "setup_usd_per_kwh"
SPENDING_LIMIT = "setup_spending_limit"
SPENDING_AGREED = "setup_spending_agreed"
SERVER_NAME = "server_name"
SERVER_URL = "server_url"
PULL_NAME = "pull_name"
PULL = "pull"
"""A model that the Ollama server is getting: an `engine.servers.Pull`."""
PORTABILITY_TASK = "portability_task"


def laboratory() -> Laboratory:
    """Return the app's facade."""
    facade: Laboratory = st.session_state[LABORATORY]
    return facade


def shown_run() -> str | None:
    """Say which run is on screen: the URL's, the session's, or the one that is going on."""
    asked: str | None = st.query_params.get(RUN_ID)
    if asked:
        st.session_state[SETTING_UP] = False
    elif not st.session_state.get(SETTING_UP):
        asked = st.session_state.get(SHOWN_RUN) or laboratory().current_run_id()
    if asked:
        show_run(asked)
    return asked


def show_run(run_id: str) -> None:
    """Bring a run on screen and into the URL."""
    if st.session_state.get(SHOWN_RUN) != run_id:
        st.session_state[SHOWN_RUN] = run_id
        st.session_state.pop(ROW, None)
    st.session_state[SETTING_UP] = False
    if st.query_params.get(RUN_ID) != run_id:
        st.query_params[RUN_ID] = run_id


def keep_for_page(run_id: str) -> None:
    """Choose the run that the Run page will show when it is opened next."""
    st.session_state[SHOWN_RUN] = run_id
    st.session_state[SETTING_UP] = False
    st.session_state.pop(ROW, None)


def set_up() -> None:
    """Leave the run on screen and go back to setting up a comparison."""
    st.session_state[SETTING_UP] = True
    st.session_state.pop(SHOWN_RUN, None)
    st.session_state.pop(ROW, None)
    if RUN_ID in st.query_params:
        del st.query_params[RUN_ID]
