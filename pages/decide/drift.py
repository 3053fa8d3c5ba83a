"""Decide, Drift: the same variants on other rows and on the same rows with noisy input; which degrade?"""

from __future__ import annotations

import polars as pl
import streamlit as st

from components.studies.series_panel import series_panel
from components.ui import state
from components.ui.errors import fault
from components.ui.run_data import measured_of, plan_of, reported_run
from components.ui.run_list import caveats
from components.ui.text import plain, visible
from components.widgets.chart_card import chart_card
from components.widgets.differences import difference_columns
from components.widgets.tables import show_table
from engine.core.errors import AdaptLabError
from engine.core.run.manifest import Purpose
from engine.metrics import wording as say
from engine.services.models import model_changed_since
from engine.services.tasks import changed_since
from engine.studies.drift import (
    before_in_words,
    drift_changes,
    drift_chart,
    left_out_in_words,
    rows_in_words,
    who_breaks,
)

lab = state.lab()
title_cell, run_cell = st.columns([1, 2], vertical_alignment="bottom")
title_cell.title("Drift", anchor=False)
st.caption(
    "The variants of a run, unchanged, on the task's drift rows and on the same rows with noisy input (typos, changed "
    "case, shuffled clauses): which variants degrade?"
)
try:
    with run_cell:
        info = reported_run(lab, key=state.DRIFT_RUN, comparisons_only=True)
    if info is None:
        st.stop()
    caveats(info, lab.runs.current_id())
    if lab.results.is_outdated(info.run_id):
        raise changed_since(info.task_id, info.run_id)
    if lab.models.has_changed(lab.results.manifest(info.run_id)):
        raise model_changed_since(lab.models.get(info.model_id), info.run_id)
    base = plan_of(lab, info)
    plans = lab.studies.drift(base)
    if aside := left_out_in_words(lab.tasks.get(base.task_id), base.test_ids):
        st.caption(aside)
    finished = {plan.run_id: run for plan, run in lab.studies.done(list(plans.values()))}
    done = {kind: finished[plan.run_id] for kind, plan in plans.items() if plan.run_id in finished}
    series_panel(
        lab,
        Purpose.DRIFT,
        f"drift of {info.run_id}",
        list(plans.values()),
        missing=len(plans) - len(done),
        studied_run=info.run_id,
    )
    if not done:
        st.info("Nothing has been measured for this run yet.", icon=":material/trending_down:")
        st.stop()
    measured = {kind: measured_of(lab, run) for kind, run in done.items()}
    changes = drift_changes(base, measured_of(lab, info), measured)
except AdaptLabError as error:
    fault(error)
    st.stop()

for sentence in who_breaks(changes):
    st.markdown(f"* {plain(sentence.text)}")
chart_card(drift_chart(base, changes), key="drift_chart", height=380)
show_table(
    pl.DataFrame(
        [
            {
                "Variant": visible(change.name),
                "Rows": rows_in_words(change),
                before_in_words("Before", changes): say.share(change.before),
                "After": say.share(change.after),
                "Change": change.change.value * 100,
                "95 % low": change.change.low * 100,
                "95 % high": change.change.high * 100,
                "p (Holm)": change.p_holm,
                "Degrades": "yes" if change.breaks else "",
                "Number": change.rows,
                "Compared": "same rows" if change.paired else "other rows",
            }
            for change in changes
        ]
    ),
    column_config={
        "Change": st.column_config.NumberColumn(format="%+.1f points", help="Quality after minus before."),
        **difference_columns("change"),
        "Degrades": st.column_config.TextColumn(help="Whether the loss is significant at the 5 % level."),
        "Compared": st.column_config.TextColumn(help="Same rows are compared in pairs, others as two samples."),
    },
    key="drift_table",
)
