"""Speed tests on the Models page: ten seconds per model; the results are saved for this machine."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from components.ui.jobs import REFRESH_S
from components.ui.text import inert, plain, visible
from components.widgets.tables import show_table
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.services.measuring.speed_test import Speed


def speed_panel(lab: Lab, models: list[ModelFacts]) -> None:
    """Let the user test a model's speed, and show the saved results."""
    st.header("Speed on this machine", anchor=False)
    testable = {model.id: model for model in models if model.parameters and not model.server}
    if not testable:
        st.caption("No model here supports a speed test.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model_id = st.selectbox(
            "Model to test",
            list(testable),
            format_func=lambda item: visible(testable[item].name),
            key="speed_model",
            width=320,
        )
        taken = lab.runs.current_id() is not None or lab.lora.current_id() is not None
        st.button(
            "Test its speed",
            icon=":material/speed:",
            key="speed_start",
            disabled=taken,
            on_click=lab.models.speed_tests.start,
            args=(model_id,),
            help="Loads the model from scratch and lets it answer for ten seconds. Saved until the next test.",
        )
    if taken:
        st.caption("A run or a training job is using the machine; a speed test would not be reliable now.")
    test = lab.models.speed_tests.find(model_id)
    if test is None and not lab.models.speed_tests.kept():
        st.caption("No model has been tested on this machine yet.")
    is_running = test is not None and test.is_running
    st.fragment(_last_test, run_every=REFRESH_S if is_running else None)(lab, model_id, was_running=is_running)
    _kept(lab, models)


def _last_test(lab: Lab, model_id: str, *, was_running: bool) -> None:
    test = lab.models.speed_tests.find(model_id)
    if test is None:
        return
    if test.is_running != was_running:
        st.rerun()
    if test.is_running:
        progress = test.progress
        left = f", {say.duration(progress.left_s)} left" if progress and progress.left_s is not None else ""
        st.progress(progress.fraction if progress else 0.0, text=f"{progress.stage if progress else 'Starting'}{left}")
        st.button("Stop", icon=":material/stop_circle:", key="speed_stop", on_click=test.cancel)
    elif test.error is not None:
        st.error(f"{plain(test.error.what)}  \n{plain(test.error.fix)}", icon=":material/error:")


def _kept(lab: Lab, models: list[ModelFacts]) -> None:
    kept = lab.models.speed_tests.kept()
    if not kept:
        return
    digests: dict[str, str] = {}
    for model in models:
        try:
            digests[lab.models.get(model.id).digest] = inert(model.name)
        except AdaptLabError:
            continue
    frame = speeds_frame(kept, digests)
    if frame.is_empty():
        return
    show_table(frame, column_config=_COLUMNS, key="speeds")


def speeds_frame(kept: Mapping[str, Speed], names: Mapping[str, str]) -> pl.DataFrame:
    """Return the saved tests of the models that are here, `names` by digest, the fastest at reading first."""
    rows = [
        {
            "Model": names[digest],
            "Reads": speed.prefill_tokens_per_s,
            "Writes": speed.decode_tokens_per_s,
            "Loads in": say.duration(speed.load_s),
            "Peak memory": say.size(speed.peak_rss_bytes),
            "Measured on": f"{say.number(speed.answers)} answers, prompts of {say.number(speed.prompt_tokens)} tokens",
            "When": say.when(speed.measured_at),
        }
        for digest, speed in kept.items()
        if digest in names
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame if frame.is_empty() else frame.sort("Reads", descending=True)


_COLUMNS = {
    "Reads": st.column_config.NumberColumn(
        "Reads (tokens/s)",
        format="%.0f",
        help="Prompt tokens read per second (prefill); this dominates the time of short answers.",
    ),
    "Writes": st.column_config.NumberColumn(
        "Writes (tokens/s)",
        format="%.0f",
        help="Answer tokens written per second (decode); this dominates the time of long answers.",
    ),
    "Loads in": st.column_config.TextColumn(help="Seconds until the model can answer; the file may have been cached."),
    "Peak memory": st.column_config.TextColumn(help="Peak resident memory of the process that held the model."),
}
