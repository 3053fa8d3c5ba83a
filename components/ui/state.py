"""The keys of `st.session_state` and of the URL, in one place, and what pages take from them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from engine.services.lab import Laboratory
from engine.services.recorded import SAMPLE

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

UPLOAD = "upload"
"""The table that is on its way to a task: a `components.upload.draft.Draft`."""

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
STOP_WHEN_CLEAR = "setup_stop_when_clear"

PLAY_ASK = "play_ask"
"""Id of the question whose answers are on the Playground's screen."""
PLAY_BEFORE = "play_before"
"""Id of the question before it, for what changed."""
PLAY_TEXT = "play_text"
PLAY_TARGET = "play_target"
PLAY_ROW = "play_row"
PLAY_INSTRUCTIONS = "play_instructions"
PLAY_TOLD = "play_told"
"""What adding a row led to, to be told once."""
TRAINING = "training"
"""Id of the training on screen."""
PRESENTED = "presented"
"""In the URL: the run that is presented; `sample` is the one that ships."""
PRESENT_STEP = "step"
"""In the URL: the step of the presentation, from 1."""
PRESENTING = "presenting"
LEAVING = "leaving"
"""Marks of a press that leads to another page: a callback cannot go there itself."""
ATTACHED = "attached"
"""This session has once been brought to the run that was going on when it began."""

SERIES_DONE = "series_done"
"""How many runs of a series in the background were done when the page was drawn last."""

LEAST_QUALITY = "limit_least_quality"
HIGHEST_P95 = "limit_highest_p95_s"
HIGHEST_COST = "limit_highest_cost_usd_per_1k"
CALLS_PER_MONTH = "limit_calls_per_month"
MONTHS = "limit_months"
LABELLING_USD = "limit_labelling_usd_per_row"
DATA_MAY_LEAVE = "limit_data_may_leave"
SPENDING_LIMIT = "setup_spending_limit"
SPENDING_AGREED = "setup_spending_agreed"
SERVER_NAME = "server_name"
SERVER_URL = "server_url"
PULL_NAME = "pull_name"
PULL = "pull"
"""A model that the Ollama server is getting: an `engine.services.pull.Pull`."""
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
    else:
        # Who is choosing keeps the page: a run that another tab starts meanwhile must not take it away.
        st.session_state[SETTING_UP] = True
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


def has_page(path: str) -> bool:
    """Tell whether this copy of the app has a page of this path."""
    return (Path(__file__).parents[1] / path).is_file()


def present(run_id: str) -> None:
    """Go to the presentation of a run."""
    st.session_state.pop(PRESENT_STEP, None)
    st.switch_page("pages/compare/present.py", query_params={PRESENTED: run_id, PRESENT_STEP: "1"})


def mark_presenting() -> None:
    """Take note that the run on screen is to be presented."""
    st.session_state[PRESENTING] = True


def mark_leaving() -> None:
    """Take note that the presentation is to be left."""
    st.session_state[LEAVING] = True


def present_step(steps: int) -> int:
    """Return the step of the presentation that the URL names, from 1."""
    asked = st.query_params.get(PRESENT_STEP, "1")
    return min(max(int(asked), 1), steps) if asked.isdecimal() else 1


def move_presentation(move: str, steps: int) -> None:
    """Go on, go back, or go to the step of this number."""
    now = present_step(steps)
    wanted = {"next": now + 1, "back": now - 1}.get(move) or int(move)
    st.query_params[PRESENT_STEP] = str(min(max(wanted, 1), steps))


def jump_presentation(key: str, steps: int) -> None:
    """Go to the step that a widget was set to."""
    wanted = st.session_state.get(key)
    if wanted is not None:
        move_presentation(str(wanted), steps)


def leave_presentation(run_id: str) -> None:
    """Go back to where a presentation began."""
    if run_id == SAMPLE:
        st.switch_page("pages/start/start.py")
    keep_for_page(run_id)
    st.switch_page("pages/compare/run.py")
