"""The keys of `st.session_state` and of the URL, in one place, and what pages take from them."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from engine.core.lora_library import KeptWeights
from engine.core.run.manifest import Purpose
from engine.services.lab import Lab
from engine.services.recorded import SAMPLE

LAB = "lab"
"""The app's one `Lab`, put there by `app.py`."""

PAGE = "page"
"""In the session: the page on screen, by its path in the URL."""
RUN_ID = "run_id"
"""In the URL: the run on screen."""
SHOWN_RUN = "shown_run"
"""In the session: the run on screen; it survives a change of page, which empties the URL's query."""
TAB = "tab"
"""An id of this browser tab, made up when it first watches a run."""
SETTING_UP = "setting_up"
"""The user asked for a new comparison; a running one is not shown automatically."""
FAULT = "fault"
"""An error from a callback, to be shown with the next run of the page."""
ROW = "row"
"""Id of the example that is open beside the run's rows."""
ROW_ASKED = "row_asked"
"""Run and example that were pressed in the strip last: the grid goes to that row."""
REPORT_ROW = "report_row"
"""Id of the example that is open beside the report's rows."""
PAIR_ROW = "pair_row"
"""Id of the example that is open beside the rows of two runs."""

RUN_PAGE = "pages/compare/run.py"
UPLOAD = "upload"
"""The table that is becoming a task: a `components.upload.draft.Draft`."""

TASK = "setup_task"
MODEL = "setup_model"
CURVE_MODEL = "curve_model"
CONTEXT_MODEL = "context_model"
DRIFT_RUN = "drift_run"
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
TRAINED_AS = "setup_trained_as"
"""Task, model and training of the saved weights that a comparison is set up for."""
RACE = "setup_race"
SPEND_SAVED = "setup_spend_saved"
PRIOR_CORRECTION = "setup_prior_correction"
STOP_WHEN_CLEAR = "setup_stop_when_clear"
DRAWS = "setup_draws"
EFFORT = "setup_effort"
EMBEDDERS = "setup_embedders"
ROWS_AGREED = "setup_rows_agreed"

FILLED = "filled"
"""How often each field was filled by `fill`."""

PLAY_ASK = "play_ask"
"""Id of the question whose answers are on the Playground's screen."""
PLAY_BEFORE = "play_before"
"""Id of the previous question, to show what changed."""
PLAY_TEXT = "play_text"
PLAY_TARGET = "play_target"
PLAY_ROW = "play_row"
PLAY_INSTRUCTIONS = "play_instructions"
PLAY_TOLD = "play_told"
"""The result of adding a row, to be shown once."""
TRAINING = "training"
"""Id of the training on screen."""
TRAINING_OPENED = "training_opened"
"""Id of the training whose weights were opened when it was done; what the user opens then stays open."""
WEIGHTS_OPEN = "weights_look"
"""Key of the saved weights that are open on Train."""
PLAY_WEIGHTS = "play_weights"
"""Key of the saved weights that the Playground answers with."""
PRESENTED = "presented"
"""In the URL: the run that is presented; `sample` is the one that ships."""
PRESENT_STEP = "step"
"""In the URL: the step of the presentation, from 1."""
LEAVING = "leaving"
"""A flag for a button that leads to another page: a callback cannot switch pages itself."""

SERIES_DONE = "series_done"
"""How many runs of a background series were done when the page was last drawn."""

LEAST_QUALITY = "limit_least_quality"
HIGHEST_P95 = "limit_highest_p95_s"
HIGHEST_COST = "limit_highest_cost_usd_per_1k"
CALLS_PER_MONTH = "limit_calls_per_month"
MONTHS = "limit_months"
LABELLING_USD = "limit_labelling_usd_per_row"
DATA_MAY_LEAVE = "limit_data_may_leave"
SPENDING_LIMIT = "setup_spending_limit"
SERVER_NAME = "server_name"
SERVER_URL = "server_url"
PULL_NAME = "pull_name"


def lab() -> Lab:
    """Return the app's lab."""
    opened: Lab = st.session_state[LAB]
    return opened


def current_comparison() -> str | None:
    """Return the comparison that is running or waiting; a run of a study is shown where its study is."""
    results = lab().results
    running = (run_id for run_id in lab().runs.current_ids())
    return next((run_id for run_id in running if results.manifest(run_id).purpose is Purpose.COMPARISON), None)


def shown_run() -> str | None:
    """Return the run on screen: the URL's, the session's, or the comparison in progress."""
    asked: str | None = st.query_params.get(RUN_ID)
    if asked:
        st.session_state[SETTING_UP] = False
    elif not st.session_state.get(SETTING_UP):
        asked = st.session_state.get(SHOWN_RUN) or current_comparison()
    if asked:
        show_run(asked)
    else:
        # A user who is setting up keeps this page: a run that another tab starts meanwhile must not replace it.
        st.session_state[SETTING_UP] = True
    return asked


def asked_run() -> str | None:
    """Return the run that the URL names, else the run on screen."""
    asked: str | None = st.query_params.get(RUN_ID) or st.session_state.get(SHOWN_RUN)
    return asked


def show_run(run_id: str) -> None:
    """Show a run and put it into the URL."""
    if st.session_state.get(SHOWN_RUN) != run_id:
        st.session_state[SHOWN_RUN] = run_id
        st.session_state.pop(ROW, None)
    st.session_state[SETTING_UP] = False
    if st.query_params.get(RUN_ID) != run_id:
        st.query_params[RUN_ID] = run_id


