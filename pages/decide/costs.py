"""Decide, Costs: what each choice costs over its whole use, and from which volume on another is cheaper."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components.report.cost_forms import extra_form
from components.report.cost_tables import (
    aside_in_words,
    assumptions_json,
    break_even_frame,
    line_headings,
    lines_frame,
    uncompared,
)
from components.ui import state
from components.ui.errors import fault
from components.ui.limits_form import use_form
from components.ui.machine_form import machine_form
from components.ui.run_data import plan_of, report_of, reported_run
from components.ui.run_list import caveats, missing_run
from components.ui.text import plain
from components.widgets.chart_card import chart_card
from components.widgets.tables import show_table
from engine.analysis.costs.break_even import break_evens, choosable, price_table
from engine.analysis.costs.cost_charts import cost_chart
from engine.analysis.marks import FigureName, mark_of, price_marks
from engine.analysis.memo import closed_costs
from engine.analysis.verdict.limits import unknown_costs
from engine.core.errors import AdaptLabError
from engine.metrics.marks import legend, marked

lab = state.lab()
if missing_run(lab, state.asked_run(), "Costs"):
    st.stop()
title_cell, run_cell = st.columns([1, 2], vertical_alignment="bottom")
title_cell.title("Costs", anchor=False)
try:
    with run_cell:
        info = reported_run(lab, key="costs_run")
    if info is None:
        st.stop()
    caveats(info, lab.runs.current_id())
    plan = plan_of(lab, info)
    machine_cell, use_cell, extra_cell = st.columns(3, gap="small", border=True)
    with machine_cell:
        st.markdown("**This machine**")
        own_costs = plan.costs  # with other assumptions, which another run may have, the fields begin with these
        assumed = f"{own_costs.machine_usd_per_hour:g}_{own_costs.watts:g}_{own_costs.electricity_usd_per_kwh:g}"
        costs = machine_form(own_costs, key_prefix=f"costs_{assumed}_")
    with use_cell:
        st.markdown("**Usage**")
        limits = use_form()
    with extra_cell:
        st.markdown("**At closed APIs**")
        extra = extra_form()
    report = report_of(lab, info, limits, costs)
except AdaptLabError as error:
    fault(error)
    st.stop()

generating = {item.variant.id: item.name for item in report.figures if item.variant.generates}
closed = []
if generating:
    state.start_choice("costs_tokens_of", generating, next(iter(generating)))
    with extra_cell:
        chosen = st.selectbox(
            "Tokens of",
            list(generating),
            format_func=generating.__getitem__,
            key="costs_tokens_of",
            persist_state="session",
            help="The variant whose measured prompt and answer tokens are priced at closed APIs.",
        )
    closed = [
        next(line for line in priced if line.name == base.name)
        for base in closed_costs(report, variant_id=chosen)
        for priced in [closed_costs(report, variant_id=chosen, extra_tokens=extra.tokens(base.name))]
    ]
costed = [item for item in report.figures if item.cost.is_known]
local = [(item.cost, item.variant) for item in costed]
if why := unknown_costs([item for item in report.figures if not item.cost.is_known]):
    st.caption(plain(f"Not every cost is known: {why}."))
own = [line for line, _variant in local]
lines = [*own, *closed]
able = choosable(own, closed, limits)
points = break_evens(able, limits.months)
prices = price_marks(costed, report.origin, closed=len(closed))
named = line_headings(prices)

chart_card(cost_chart(local, closed, limits), key="cost_chart", height=380)
right_text = partial(st.column_config.TextColumn, alignment="right")
show_table(
    lines_frame(lines, limits),
    column_config={
        "Labelling": right_text(named["Labelling"], help="The labelled rows it learns from, paid once."),
        "Preparing": right_text(named["Preparing"], help="Training, indexing or fitting on this machine, paid once."),
        "Per 1,000": right_text(named["Per 1,000"], help="Running cost of 1,000 answers."),
        "Total": right_text(named["Total"], help="One-off and running costs, over the months and calls above."),
        "Capacity, calls a month": right_text(
            named["Capacity, calls a month"],
            help="How many calls this machine can answer in a month without a pause, one by one.",
        ),
        "Data leaves": st.column_config.TextColumn(help="Whether inputs are sent to another company."),
        "Price": st.column_config.TextColumn(help="Where the price per call comes from, with its date or version."),
    },
    key="cost_lines",
)
even = mark_of(FigureName.BREAK_EVEN)
if points:
    st.markdown("**Where the cheapest choice changes**")
    show_table(
        break_even_frame(points),
        column_config={
            "From, calls a month": right_text(marked("From, calls a month", even)),
            "Total at that volume": right_text(
                marked("Total at that volume", even), help="What both cost at that volume."
            ),
        },
        width="content",
        key="cost_points",
    )
else:
    st.caption(plain(uncompared(able) or "The same choice is cheapest at every volume."))
st.caption(
    plain(
        f"{legend(prices)} Prices are those of {price_table()}, without caching, and tokenizers differ. The quality of "
        "closed models was not measured."
    )
)
if closed and not limits.data_may_leave:
    st.caption(aside_in_words(own))
st.download_button(
    "Assumptions and totals",
    assumptions_json(info.run_id, costs, limits, extra, lines, points, prices),
    file_name=f"costs-{info.run_id}.json",
    mime="application/json",
    icon=":material/download:",
    on_click="ignore",
    key="costs_export",
)
