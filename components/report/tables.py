"""The report's tables as polars frames, and how their columns are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import polars as pl
import streamlit as st

from components.ui.text import inert, plain, visible
from components.widgets.differences import difference_columns
from components.widgets.tables import wide_table
from engine.analysis.basis.choices import ABOUT, choice_sentences
from engine.analysis.figures import VariantFigures
from engine.analysis.marks import EXPLAINED, FigureName
from engine.analysis.report import Report
from engine.core.interval import Interval
from engine.metrics import wording as say
from engine.metrics.confusion import ClassFigures
from engine.metrics.marks import cell, heading, legend, with_sentences
from engine.metrics.scoring import RULE


class _Metric(NamedTuple):
    """A column of the table of all figures."""

    figure: FigureName
    """Whose mark it carries."""
    write: Callable[[VariantFigures], str]
    about: str


_F = FigureName
_QUALITY = {
    "Quality": _Metric(
        _F.QUALITY,
        lambda item: say.share(item.quality),
        "Mean primary score over all rows; a failed row counts as wrong.",
    ),
    "95 %": _Metric(
        _F.QUALITY,
        lambda item: say.ends(item.quality),
        "95 % interval of the quality, in percent: Wilson's for right/wrong scores, Student's t for other means, the "
        "bootstrap's for scores of a whole run.",
    ),
}
_OTHERS = {
    "First word": _Metric(
        _F.TTFT,
        lambda item: say.seconds(item.ttft_p50_s),
        "Median seconds from the start of a row, retrieval included, to the first token.",
    ),
    "p50": _Metric(_F.TOTAL, lambda item: say.seconds(item.total_p50_s), "Median seconds to the whole answer."),
    "p95": _Metric(_F.TOTAL, lambda item: say.seconds(item.total_p95_s), EXPLAINED[_F.TOTAL]),
    "p95, 95 %": _Metric(
        _F.TOTAL,
        lambda item: say.p95_ends(item.total_p95_s, item.timed_rows),
        "95 % interval of the p95; with too few rows it has no upper end.",
    ),
    "Tokens in / out": _Metric(
        _F.TOKENS,
        lambda item: say.tokens(item.prompt_tokens, item.completion_tokens),
        "Mean tokens of a prompt and of an answer.",
    ),
    "Per 1,000": _Metric(
        _F.COST,
        lambda item: say.money(item.cost_usd_per_1k),
        EXPLAINED[_F.COST],
    ),
    "Per 1,000, 95 %": _Metric(
        _F.COST,
        lambda item: say.money_ends(item.cost_interval_usd_per_1k),
        "95 % interval of that cost, from its variation between rows.",
    ),
    "Energy per 1,000": _Metric(
        _F.ENERGY,
        lambda item: say.energy(item.energy_wh_per_1k),
        EXPLAINED[_F.ENERGY],
    ),
    "Set-up time": _Metric(
        _F.PREPARE,
        lambda item: say.duration(item.prepare_s),
        "Seconds spent once before the first answer: training, indexing, fitting, measuring the prior for labels.",
    ),
    "Peak memory": _Metric(
        _F.MEMORY,
        lambda item: say.size(item.peak_rss_bytes),
        "Peak resident memory of the worker processes that served this variant.",
    ),
}


_FIRST = ("Quality", "95 %", "p50", "p95", "Per 1,000", "Set-up time", "Peak memory")
"""What the table shows at first; the rest waits for "All figures"."""


def metrics_frame(report: Report) -> pl.DataFrame:
    """Return one row per variant with every figure and its interval, as written on screen, with their marks."""

    def cells(metrics: dict[str, _Metric], place: int) -> dict[str, str]:
        return {
            heading(title, marks): cell(one.write(report.figures[place]), marks[place], marks)
            for title, one in metrics.items()
            for marks in [report.marks(one.figure)]
        }

    unequal = len({item.rows for item in report.figures}) > 1
    rows = [
        {
            "Variant": visible(item.name),
            **cells(_QUALITY, place),
            **({"Rows": item.rows} if unequal else {}),
            **{
                heading(name.replace("_", " ").capitalize(), report.marks(FigureName.SCORES)): say.share_interval(value)
                for name, value in item.scores.items()
                if name != report.metric and not name.startswith(RULE)
            },
            **cells(_OTHERS, place),
            "Failed": item.failed,
        }
        for place, item in enumerate(report.figures)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def show_metrics(report: Report) -> None:
    """Show the table of all figures, and what its marks mean."""
    frame = metrics_frame(report)
    columns: dict[str, Any] = {}
    metrics = {**_QUALITY, **_OTHERS}
    for title, one in metrics.items():
        marks = report.marks(one.figure)
        about = with_sentences(one.about, marks)
        columns[heading(title, marks)] = st.column_config.TextColumn(help=about, alignment="right")
    columns["Failed"] = st.column_config.NumberColumn(help="Rows without an answer; they count as wrong.")
    titles = {title: heading(title, report.marks(one.figure)) for title, one in metrics.items()}
    failed = ("Failed",) if any(item.failed for item in report.figures) else ()
    wide_table(frame, first=[*failed, *(titles[title] for title in _FIRST)], columns=columns, key="report_metrics")
    if told := legend(mark for one in metrics.values() for mark in report.marks(one.figure)):
        st.caption(plain(told))
    if corrections := choice_sentences(report.figures):
        with st.expander("Examples and prior correction of each variant", icon=":material/balance:"):
            for sentence in (ABOUT, *corrections):
                st.markdown(plain(sentence))


def pairs_frame(report: Report) -> pl.DataFrame:
    """Return one row per pair of variants."""
    return pl.DataFrame(
        [
            {
                "Pair": f"{visible(report.of(item.first).name)} \N{MINUS SIGN} {visible(report.of(item.second).name)}",
                "Points": item.effect.value * 100,
                "95 % low": item.effect.low * 100,
                "95 % high": item.effect.high * 100,
                "Only first right": item.only_first,
                "Only second right": item.only_second,
                "p": item.p_value,
                "p (Holm)": item.p_holm,
                "Significant": "yes" if item.significant else "no",
                "Rows still needed": item.rows_to_settle,
                "Rows": item.rows,
            }
            for item in report.differences
        ],
        schema_overrides={"Rows still needed": pl.Int64},
    )


def show_pairs(report: Report) -> None:
    """Show every pair with its test."""
    if not report.differences:
        st.caption("There is only one variant, so there is no pair to compare.")
        return
    number = st.column_config.NumberColumn
    wide_table(
        pairs_frame(report),
        first=("Points", "95 % low", "95 % high", "p (Holm)", "Significant", "Rows still needed", "Rows"),
        columns={
            "Points": number(format="%+.1f", help="Mean score of the first minus the second, in points."),
            "Only first right": number(help="Rows that the first gets right and the second does not."),
            "Only second right": number(help="Rows that the second gets right and the first does not."),
            "p": number(
                format="%.4f", help="How often chance alone would show such a gap if both variants were equally good."
            ),
            **difference_columns("difference"),
        },
        key="report_pairs",
    )
    tests = sorted({item.test for item in report.differences})
    pairs = say.counted(len(report.differences), "pair")
    st.caption(
        plain(
            f"Tested on the same rows: {', '.join(tests)}; {pairs}, Holm's correction. "
            "The verdict tests only the best against its rivals."
        )
    )


def classes_frame(classes: Sequence[ClassFigures]) -> pl.DataFrame:
    """Return one row per class with its intervals as written on screen."""
    return pl.DataFrame(
        [
            {
                "Class": inert(item.label),
                "Rows": item.rows,
                "Precision": _with_ends(item.precision),
                "Recall": _with_ends(item.recall),
                "F1": _with_ends(item.f1),
            }
            for item in classes
        ]
    )


def _with_ends(value: Interval | None) -> str:
    return say.MISSING if value is None else say.share_interval(value)
