"""Kept runs on screen: those to reopen, what to say of one that is not whole, and what a link to none leads to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl
import streamlit as st

from components.ui import state
from components.ui.text import inert, plain
from engine.analysis.basis.wholeness import answers_in_words
from engine.analysis.marks import imported_sentence
from engine.core.limits import Limits
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.standing import RunState, is_comparison, state_of
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.metrics import wording as say
from engine.metrics.marks import Mark
from engine.services.lab import Lab
from engine.services.recorded import SAMPLE
from engine.studies.study_runs import aside_in_words

RECENT = 8
_UNFINISHED = {
    RunState.RUNNING: "This run is still going: the figures cover the rows so far.",
    RunState.STOPPED: "This run was stopped: the figures cover only the rows that it answered.",
    RunState.FAILED: "This run failed before its end: the figures cover only the rows that it answered.",
    RunState.INTERRUPTED: "This run was interrupted: the figures cover only the rows that it answered.",
}


def past_runs(lab: Lab) -> None:
    """Show the last few comparisons to reopen, or what to do when there are none."""
    runs = [run for run in lab.runs.list() if run.purpose is Purpose.COMPARISON]
    if not runs:
        with st.container(border=True):
            st.markdown("**No run yet**")
            st.markdown(
                "Press **Run**: the variants answer the task's rows here, taking turns, and you watch quality, "
                "latency and cost come in. Nothing has to be downloaded. Every row is saved at once, "
                "so you can stop at any time and resume later."
            )
        return
    going_on = lab.runs.current_id()
    if going_on:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("A run is in progress.", width="content")
            st.button("Show it", key="show_current", on_click=state.show_run, args=(going_on,))
    st.markdown("**Recent runs**")
    run_buttons(runs[:RECENT], going_on)


def run_buttons(runs: Sequence[RunInfo], running_id: str | None) -> None:
    """Show runs as buttons, each over its whole width, that open them on this page."""
    for run in runs:
        st.button(
            plain(entry(run, running_id)),
            key=f"open_{run.run_id}",
            type="tertiary",
            icon=":material/arrow_forward:",
            on_click=state.show_run,
            args=(run.run_id,),
        )


def entry(run: RunInfo, running_id: str | None = None) -> str:
    """Name a run in a list to choose from, with how whole it is."""
    when = "Recorded run" if run.run_id == SAMPLE else say.when(run.started_at)
    if run.imported and run.run_id != SAMPLE:
        when += f" · {Mark.IMPORTED.sign}"
    aside = "" if is_comparison(run) else f" · {run.purpose if run.purpose is not Purpose.COMPARISON else run.split}"
    return f"{when} · {run.task_id}{aside} · {answers_in_words(run, running_id)} · {run.model_id}"


def caveats(run: RunInfo, running_id: str | None, *, unfinished: bool = True) -> None:
    """Say above a run's figures what keeps them from being its task's verdict; nothing where nothing does.

    Without `unfinished` not that it has not answered all rows.
    """
    if run.run_id == SAMPLE:
        st.info("Recorded run: a real one, which ships with the app.", icon=":material/history:")
    elif imported := imported_sentence(imported=run.imported, rescored=run.rescored):
        st.info(plain(imported), icon=":material/move_to_inbox:")
    if aside := aside_in_words(run):
        st.warning(plain(aside), icon=":material/alt_route:")
    if unfinished and (told := _UNFINISHED.get(state_of(run, running_id))):
        st.warning(
            plain(f"{told} {answers_in_words(run, running_id).capitalize()}."),
            icon=":material/incomplete_circle:",
        )


def memo_button(lab: Lab, run_id: str, limits: Limits, *, form: str = "html") -> None:
    """Offer a run's memo as one file; it is written when the button is pressed."""
    html = form == "html"
    st.download_button(
        "Download memo" if html else "as Markdown",
        partial(lab.exports.memo, run_id, limits, form=form),
        file_name=f"memo-{run_id}.{form}",
        mime="text/html" if html else "text/markdown",
        icon=":material/download:" if html else None,
        type="secondary" if html else "tertiary",
        on_click="ignore",
        key=f"memo_{form}",
        help="One file that works offline and can be printed; generated when you click."
        if html
        else "The same in Markdown, without charts.",
    )


def missing_run(lab: Lab, asked: str | None, title: str, *, with_answers: bool = True) -> bool:
    """Show a page of its own where the run that was asked for is not here; tell whether it did.

    With `with_answers`, also where the run has none yet.
    """
    if not asked or asked == SAMPLE:
        return False
    runs = lab.runs.list()
    found = next((run for run in runs if run.run_id == asked), None)
    if found is not None and (found.rows_done or not with_answers):
        return False
    st.title(title, anchor=False)
    if found is None:
        st.warning(plain(f"There is no run '{asked}' here."), icon=":material/search_off:")
        st.caption("It may have been deleted, or made on another machine.")
    else:
        told = answers_in_words(found, lab.runs.current_id())
        st.warning(plain(f"There is nothing to show for run {asked}: {told}."), icon=":material/search_off:")
    sample = lab.results.sample_info()
    able = [run for run in runs if run.purpose is Purpose.COMPARISON and run.rows_done][:RECENT]
    offered = [*able, *([sample] if sample else [])]
    if offered:
        st.markdown("**Runs that can be opened here**")
        run_buttons(offered, lab.runs.current_id())
    if st.button("Set up a comparison", icon=":material/play_circle:", key="missing_set_up"):
        state.set_up()
        st.switch_page("pages/compare/run.py")
    return True


def runs_frame(runs: Sequence[RunInfo], running_id: str | None) -> pl.DataFrame:
    """Return saved runs as a table, newest first."""
    return pl.DataFrame(
        [
            {
                "Started": say.when(run.started_at),
                "Task": inert(run.task_id),
                "Model": inert(run.model_id),
                "Variants": ", ".join(label(Technique(name)) for name in run.techniques if name in set(TECHNIQUES)),
                "Seed": run.seed,
                "Answers": answers_in_words(run, running_id) + (f", {Mark.IMPORTED.sign}" if run.imported else ""),
                "Done": 100 * run.rows_done // max(run.rows_total, 1),
                "Note": inert(run.note).replace("\n", " "),
                "Run": run.run_id,
            }
            for run in runs
        ]
    )
