"""A finished run: the table of all figures, failures by kind, and the files to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from components.ui.text import plain
from components.widgets.tables import show_table, wide_table
from engine.analysis.marks import EXPLAINED, FigureName, marks_in_summary
from engine.metrics.marks import explained, heading, legend
from engine.metrics.retrieval import ErrorCause
from engine.services.exports import Exports

_FIRST = ("quality", "low", "high", "total_p50", "total_p95", "cost", "prepare")
SUMMARY = "summary.json"
FILES = ("run.json", "predictions.csv", "predictions.parquet", SUMMARY)
"""The files that a run is exported as; the terminal's `--out` writes the same."""
_MIME = {"json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def results(summary: Mapping[str, Any]) -> None:
    """Show the table of a run's figures, with failures by kind below it."""
    variants = summary["variants"]
    st.header("Results", anchor=False)
    metric = variants[0]["quality"]["metric"] if variants else "quality"
    wide_table(
        results_frame(variants),
        first=[*(["failed"] if any(variant["n_failed"] for variant in variants) else []), *_FIRST],
        columns=_columns(metric, variants),
        key="results",
    )
    if told := legend(mark for figure, *_words in _FIGURES.values() for mark in marks_in_summary(variants, figure)):
        st.caption(plain(told))
    others = scores_frame(variants, metric)
    if others.width > 1:
        title = heading("Other scores, in percent", marks_in_summary(variants, FigureName.SCORES))
        st.markdown(f"**{plain(title)}**")
        show_table(others, column_config=_numbers(others, "%.1f"), width="content", key="scores")
    retrieval = retrieval_frame(variants)
    if retrieval.height:
        retrieval_marks = marks_in_summary(variants, FigureName.RETRIEVAL_QUALITY)
        st.markdown(
            f"**{plain(heading('Retrieval quality and causes of wrong answers', retrieval_marks))}**",
            help="Measured against the passages that are marked as containing the answer.",
        )
        show_table(retrieval, column_config=_RETRIEVAL, width="content", key="retrieval")
    closed = closed_frame(variants)
    if closed.width > 1:
        title = heading(
            "The same tokens at closed APIs, ¢ per 1,000", marks_in_summary(variants, FigureName.CLOSED_COST)
        )
        st.markdown(f"**{plain(title)}**", help="List prices; their tokenizers differ.")
        show_table(closed, column_config=_numbers(closed, "%.2f"), width="content", key="closed")
    failures = failures_frame(variants)
    if failures.height:
        st.markdown("**Failures by kind**")
        show_table(failures, width="content", key="failures")


def results_frame(variants: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one row per variant with every figure of the summary, units in the columns' titles."""
    rows = [
        {
            "variant": _name(variant),
            "rows": variant["n"],
            "failed": variant["n_failed"],
            "quality": _times(variant["quality"]["value"], 100),
            "low": _times(variant["quality"]["ci_low"], 100),
            "high": _times(variant["quality"]["ci_high"], 100),
            "ttft_p50": variant["ttft_s"]["p50"],
            "ttft_p95": variant["ttft_s"]["p95"],
            "total_p50": variant["total_s"]["p50"],
            "total_p95": variant["total_s"]["p95"],
            "cost": _times(variant["cost_usd_per_1k"], 100),
            "energy": variant["energy_wh_per_1k"],
            "prepare": variant["prepare_s"],
            "memory": _times(variant["peak_rss_bytes"], 1e-6),
            "per_s": variant["examples_per_s"],
            "prompt": variant["tokens"]["prompt_mean"],
            "cached": variant["tokens"]["cached_prompt_mean"],
            "completion": variant["tokens"]["completion_mean"],
            "prefill": variant["tokens_per_s"]["prefill"],
            "decode": variant["tokens_per_s"]["decode"],
        }
        for variant in variants
    ]
    figures = dict.fromkeys(_FIGURES, pl.Float64)
    return pl.DataFrame(rows, schema={"variant": pl.String, "rows": pl.Int64, "failed": pl.Int64, **figures})


def scores_frame(variants: Sequence[Mapping[str, Any]], metric: str) -> pl.DataFrame:
    """Return one row per variant with every score but the primary one, in percent."""
    rows = [
        {"Variant": _name(variant)}
        | {
            name.replace("_", " ").capitalize(): _times(score["value"], 100)
            for name, score in variant.get("scores", {}).items()
            if name != metric
        }
        for variant in variants
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def retrieval_frame(variants: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one row per variant that retrieved passages, in percent, with the causes of its wrong answers."""
    rows = [
        {
            "variant": _name(variant),
            "k": found["k"],
            "recall": _times(found["recall_at_k"]["value"], 100),
            "low": _times(found["recall_at_k"]["ci_low"], 100),
            "high": _times(found["recall_at_k"]["ci_high"], 100),
            "mrr": found["mrr"]["value"],
        }
        | {cause.name: found["wrong_answers"].get(str(cause), 0) for cause in ErrorCause}
        for variant in variants
        if (found := variant.get("retrieval"))
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


_RETRIEVAL: dict[str, Any] = {
    "variant": st.column_config.TextColumn("Variant"),
    "k": st.column_config.NumberColumn("Passages", help="Passages of documents put into each prompt (k)."),
    "recall": st.column_config.NumberColumn(
        "Recall at k %", format="%.1f", help="Share of the marked passages that were among the k retrieved ones."
    ),
    "low": st.column_config.NumberColumn("95 % low", format="%.1f"),
    "high": st.column_config.NumberColumn("95 % high", format="%.1f"),
    "mrr": st.column_config.NumberColumn(
        "MRR", format="%.2f", help="Mean of 1 / rank of the first retrieved passage that holds the answer."
    ),
    ErrorCause.MISSED.name: st.column_config.NumberColumn("Wrong: missed", help="The passage was not retrieved."),
    ErrorCause.CUT_OFF.name: st.column_config.NumberColumn(
        "Wrong: cut off", help="Only part of the passage was in the prompt."
    ),
    ErrorCause.HAD_IT.name: st.column_config.NumberColumn(
        "Wrong: had it", help="The passage was in the prompt; the model answered wrong."
    ),
}


def closed_frame(variants: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one row per variant that sends tokens, with what they would cost at closed APIs, in cents per 1,000."""
    rows = [
        {"Variant": _name(variant)} | {model: price * 100 for model, price in prices.items()}
        for variant in variants
        if (prices := variant.get("closed_api_cost_usd_per_1k"))
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _numbers(frame: pl.DataFrame, form: str) -> dict[str, Any]:
    return {name: st.column_config.NumberColumn(format=form) for name in frame.columns[1:]}


def failures_frame(variants: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one row per variant and kind of failure."""
    rows = [
        {"Variant": _name(variant), "Kind": kind.replace("_", " "), "Rows": number}
        for variant in variants
        for kind, number in sorted(variant["failures"].items())
        if number
    ]
    return pl.DataFrame(rows, schema={"Variant": pl.String, "Kind": pl.String, "Rows": pl.Int64})


def downloads(exports: Exports, run_id: str, *, with_summary: bool = True) -> None:
    """Offer the run's files, one by one and all together; each file is generated on demand.

    Args:
        exports: generates them.
        run_id: the run.
        with_summary: there is none where the task is gone.
    """
    with st.container(horizontal=True):
        for name in (name for name in FILES if with_summary or name != SUMMARY):
            st.download_button(
                name,
                partial(_file, exports, run_id, name),
                file_name=name,
                mime=_MIME[name.rpartition(".")[2]],
                icon=":material/download:",
                on_click="ignore",
                key=f"get_{name}",
            )
        st.download_button(
            "All as one zip",
            partial(exports.export_zip, run_id),
            file_name=f"adaptlab-{run_id}.zip",
            mime="application/zip",
            icon=":material/folder_zip:",
            on_click="ignore",
            key="get_all",
        )


def _file(exports: Exports, run_id: str, name: str) -> bytes:
    return exports.export(run_id)[name]


def _name(variant: Mapping[str, Any]) -> str:
    return str(variant["name"])


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


_F = FigureName
_FIGURES: dict[str, tuple[FigureName, str, str, str]] = {
    "quality": (_F.QUALITY, "Quality %", "%.1f", "Mean score over all rows; a failed row counts as wrong."),
    "low": (_F.QUALITY, "95 % low", "%.1f", "Lower end of the 95 % interval of the quality, in percent."),
    "high": (_F.QUALITY, "95 % high", "%.1f", "Upper end of the 95 % interval of the quality, in percent."),
    "ttft_p50": (_F.TTFT, "First word p50 s", "%.3f", "Median seconds from the start of a row to its first token."),
    "ttft_p95": (_F.TTFT, "First word p95 s", "%.3f", "95 of 100 answers had begun within this time."),
    "total_p50": (_F.TOTAL, "Answer p50 s", "%.3f", "Median seconds from the start of a row to its whole answer."),
    "total_p95": (_F.TOTAL, "Answer p95 s", "%.3f", EXPLAINED[_F.TOTAL]),
    "cost": (_F.COST, "Cost ¢ per 1,000", "%.2f", EXPLAINED[_F.COST]),
    "energy": (_F.ENERGY, "Energy Wh per 1,000", "%.2f", EXPLAINED[_F.ENERGY]),
    "prepare": (_F.PREPARE, "Set-up s", "%.1f", "Spent once before the first answer: training, indexing, fitting."),
    "memory": (_F.MEMORY, "Peak memory MB", "%.0f", "Resident memory of the worker processes that served it."),
    "per_s": (_F.ROW_SPEED, "Rows per s", "%.1f", "Rows answered per second of work."),
    "prompt": (_F.TOKENS, "Prompt tokens", "%.0f", "Mean tokens of a prompt."),
    "cached": (
        _F.TOKENS,
        "of them cached",
        "%.0f",
        "Mean prompt tokens reused from an earlier row, not evaluated again.",
    ),
    "completion": (_F.TOKENS, "Answer tokens", "%.1f", "Mean tokens of an answer."),
    "prefill": (_F.TOKEN_SPEED, "Reading tokens/s", "%.0f", "Prompt tokens read per second, without reused ones."),
    "decode": (_F.TOKEN_SPEED, "Writing tokens/s", "%.0f", "Answer tokens written per second."),
}


def _columns(metric: str, variants: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "variant": st.column_config.TextColumn("Variant"),
        "rows": st.column_config.NumberColumn("Rows", help="Rows answered or failed."),
        "failed": st.column_config.NumberColumn("Failed", help="Rows without an answer, for the reasons listed below."),
    }
    for name, (figure, title, form, text) in _FIGURES.items():
        named, about = explained(title, text, marks_in_summary(variants, figure))
        columns[name] = st.column_config.NumberColumn(named, format=form, help=about)
    title = f"{metric.replace('_', ' ').capitalize()} %"
    named, about = explained(title, _FIGURES["quality"][-1], marks_in_summary(variants, FigureName.QUALITY))
    columns["quality"] = st.column_config.ProgressColumn(named, format="%.1f", min_value=0, max_value=100, help=about)
    return columns
