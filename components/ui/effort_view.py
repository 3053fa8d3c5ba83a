"""What searching for settings found, on screen: curves, a table, and a sentence for each technique."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from components.ui.text import plain, visible
from engine.analysis.basis.effort_charts import effort_chart, expected_chart
from engine.analysis.basis.efforts import ABOUT, effort_rows, effort_sentences, replay_sentence
from engine.analysis.snapshot import RunSnapshot
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
                "Rows": row.judged_rows,
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


def searching_frame(snapshot: RunSnapshot) -> pl.DataFrame:
    """Return one row per technique of a search under way: what it has found so far, and what it is doing now."""
    effort = snapshot.plan.effort
    budget = f" of {say.duration(effort.seconds)}" if effort is not None and effort.seconds is not None else ""
    lines = []
    for lane in snapshot.lanes:
        if not lane.variant.tuned:
            continue
        search = snapshot.searches.get(lane.variant.id, Search(technique=lane.variant.technique))
        (row,) = effort_rows({lane.variant.id: search})
        waits = "waits its turn" if snapshot.is_running else "stopped"
        trying = snapshot.is_running and lane.progress is not None
        lines.append(
            {
                "Technique": row.technique,
                "Settings": row.trials,
                "Default": say.share(row.default_score),
                "Best so far": say.share(row.best_so_far),
                "Search": f"{say.duration(row.seconds)}{budget}",
                "Now": visible(lane.progress.detail if trying and lane.progress else row.ended or waits),
            }
        )
    return pl.DataFrame(lines, infer_schema_length=None)


def effort_words(searches: Mapping[str, Search]) -> None:
    """Say how settings are judged, what each search came to, and how its trials are made again."""
    for sentence in (ABOUT, *effort_sentences(searches)):
        st.markdown(plain(sentence))
    if told := replay_sentence(searches):
        st.caption(plain(told))
