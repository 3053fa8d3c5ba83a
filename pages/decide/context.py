"""Decide, Context: what more passages gain and cost, and whether the supporting one gets lost among them."""

from __future__ import annotations

import streamlit as st

from components.studies.context import context_setup, figures_of
from components.studies.series_panel import series_panel
from components.ui import state
from components.ui.errors import fault
from components.ui.run_data import table_of
from components.ui.text import plain
from components.widgets.chart_card import chart_card
from engine.core.errors import AdaptLabError
from engine.core.run.manifest import Purpose
from engine.studies.context import number_words, place_gaps, place_words
from engine.studies.context_charts import number_chart, place_chart

lab = state.lab()
st.title("Context", anchor=False)
st.caption("Quality and latency as the number of passages grows, and as the passage with the answer moves.")
try:
    chosen = context_setup(lab)
    if chosen is None:
        st.stop()
    numbers = lab.studies.passages(
        task_id=chosen.task_id,
        model_id=chosen.model_id,
        sizes=chosen.sizes,
        rows=chosen.rows,
        decoding=chosen.decoding,
    )
    places = (
        lab.studies.places(
            task_id=chosen.task_id,
            model_id=chosen.model_id,
            passages=chosen.passages,
            rows=chosen.rows,
            decoding=chosen.decoding,
        )
        if chosen.marked
        else {}
    )
    plans = [*numbers.values(), *places.values()]
    done = {plan.run_id: run for plan, run in lab.studies.done(plans)}
    series_panel(lab, Purpose.CONTEXT, chosen.name, plans, missing=len(plans) - len(done))
    by_number = {size: done[plan.run_id] for size, plan in numbers.items() if plan.run_id in done}
    by_place = {place: done[plan.run_id] for place, plan in places.items() if plan.run_id in done}
    if not done:
        st.info("Nothing has been measured for this choice yet.", icon=":material/article:")
        st.stop()
    sized = {size: figures_of(lab, info) for size, info in by_number.items()}
    placed = {place: figures_of(lab, info) for place, info in by_place.items()}
    gaps = place_gaps({place: table_of(lab, info) for place, info in by_place.items()})
except AdaptLabError as error:
    fault(error)
    st.stop()

if sized:
    st.markdown(f"* {plain(number_words(sized).text)}")
if len(placed) > 1:
    st.markdown(f"* {plain(place_words(gaps, chosen.passages).text)}")
first, second, third = st.columns(3, gap="small")
with first:
    if sized:
        chart_card(number_chart(sized, latency=False), key="context_quality", height=300)
with second:
    if sized and any(item.total_p50_s for item, _origin in sized.values()):
        chart_card(number_chart(sized, latency=True), key="context_latency", height=300)
with third:
    if placed:
        chart_card(place_chart(placed, chosen.passages), key="context_place", height=300)
if not chosen.marked:
    st.caption("No test row of this task marks the passage that supports it, so its position cannot be varied.")