def open_run(run_id: str) -> None:
    """Go to the Run page with this run."""
    st.session_state[SHOWN_RUN] = run_id
    st.session_state[SETTING_UP] = False
    st.session_state.pop(ROW, None)
    st.switch_page(RUN_PAGE)


def set_up() -> None:
    """Leave the run on screen and go back to setting up a comparison."""
    st.session_state[SETTING_UP] = True
    st.session_state.pop(SHOWN_RUN, None)
    st.session_state.pop(ROW, None)
    if RUN_ID in st.query_params:
        del st.query_params[RUN_ID]


def filled_key(field: str) -> str:
    """Return the key under which a field that `fill` may fill is on the page now."""
    times = st.session_state.get(FILLED, {}).get(field, 0)
    return f"{field}_filled_{times}" if times else field


def fill(field: str, value: object) -> None:
    """Fill a field of the page on screen from a callback, under a new key.

    A press that leaves the browser before it has heard of the value brings the field's old one with it. Under the same
    key the old value would win; of the new key that press knows nothing.
    """
    st.session_state.pop(filled_key(field), None)
    filled: dict[str, int] = st.session_state.setdefault(FILLED, {})
    filled[field] = filled.get(field, 0) + 1
    st.session_state[filled_key(field)] = value


def train_rows_key(task_id: str) -> str:
    """Return the key of the number of training rows, which each task has of its own: its labels decide the default."""
    return filled_key(f"{TRAIN_ROWS}_{task_id}")


def set_train_rows(task_id: str, rows: int) -> None:
    """Set how many training rows the next comparison on a task learns from."""
    fill(f"{TRAIN_ROWS}_{task_id}", rows)


def turn_to(page: str) -> None:
    """Note which page is drawn; its frame says so before its parts."""
    st.session_state[PAGE] = page


def put(key: str, value: object) -> None:
    """Set the value of a field, unless it stands there.

    The browser takes whatever is set for a change of ours, and would put it in the place of what the user typed while
    this run of the page was under way.
    """
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def start_number(key: str, default: int, *, most: int) -> None:
    """Give a field of numbers its first value, and keep it within bounds when those have changed.

    A value that was lowered for a bound comes back when the bound allows it, unless the user has chosen another since.
    The field itself names no default then: Streamlit logs a stack for one that also has a value in the session.
    """
    value, (lowered, wanted) = int(st.session_state.get(key, default)), st.session_state.get(f"{key}_lowered", (-1, -1))
    if value == lowered:
        value = wanted
    put(key, min(value, most))
    st.session_state[f"{key}_lowered"] = (most, value) if value > most else (-1, -1)


def start_choice(key: str, options: Collection[str], default: str) -> None:
    """Give a select box its first choice, and again where its choice is no longer offered.

    On another page, which has a box of its own, a choice that stands is set as well: that box would begin with its
    first option. On the same page it is left alone, as `put` does.
    """
    chosen, page = st.session_state.get(key), st.session_state.get(PAGE)
    if chosen not in options or st.session_state.get(f"{key}_page") != page:
        st.session_state[key] = chosen if chosen in options else default
    st.session_state[f"{key}_page"] = page


def compare(task_id: str) -> None:
    """Go to Run, set up for a task."""
    set_up()
    st.session_state[TASK] = task_id
    st.switch_page(RUN_PAGE)


def set_up_with(weights: KeptWeights) -> None:
    """Set Run up for what saved weights were trained on and how, so that a comparison reuses them."""
    set_up()
    st.session_state[TRAINED_AS] = (weights.task_id, weights.model_id, weights.spec)
    st.session_state.update({TASK: weights.task_id, MODEL: weights.model_id, SEED: weights.seed or 0})
    set_train_rows(weights.task_id, weights.rows)


def play_with(weights: KeptWeights) -> None:
    """Set the Playground up for saved weights."""
    st.session_state.update({TASK: weights.task_id, MODEL: weights.model_id, PLAY_WEIGHTS: weights.key})


def report(run_id: str) -> None:
    """Go to the report of a run."""
    st.switch_page("pages/decide/report.py", query_params={RUN_ID: run_id})


def present(run_id: str) -> None:
    """Go to the presentation of a run."""
    st.session_state.pop(PRESENT_STEP, None)
    st.switch_page("pages/compare/present.py", query_params={PRESENTED: run_id, PRESENT_STEP: "1"})


def mark_leaving() -> None:
    """Remember that the presentation is to be left."""
    st.session_state[LEAVING] = True


def present_step(steps: int) -> int:
    """Return the step of the presentation that the URL names, from 1."""
    asked = st.query_params.get(PRESENT_STEP, "1")
    return min(max(int(asked), 1), steps) if asked.isdecimal() else 1


def move_presentation(move: str, steps: int) -> None:
    """Go forward, go back, or go to the step with this number."""
    now = present_step(steps)
    wanted = {"next": now + 1, "back": now - 1}.get(move) or int(move)
    st.query_params[PRESENT_STEP] = str(min(max(wanted, 1), steps))


def steps_key(step: int) -> str:
    """Return the key of the control that shows this step and goes to others."""
    return f"present_steps_{step}"


def jump_presentation(key: str, steps: int) -> None:
    """Go to the step that a control was set to.

    The control of a step that was just left may report once more when a key is pressed in that moment; it is not heard.
    """
    wanted = st.session_state.get(key)
    if wanted is not None and key == steps_key(present_step(steps)):
        move_presentation(str(wanted), steps)


def leave_presentation(run_id: str) -> None:
    """Go back to where a presentation began."""
    if run_id == SAMPLE:
        st.switch_page("pages/start/start.py")
    open_run(run_id)
