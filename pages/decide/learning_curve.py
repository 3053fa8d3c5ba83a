"""Decide, Learning curve: would more labels help, and which technique?"""

from __future__ import annotations

import streamlit as st

from components.studies.curve import curve_setup, points_frame
from components.studies.series_panel import series_panel
from components.ui import state
from components.ui.errors import fault
from components.ui.run_data import measured_of
from components.ui.text import plain
from components.widgets.chart_card import chart_card
from components.widgets.tables import show_table
from engine.core.errors import AdaptLabError
from engine.core.run.manifest import Purpose
from engine.metrics.marks import heading, with_sentences
from engine.studies.curve_charts import learning_chart
from engine.studies.learning_curve import curve_points, would_labels_help

lab = state.lab()
st.title("Learning curve", anchor=False)
st.caption("Quality as training rows grow, over several seeds: would more labels help, and which technique?")

try:
    chosen = curve_setup(lab)
    if chosen is None:
        st.stop()
    plans = lab.studies.learning_curve(
        task_id=chosen.task_id,
        model_id=chosen.model_id,
        techniques=chosen.techniques,
        sizes=chosen.sizes,
        draws=chosen.draws,
        test_rows=chosen.test_rows,
        decoding=chosen.decoding,
    )
    done = lab.studies.done(plans)
except AdaptLabError as error:
    fault(error)
    st.stop()

series_panel(lab, Purpose.LEARNING_CURVE, chosen.name, plans, missing=len(plans) - len(done))
if not done:
    st.info("Nothing has been measured for this choice yet.", icon=":material/show_chart:")
    st.stop()

points = curve_points([(plan, *measured_of(lab, info)) for plan, info in done])
for sentence in would_labels_help(points, chosen.techniques):
    st.markdown(f"* {plain(sentence.text)}")
chart_card(learning_chart(points, chosen.techniques), key="learning_curve", height=380)
marks = [point.mark for point in points]
show_table(
    points_frame(points),
    column_config={
        "Quality": st.column_config.TextColumn(
            heading("Quality", marks), help=with_sentences("Mean over the seeds.", marks)
        ),
        "95 %": st.column_config.TextColumn(
            help="Over seeds, by Student's t; over test rows with one seed, or where all seeds answered alike."
        ),
        "Each seed": st.column_config.TextColumn(help="Quality with each seed, which draws the training rows."),
    },
    width="content",
    key="curve_points",
)
st.caption("Few-shot shows the model at most the task's default number of rows, chosen from the training rows.")
