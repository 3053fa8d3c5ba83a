"""Decide, Report: what to choose, how sure that is, and the figures behind it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components.report.blame import blame_facets
from components.report.explorer import explorer
from components.report.parts import classes_part, confidence_part, draws_part, effort_part
from components.report.tables import show_metrics, show_pairs
from components.report.verdict_card import verdict_card
from components.ui import state
from components.ui.errors import fault
from components.ui.limits_form import limits_form
from components.ui.run_data import report_of, reported_run, table_of, tell_changes, tell_imported
from components.ui.text import plain
from components.widgets.chart_card import chart_card
from engine.analysis.report_charts import difference_grid, latency_chart
from engine.analysis.tradeoff import tradeoff_chart
from engine.core.errors import AdaptLabError

lab = state.lab()
title_cell, buttons = st.columns([3, 2], vertical_alignment="bottom")
title_cell.title("Report", anchor=False)

try:
    with buttons, st.container(horizontal=True, horizontal_alignment="right"):
        limits = limits_form()
        downloads = st.container(horizontal=True, width="content")
    info = reported_run(lab, key="report_run")
    if info is None:
        st.stop()
    if info.run_id == lab.runs.current_id():
        st.info("This run is still in progress: the figures cover the rows so far.", icon=":material/hourglass:")
    report = report_of(lab, info, limits)
except AdaptLabError as error:
    fault(error)
    st.stop()

with downloads:
    for form, mime in (("html", "text/html"), ("md", "text/markdown")):
        st.download_button(
            "Download memo" if form == "html" else "as Markdown",
            partial(lab.results.memo, info.run_id, limits, form=form),
            file_name=f"memo-{info.run_id}.{form}",
            mime=mime,
            icon=":material/download:" if form == "html" else None,
            type="secondary" if form == "html" else "tertiary",
            on_click="ignore",
            key=f"memo_{form}",
            help="One file that works offline and can be printed; generated when you click."
            if form == "html"
            else "The same in Markdown, without charts.",
        )

st.caption(
    plain(
        f"{report.task_title} · {len(report.plan.test_ids):,} test rows, {len(report.plan.train_ids):,} training "
        f"rows · seed {report.plan.seed}"
    )
)
tell_imported(info)
tell_changes(lab, info)
verdict_card(report.verdict)
left, right = st.columns([11, 10], gap="small")
with left:
    if any(item.total_p95_s is not None for item in report.figures):
        chart = tradeoff_chart(report.figures, report.origin, metric=report.quality_title, limits=report.limits)
        chart_card(chart, key="tradeoff", height=310)
    else:
        st.info("Throughput mode answers in batches: there are no latencies of single answers to draw.")
with right:
    if report.differences:
        chart_card(difference_grid(report), key="differences", height=310)
    else:
        st.caption("There is only one variant, so there is nothing to compare it with.")
show_metrics(report)

tabs = ["Rows that differ", "Every pair", "Classes", "Confidence", "Where the time goes", "Seeds"]
searched = ["Search"] if report.searches else []
rows_tab, pairs_tab, classes_tab, confidence_tab, time_tab, draws_tab, *search_tab = st.tabs(
    [*tabs, *searched], key="report_tab", on_change="rerun"
)
if rows_tab.open:
    with rows_tab:
        st.fragment(explorer)(lab, info, report, blame_facets(lab, info, report))
if pairs_tab.open:
    with pairs_tab:
        show_pairs(report)
if classes_tab.open:
    with classes_tab:
        classes_part(lab.tasks.get(report.plan.task_id), report, table_of(lab, info))
if confidence_tab.open:
    with confidence_tab:
        confidence_part(report, table_of(lab, info))
if time_tab.open:
    with time_tab:
        if any(item.latency is not None for item in report.figures):
            chart_card(latency_chart(report), key="latency_parts", height=60 + 44 * len(report.figures))
        else:
            st.caption("In throughput mode single answers have no latency.")
if draws_tab.open:
    with draws_tab:
        draws_part(lab, info, report)
for tab in search_tab:
    if tab.open:
        with tab:
            effort_part(report)
