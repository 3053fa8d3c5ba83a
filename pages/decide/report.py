"""Decide, Report: what to choose, how sure that is, and the figures behind it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components.report.error_causes import error_cause_facets
from components.report.more_rows import more_rows
from components.report.parts import classes_part, confidence_part, draws_part, effort_part
from components.report.tables import show_metrics, show_pairs
from components.report.verdict_card import verdict_card
from components.rows.of_run import rows_of_run
from components.ui import state
from components.ui.errors import fault, faults_told
from components.ui.limits_form import needs_form
from components.ui.run_data import report_of, reported_run, table_of, tell_changes
from components.ui.run_list import caveats, memo_button, missing_run
from components.ui.text import plain
from components.widgets.chart_card import chart_card
from engine.analysis.basis.wholeness import answers_in_words
from engine.analysis.report_charts import difference_grid, latency_chart
from engine.analysis.row_filter import Show
from engine.analysis.tradeoff import tradeoff_chart
from engine.core.errors import AdaptLabError
from engine.core.run.standing import NO_VERDICT, is_comparison, on_test_rows
from engine.metrics import wording as say

lab = state.lab()
if missing_run(lab, state.asked_run(), "Report"):
    st.stop()
title_cell, buttons = st.columns([3, 2], vertical_alignment="bottom")
title_cell.title("Report", anchor=False)

try:
    with buttons, st.container(horizontal=True, horizontal_alignment="right"):
        downloads = st.container(horizontal=True, width="content")
    info = reported_run(lab, key="report_run")
    if info is None:
        st.stop()
    caveats(info, lab.runs.current_id())
    head, needs = st.container(gap="small"), st.container()
    with needs:
        limits = needs_form()
    report = report_of(lab, info, limits)
except AdaptLabError as error:
    fault(error)
    st.stop()

with downloads:
    for form in ("html", "md"):
        memo_button(lab, info.run_id, limits, form=form)

with head:
    st.caption(
        plain(
            f"{report.task_title} · "
            f"{say.counted(len(report.plan.test_ids), 'test row' if on_test_rows(info) else 'row')}, "
            f"{answers_in_words(info, lab.runs.current_id())} · "
            f"{say.counted(len(report.plan.train_ids), 'training row')} · seed {report.plan.seed}"
            + (
                f" · embedder{'s'[: len(report.embedders) - 1]} {say.listed(report.embedders)}"
                if report.embedders
                else ""
            )
        )
    )
    tell_changes(lab, info)
    if is_comparison(info):
        verdict_card(
            report.verdict,
            partial(more_rows, lab, info, report.verdict.rows_needed),
            compared=len(report.figures) > 1,
        )
    else:
        st.markdown(NO_VERDICT)
left, right = st.columns([11, 10], gap="small")
with left:
    if any(item.total_p95_s is not None for item in report.figures):
        chart = tradeoff_chart(
            report.figures,
            report.origin,
            metric=report.quality_title,
            limits=report.limits,
            differences=report.differences,
        )
        chart_card(chart, key="tradeoff", height=310)
    else:
        st.info("Throughput mode answers in batches: there are no latencies of single answers to draw.")
with right:
    if report.differences:
        chart_card(difference_grid(report), key="differences", height=310)
    else:
        st.caption("There is only one variant, so there is nothing to compare it with.")
show_metrics(report)

tabs = ["Rows", "Every pair", "Classes", "Confidence", "Where the time goes", "Seeds"]
searched = ["Search for settings"] if report.searches else []
rows_tab, pairs_tab, classes_tab, confidence_tab, time_tab, draws_tab, *search_tab = st.tabs(
    [*tabs, *searched], key="report_tab", on_change="rerun"
)
if rows_tab.open:
    with rows_tab:
        st.fragment(faults_told(rows_of_run))(
            lab,
            info,
            key="report_rows",
            first=Show.DISAGREE,
            opened_key=state.REPORT_ROW,
            extra=error_cause_facets(lab, info, report),
        )
if pairs_tab.open:
    with pairs_tab:
        show_pairs(report)
if classes_tab.open:
    with classes_tab:
        classes_part(lab.tasks.get(report.plan.task_id), report, table_of(lab, info))
if confidence_tab.open:
    with confidence_tab:
        confidence_part(lab.tasks.get(report.plan.task_id), report, table_of(lab, info))
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
