"""The report's tables as polars frames, and how their columns are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import streamlit as st

from components.ui.text import duration, money, percent, plain, seconds, size, visible
from engine.analysis.report import Report
from engine.core.interval import Interval
from engine.metrics.confusion import ClassFigures


def metrics_frame(report: Report) -> pl.DataFrame:
    """Return one row per variant with every figure and its interval, as written on screen."""
    rows = [
        {
            "Variant": visible(item.name),
            "Quality": percent(item.quality.value),
            "95 %": _ends(item.quality),
            **{
                name.replace("_", " ").capitalize(): f"{percent(value.value)} ({_ends(value)})"
                for name, value in item.scores.items()
                if name != report.metric
            },
            "First token": _seconds(item.ttft_p50_s),
            "p50": _seconds(item.total_p50_s),
            "p95": _seconds(item.total_p95_s),
            "p95, 95 %": _span(item.total_p95_s),
            "Tokens in / out": f"{item.prompt_tokens:.0f} / {item.completion_tokens:.1f}",
            "Per 1,000 (est.)": f"{money(item.cost_usd_per_1k.value)}",
            "Per 1,000, 95 %": f"{money(item.cost_usd_per_1k.low)} to {money(item.cost_usd_per_1k.high)}",
            "One-off": duration(item.prepare_s),
            "Peak memory": size(item.peak_rss_bytes),
            "Failed": item.failed,
        }
        for item in report.figures
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


METRICS_HELP = {
    "Quality": "Mean primary score over all rows; a failed row counts as wrong.",
    "95 %": "95 % interval of the quality, in percent: Wilson's for right and wrong, else the bootstrap's.",
    "First token": "Median seconds from the start of a row, retrieval included, to the first token.",
    "p50": "Median seconds to the whole answer.",
    "p95": "95 of 100 answers were complete within this time.",
    "p95, 95 %": "95 % interval of the p95.",
    "Tokens in / out": "Mean tokens of a prompt and of an answer.",
    "Per 1,000 (est.)": "Estimated cost of 1,000 answers: this machine's time and electricity.",
    "Per 1,000, 95 %": "95 % interval of that cost, from row to row.",
    "One-off": "Seconds spent once before the first answer: training, indexing, fitting.",
    "Peak memory": "Most resident memory of the workers that served it.",
    "Failed": "Rows without an answer; they count as wrong.",
}


def show_metrics(report: Report) -> None:
    """Show the table of all figures."""
    frame = metrics_frame(report)
    columns: dict[str, Any] = {
        name: st.column_config.TextColumn(name, help=text, alignment="right") for name, text in METRICS_HELP.items()
    }
    columns["Failed"] = st.column_config.NumberColumn("Failed", help=METRICS_HELP["Failed"])
    columns["Variant"] = st.column_config.TextColumn("Variant", pinned=True)
    st.dataframe(frame, column_config=columns, hide_index=True, width="stretch", key="report_metrics")


def pairs_frame(report: Report) -> pl.DataFrame:
    """Return one row per pair of variants."""
    return pl.DataFrame(
        [
            {
                "Pair": f"{visible(report.of(item.first).name)} \N{MINUS SIGN} {visible(report.of(item.second).name)}",
                "Points": item.effect.value * 100,
                "95 % low": item.effect.low * 100,
                "95 % high": item.effect.high * 100,
                "First alone right": item.only_first,
                "Second alone right": item.only_second,
                "p": item.p_value,
                "p (Holm)": item.p_holm,
                "Told apart": "yes" if item.told_apart else "not yet",
                "More rows": item.rows_to_settle,
                "Rows": item.rows,
            }
            for item in report.differences
        ],
        schema_overrides={"More rows": pl.Int64},
    )


def show_pairs(report: Report) -> None:
    """Show every pair with its test."""
    if not report.differences:
        st.caption("One variant alone has no pair.")
        return
    number = st.column_config.NumberColumn
    st.dataframe(
        pairs_frame(report),
        column_config={
            "Points": number(format="%+.1f", help="Mean score of the first minus the second, in points."),
            "95 % low": number(format="%+.1f", help="Lower end of the difference's 95 % interval."),
            "95 % high": number(format="%+.1f", help="Upper end of the difference's 95 % interval."),
            "First alone right": number(help="Rows that the first gets right and the second does not."),
            "Second alone right": number(help="Rows that the second gets right and the first does not."),
            "p": number(format="%.4f", help="How often chance alone would show such a gap between equals."),
            "p (Holm)": number(format="%.4f", help="The same, corrected for the number of pairs; under 0.05 counts."),
            "More rows": number(
                format="localized", help="About how many further rows would tell them apart, were the gap seen true."
            ),
        },
        hide_index=True,
        width="stretch",
        key="report_pairs",
    )
    tests = sorted({item.test for item in report.differences})
    st.caption(
        plain(f"Tested on the same rows: {', '.join(tests)}; {len(report.differences)} pairs, Holm's correction.")
    )


def classes_frame(classes: Sequence[ClassFigures]) -> pl.DataFrame:
    """Return one row per class with its intervals as written on screen."""
    return pl.DataFrame(
        [
            {
                "Class": visible(item.label),
                "Rows": item.rows,
                "Precision": _with_ends(item.precision),
                "Recall": _with_ends(item.recall),
                "F1": _with_ends(item.f1),
            }
            for item in classes
        ]
    )


def _with_ends(value: Interval | None) -> str:
    return "\N{EN DASH}" if value is None else f"{percent(value.value)} ({_ends(value)})"


def _ends(value: Interval) -> str:
    return f"{value.low * 100:.0f} to {value.high * 100:.0f}"


def _seconds(value: Interval | None) -> str:
    return seconds(None if value is None else value.value)


def _span(value: Interval | None) -> str:
    return seconds(None) if value is None else f"{seconds(value.low)} to {seconds(value.high)}"
