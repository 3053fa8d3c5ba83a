"""Compare, Present: a finished run in five steps, for a projector. No menu; keys or buttons change the step."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components.present.race_view import left_out, race_view
from components.present.slides import STEPS, rivals_slide, slide_remarks, task_slide, verdict_slide, with_remarks
from components.ui import state
from components.ui.errors import fault
from components.ui.lane_view import lanes_frame
from components.ui.limits_form import limits_form
from components.ui.run_data import info_so_far, known_task, report_of, where
from components.ui.run_list import missing_run
from components.ui.text import plain
from components.widgets.parts import keys, race, slide
from components.widgets.shortcut_list import shortcuts
from components.widgets.tables import show_table
from components.widgets.tradeoff import SLIDE_PX, costs_in_words, live_tradeoff
from engine.core.errors import AdaptLabError
from engine.core.run.standing import choose_run, is_comparison
from engine.services.recorded import SAMPLE

MOVES = {
    "ArrowRight": "next", "PageDown": "next", "n": "next",
    "ArrowLeft": "back", "PageUp": "back", "p": "back",
    "Home": "1", "End": str(len(STEPS)), "Escape": "leave",
} | {str(number): str(number) for number in range(1, len(STEPS) + 1)}  # fmt: skip

lab = state.lab()
run_id = st.query_params.get(state.RUN_ID) or st.query_params.get(state.PRESENTED) or state.asked_run()
if missing_run(lab, run_id, "Present"):
    st.stop()
if run_id is None:
    chosen = choose_run(lab.runs.list(), or_else=lab.results.sample_info())
    run_id = chosen.run_id if chosen else ""
try:
    manifest, snapshot = lab.results.manifest(run_id), lab.runs.snapshot(run_id)
except AdaptLabError as error:
    st.title("Present", anchor=False)
    st.info("There is no finished run to present yet.", icon=":material/slideshow:")
    if run_id:
        fault(error)
    st.page_link("pages/compare/run.py", label="Set up a comparison", icon=":material/play_circle:")
    st.stop()
if st.session_state.pop(state.LEAVING, False):
    state.leave_presentation(run_id)
st.query_params[state.PRESENTED] = run_id
task = known_task(lab, manifest.plan.task_id)

info = info_so_far(lab, run_id, snapshot.rows_done)
marked = partial(with_remarks, remarks=slide_remarks(info, lab.runs.current_id()), is_sample=run_id == SAMPLE)
step = state.present_step(len(STEPS))
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.button("Exit", icon=":material/close:", on_click=state.mark_leaving, key="present_leave")
    st.segmented_control(
        "Step",
        list(range(1, len(STEPS) + 1)),
        format_func=lambda number: f"{number} {STEPS[number - 1]}",
        default=step,
        key=state.steps_key(step),
        label_visibility="collapsed",
        on_change=state.jump_presentation,
        args=(state.steps_key(step), len(STEPS)),
    )
    with st.container(horizontal=True, width="content"):
        st.button(
            "Back", icon=":material/arrow_back:", disabled=step == 1, on_click=state.move_presentation,
            args=("back", len(STEPS)), key="present_back",
        )  # fmt: skip
        st.button(
            "Next", icon=":material/arrow_forward:", disabled=step == len(STEPS), type="primary",
            on_click=state.move_presentation, args=("next", len(STEPS)), key="present_next",
        )  # fmt: skip

# The keys come before what they move, though they stand below it: they keep their place from step to step, so that no
# key is lost while a step is drawn, and a step that is left is not drawn once more.
screen = st.container()
pressed = keys(MOVES, hint="← → change the step · 1 to 5 jump · Esc exits · ? all keys", key="present_keys")
shortcuts(key="present_shortcuts")
if pressed == "leave":
    state.leave_presentation(run_id)
elif pressed is not None:
    state.move_presentation(pressed, len(STEPS))
    st.rerun()

with screen:
    if step == 1:
        slide(marked(task_slide(task, manifest)), key="present_task")
    elif step == 2:
        slide(marked(rivals_slide(snapshot, manifest)), key="present_rivals")
    elif step == 3:
        view = race_view(snapshot.lanes)
        headline = "Each variant at its recorded speed"
        slide(
            marked({"kicker": f"{STEPS[2]} · {where(manifest)}", "headline": headline, "blocks": []}),
            key="present_race_head",
        )
        race(view, key=f"present_race_{run_id}")
        if words := left_out(snapshot.lanes):
            st.caption(plain(words))
    elif step == 4:
        headline = f"Further left is faster, higher is better, larger means a higher {costs_in_words(snapshot)}"
        slide(marked({"kicker": STEPS[3], "headline": headline, "blocks": []}), key="present_tradeoff_head")
        live_tradeoff(snapshot, key=f"present_tradeoff_{run_id}", plot_px=SLIDE_PX, projected=True)
        with st.expander("The figures behind the chart", icon=":material/table:"):
            show_table(lanes_frame(snapshot.lanes), key="present_figures")
    else:
        slot = st.container()
        limits = limits_form()
        report = None
        if task is not None and snapshot.rows_done and is_comparison(info):
            report = report_of(lab, info, limits)
        with slot:
            shown = verdict_slide(snapshot, manifest, report)
            slide(marked(shown), key="present_verdict")
