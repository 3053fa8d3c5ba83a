"""What searching for settings found, on screen: curves, a table, and a sentence for each technique."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from components.ui.text import plain, visible
from engine.analysis.basis.effort_charts import effort_chart, expected_chart
from engine.analysis.basis.efforts import ABOUT, effort_rows, effort_sentences
from engine.charts.chart import Chart
from engine.core.run.effort import Search
from engine.metrics import wording as say


def effort_charts(searches: Mapping[str, Search]) -> tuple[Chart, Chart]:
    """Return the curves over seconds and over settings."""
    return effort_chart(searches), expected_chart(searches)


def effort_frame(searches: Mapping[str, Search]) -> pl.DataFrame:
    """Return one row per technique."""
    return pl.DataFrame(
        [
            {
                "Technique": row.technique,
                "Settings": row.trials,
                "Answers": row.rows,
                "Trainings": row.trainings,
                "Search": say.duration(row.seconds),
                "Default": say.share(row.default_score),
                "Best other": say.share(row.best_score),
                "Used": visible(row.used),
                "Ended": row.ended,
            }
            for row in effort_rows(searches)
        ],
        infer_schema_length=None,
    )


def effort_words(searches: Mapping[str, Search]) -> None:
    """Say how settings are judged, and what each search came to."""
    for sentence in (ABOUT, *effort_sentences(searches)):
        st.markdown(plain(sentence))
