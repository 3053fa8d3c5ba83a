"""Parts of the report behind its tabs: classes, confidence, seeds."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from components.report.tables import classes_frame
from components.ui.effort_view import effort_charts, effort_frame, effort_words
from components.ui.run_data import table_of
from components.ui.text import plain, visible
from components.widgets.chart_card import chart_card
from components.widgets.tables import show_table
from engine.analysis.basis.efforts import tuning_gains
from engine.analysis.figures import VariantFigures
from engine.analysis.marks import CUT_PROBABILITIES, FigureName
from engine.analysis.memo import confidences
from engine.analysis.report import Report
from engine.analysis.report_charts import calibration_chart, confusion_grid, coverage_chart
from engine.analysis.run_table import RunTable
from engine.core.run.infos import RunInfo
from engine.core.task import AnswerKind, Task
from engine.metrics import wording as say
from engine.metrics.calibration import Calibration, most_kept_at
from engine.metrics.confusion import class_figures, confusion
from engine.services.lab import Lab
from engine.studies.seed_variation import NO_WHOLE_DRAWS, seeds_in_words, variations

LEAST_ROWS_FOR_CURVES = 100
"""With fewer rows a curve of confidence is mostly the width of its intervals."""


def classes_part(task: Task, report: Report, table: RunTable) -> None:
    """Show one variant's confusion matrix and its classes in figures."""
    if task.answer.kind is not AnswerKind.LABEL or not report.figures:
        st.caption("The answers of this task are not classes.")
        return
    names = {item.variant.id: item.name for item in report.figures}
    first = report.verdict.pick or next(iter(names))
    chosen = st.pills(
        "Variant", list(names), format_func=names.__getitem__, default=first, required=True, key="classes_variant"
    )
    line = table.place(chosen or first)
    made = table.made[line]
    labels = task.answer.labels
    matrix = confusion(table.target_codes(labels)[made], table.answer_codes(labels)[line, made], labels)
    left, right = st.columns([11, 10], gap="small")
    with left:
        grid = confusion_grid(matrix, names[chosen or first], report.mark(FigureName.QUALITY))
        chart_card(grid, key="confusion", height=min(max(90 + 34 * len(labels), 260), 900))
    with right:
        show_table(
            classes_frame(class_figures(matrix)),
            column_config={
                "Rows": st.column_config.NumberColumn(help="Rows whose right answer is this class."),
                "Precision": st.column_config.TextColumn(help="Of the rows with this answer, the share that is right."),
                "Recall": st.column_config.TextColumn(help="Of the rows of this class, the share that was found."),
                "F1": st.column_config.TextColumn(help="Harmonic mean of precision and recall."),
            },
            key="classes_table",
        )


def effort_part(report: Report) -> None:
    """Show what searching for settings found, and what that was worth on the test rows."""
    over_seconds, over_settings = effort_charts(report.searches)
    left, right = st.columns([6, 5], gap="small")
    with left:
        chart_card(over_seconds, key="effort", height=320)
    with right:
        chart_card(over_settings, key="expected", height=320)
    show_table(effort_frame(report.searches), key="effort_table")
    for sentence in tuning_gains(report):
        st.markdown(plain(sentence))
    effort_words(report.searches)


