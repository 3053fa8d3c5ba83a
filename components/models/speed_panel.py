"""Speed tests on the Models page: ten seconds a model, kept for this machine."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from components.ui.text import count, duration, plain, size, visible, when
from engine.core.errors import AdaptLabError
from engine.core.generation import ModelFacts
from engine.services.lab import Laboratory
from engine.services.speed_test import Speed

REFRESH_S = 0.5


def speed_panel(lab: Laboratory, models: list[ModelFacts]) -> None:
    """Let the user test a model's speed, and show what is kept."""
    st.header("Speed on this machine", anchor=False)
    testable = {model.id: model for model in models if model.parameters and not model.server}
    if not testable:
        st.caption("There is no model here whose speed could be tested.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model_id = st.selectbox(
            "Model to test",
            list(testable),
            format_func=lambda item: visible(testable[item].name),
            key="speed_model",
            width=320,
        )
        taken = lab.current_run_id() is not None or lab.trainings.current_id() is not None
        st.button(
            "Test its speed",
            icon=":material/speed:",
            key="speed_start",
            disabled=taken,
            on_click=lab.speed_tests.start,
            args=(model_id,),
            help="Loads the model anew and lets it answer for ten seconds. Kept until it is tested again.",
        )
    if taken:
        st.caption("A run or a training holds the machine; a speed test beside it would measure nothing.")
    errand, _ = lab.speed_tests.standing(model_id)
    goes_on = errand is not None and errand.goes_on
    st.fragment(_standing, run_every=REFRESH_S if goes_on else None)(lab, model_id, going_on=goes_on)
    _kept(lab, models)


def _standing(lab: Laboratory, model_id: str, *, going_on: bool) -> None:
    errand, progress = lab.speed_tests.standing(model_id)
    if errand is None:
        return
    if errand.goes_on != going_on:
        st.rerun()
    if errand.goes_on:
        left = f", {duration(progress.left_s)} left" if progress and progress.left_s is not None else ""
        st.progress(progress.fraction if progress else 0.0, text=f"{progress.stage if progress else 'Starting'}{left}")
        st.button("Stop", icon=":material/stop_circle:", key="speed_stop", on_click=errand.cancel)
    elif errand.status == "failed" and errand.error is not None:
        st.error(f"{plain(errand.error.what)}  \n{plain(errand.error.mend)}", icon=":material/error:")


def _kept(lab: Laboratory, models: list[ModelFacts]) -> None:
    kept = lab.speed_tests.kept()
    if not kept:
        st.caption("No model was tested on this machine yet.")
        return
    digests: dict[str, str] = {}
    for model in models:
        try:
            digests[lab.model(model.id).digest] = visible(model.name)
        except AdaptLabError:
            continue
    frame = speeds_frame(kept, digests)
    if frame.is_empty():
        return
    st.dataframe(frame, column_config=_COLUMNS, hide_index=True, width="stretch", key="speeds")


def speeds_frame(kept: Mapping[str, Speed], names: Mapping[str, str]) -> pl.DataFrame:
    """Return the kept tests of the models that are here, `names` by digest, fastest reader first."""
    rows = [
        {
            "Model": names[digest],
            "Reads": speed.prefill_tokens_per_s,
            "Writes": speed.decode_tokens_per_s,
            "Loads in": duration(speed.load_s),
            "Peak memory": size(speed.peak_rss_bytes),
            "Measured on": f"{count(speed.answers)} answers, prompts of {count(speed.prompt_tokens)} tokens",
            "When": when(speed.measured_at),
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
        help="Prefill: tokens of a prompt taken in per second; decides short answers.",
    ),
    "Writes": st.column_config.NumberColumn(
        "Writes (tokens/s)", format="%.0f", help="Decode: tokens of an answer written per second; decides long answers."
    ),
    "Loads in": st.column_config.TextColumn(help="Seconds until the model can answer, the file perhaps cached."),
    "Peak memory": st.column_config.TextColumn(help="Most resident memory of the process that held the model."),
}