def confidence_part(task: Task, report: Report, table: RunTable) -> None:
    """Show calibration, accuracy against coverage, and the coverage at which the minimum quality is reached."""
    found = confidences(report, table)
    if not found and task.answer.kind is not AnswerKind.LABEL:
        st.caption("No answer has a probability: only labels have one, and the answers of this task are not labels.")
        return
    if not found:
        st.caption("No answer has a probability: choose 'Choice' decoding, or add the classifier.")
        return
    answered = min(item.rows for item, _curves in found)
    if answered < LEAST_ROWS_FOR_CURVES:
        st.caption(plain(_confidence_in_words([(item, pair[0]) for item, pair in found], answered)))
        return
    left, right = st.columns(2, gap="small")
    with left:
        curves = [(item, pair[0]) for item, pair in found]
        chart_card(calibration_chart(curves, report.origin), key="calibration", height=320)
    with right:
        kept_shares = [(item, pair[1]) for item, pair in found]
        chart_card(coverage_chart(kept_shares, report.origin), key="coverage", height=320)
    least = report.limits.least_quality or 0.9
    rows = []
    for item, (curve, coverage) in found:
        kept = most_kept_at(coverage, least)
        rows.append(
            {
                "Variant": visible(item.name),
                "Calibration error": curve.expected_error * 100,
                "Mean confidence": curve.mean_confidence * 100,
                "Right": curve.share_right * 100,
                f"Coverage at {say.share(least)}": kept.share_kept * 100 if kept else 0.0,
                "Hand over below": kept.least_confidence * 100 if kept else None,
            }
        )
    number = st.column_config.NumberColumn
    show_table(
        pl.DataFrame(rows, schema_overrides={"Hand over below": pl.Float64}),
        column_config={
            "Calibration error": number(
                format="%.1f points", help="Mean distance between probability and share right; 0 is perfect."
            ),
            "Mean confidence": number(format="%.0f %%", help="Mean probability of the answers given."),
            "Right": number(format="%.0f %%", help="Share of these rows that is right."),
            f"Coverage at {say.share(least)}": number(
                format="%.0f %%",
                help="Largest share of rows it can answer itself, most confident first, with this share right.",
            ),
            "Hand over below": number(
                format="%.1f %%", help="Rows with a lower probability go to a person or a bigger model."
            ),
        },
        width="content",
        key="confidence_table",
    )
    if report.origin.probabilities_cut:
        st.caption(CUT_PROBABILITIES)
    st.caption(
        "Confidence is the probability of the chosen label among the task's labels alone: the model had to pick one of "
        "them. It does not say whether the model would have named a label at all."
    )


def _confidence_in_words(found: Sequence[tuple[VariantFigures, Calibration]], rows: int) -> str:
    each = "; ".join(
        f"{item.name} {say.share(curve.mean_confidence)}, {say.share(curve.share_right)} right" for item, curve in found
    )
    return (
        f"Mean confidence and share right: {each}. {say.number(rows)} rows are too few for curves; from "
        f"{LEAST_ROWS_FOR_CURVES} rows on they are shown here."
    )


def draws_part(lab: Lab, info: RunInfo, report: Report) -> None:
    """Show this run's variants beside other seeds of the same experiment."""
    draws = {seed: table_of(lab, one) for seed, one in lab.studies.draws_of(info).items()}
    if len(draws) < 2:
        st.caption(
            "Another choice of training rows can shift a variant by a few points. Run "
            "the same comparison with other seeds (under Options) to see here how much quality varies with the seed, "
            "and how much of that comes from sampling rows."
        )
        return
    rows = []
    known = variations(draws, report.plan.variants)
    for item in report.figures:
        found = known.get(item.variant.id)
        if found is not None:
            rows.append(
                {
                    "Variant": visible(item.name),
                    "This seed": say.share(item.quality),
                    "Mean over seeds": say.share(found.quality),
                    "95 %": say.ends(found.quality),
                    "SD across seeds": found.deviation_over_seeds * 100,
                    "SD from sampling rows": found.deviation_over_rows * 100,
                    "SD from the seed": found.by_draw * 100,
                    "Above or below average": found.side(report.plan.seed),
                }
            )
    number = st.column_config.NumberColumn
    if not rows:
        st.caption(NO_WHOLE_DRAWS)
        return
    show_table(
        pl.DataFrame(rows),
        column_config={
            "95 %": st.column_config.TextColumn(help="95 % interval of the mean over seeds, by Student's t."),
            "SD across seeds": number(format="%.1f points", help="Standard deviation of quality from seed to seed."),
            "SD from sampling rows": number(
                format="%.1f points", help="The standard deviation that sampling the rows alone would give."
            ),
            "SD from the seed": number(
                format="%.1f points", help="What training rows, examples and initial weights add to it."
            ),
            "Above or below average": st.column_config.TextColumn(
                help="Whether this seed is more than one standard deviation above or below the mean over seeds."
            ),
        },
        width="content",
        key="draws_table",
    )
    st.caption(plain(seeds_in_words(draws)))
