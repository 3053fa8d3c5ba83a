"""The charts of a report, as data: the pairs, the classes, confidence, and where the time goes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.analysis.figures import VariantFigures
from engine.analysis.marks import FigureName, Origin, column_marks
from engine.analysis.report import Report
from engine.analysis.verdict.ruling import between
from engine.charts.chart import Axis, Chart, Grid, Series
from engine.charts.lines import interval_line, quality_floor
from engine.metrics import wording as say
from engine.metrics.calibration import Calibration, Coverage
from engine.metrics.confusion import Confusion
from engine.metrics.marks import Mark, foremost, heading_of_numbers, marked


def difference_grid(report: Report) -> Grid:
    """Line minus column, in points; a cell is faint where the difference is not significant."""
    names = tuple(item.name for item in report.figures)
    values: list[tuple[float | None, ...]] = []
    texts: list[tuple[str, ...]] = []
    strong: list[tuple[bool, ...]] = []
    told = []
    for first in report.figures:
        line: list[tuple[float | None, str, bool]] = []
        for second in report.figures:
            found = between(report.differences, first.variant.id, second.variant.id)
            if found is None or first is second:
                line.append((None, "", False))
                continue
            effect = found.seen_from(first.variant.id)
            if math.isnan(effect.value):  # they have no row in common
                line.append((None, "", False))
                continue
            line.append((effect.value, say.signed_short_points(effect.value), found.significant))
            if found.significant and effect.value > 0:
                told.append(f"{first.name} over {second.name} by {say.points(effect.value)}")
        values.append(tuple(cell[0] for cell in line))
        texts.append(tuple(cell[1] for cell in line))
        strong.append(tuple(cell[2] for cell in line))
    test = report.differences[0].test if report.differences else "no pairs"
    return Grid(
        title="Which differences are significant",
        caption=f"row minus column, in points; pale = could be chance ({test}, Holm)",
        alt=_each("Significant differences", told) if told else "No two variants differ significantly.",
        lines=names,
        columns=names,
        values=tuple(values),
        texts=tuple(texts),
        strong=tuple(strong),
        diverging=True,
    )


def confusion_grid(matrix: Confusion, name: str, mark: Mark) -> Grid:
    """Rows per target and answer, shaded by the share of the target's rows; `mark` is that of the quality."""
    columns = (*matrix.labels, "no answer")
    sums = [sum(line) for line in matrix.counts]
    worst = [f"{target} mistaken for {answer} on {rows}" for target, answer, rows in matrix.worst()]
    return Grid(
        title=f"{name}: which classes are confused",
        caption=marked("what gets mistaken for what; rows: right answer, columns: given answer", mark),
        alt=_each(f"Most frequent mistakes of {name}", worst) if worst else f"{name} confuses no classes.",
        lines=matrix.labels,
        columns=columns,
        values=tuple(
            tuple(number / total if total else None for number in line)
            for line, total in zip(matrix.counts, sums, strict=True)
        ),
        texts=tuple(tuple(str(number) if number else "" for number in line) for line in matrix.counts),
        line_title="target",
        column_title="answer",
    )


def calibration_chart(found: Sequence[tuple[VariantFigures, Calibration]], origin: Origin) -> Chart:
    """Share right over mean confidence, per bin; on the diagonal a variant knows how often it is right."""
    diagonal = Series(
        name="perfect", colour="muted", x=(0.0, 1.0), y=(0.0, 1.0), line=True, markers=False, dash="dot", in_table=False
    )
    series = [
        interval_line(
            item.name,
            item.variant.technique,
            [(part.confidence, part.right) for part in curve.bins],
            style=item.variant.style,
        )
        for item, curve in found
    ]
    items = [item for item, _curve in found]
    sure = heading_of_numbers("probability of the answer", column_marks(FigureName.CONFIDENCE, items, origin))
    errors = [f"{item.name} {say.points(curve.expected_error)}" for item, curve in found]
    return Chart(
        title="Does it know when it is right?",
        caption="share right against the answer's probability among the task's labels alone; dotted = perfect"
        + _cut(origin),
        alt=_each("Mean distance between probability and share right", errors),
        x=Axis(title=sure, form="percent", low=-0.02, high=1.02),
        y=Axis(title=_right("answered right", items, origin), form="percent", low=-0.02, high=1.02),
        series=(diagonal, *series),
        legend=True,
    )


def _cut(origin: Origin) -> str:
    return "; probabilities from the server's likeliest tokens alone" if origin.probabilities_cut else ""


def coverage_chart(found: Sequence[tuple[VariantFigures, tuple[Coverage, ...]]], origin: Origin) -> Chart:
    """Share right among the rows that are kept, over the share kept."""
    series = tuple(
        Series(
            name=item.name,
            colour=item.variant.technique.value,
            x=tuple(point.share_kept for point in curve),
            y=tuple(point.right.value for point in curve),
            line=True,
            markers=False,
            dash=item.variant.style.dash,
        )
        for item, curve in found
    )
    lows = [point.right.value for _item, curve in found for point in curve]
    half = [f"{item.name} {say.share(curve[len(curve) // 2 - 1].right.value)}" for item, curve in found if curve]
    return Chart(
        title="If unsure rows go to a person",
        caption="share right among the rows it answers itself" + _cut(origin),
        alt=_each("Right on the surer half of the rows", half),
        x=Axis(title="rows it answers itself", form="percent", low=0.0, high=1.02),
        y=Axis(
            title=_right("right among them", [item for item, _curve in found], origin),
            form="percent",
            low=quality_floor(lows),
            high=1.02,
        ),
        series=series,
        legend=True,
    )


def latency_chart(report: Report) -> Chart:
    """Mean seconds of an answer's parts, stacked."""
    shown = [(item, item.latency) for item in report.figures if item.latency is not None]
    places = tuple(float(place) for place in range(len(shown)))

    def timed(word: str, figure: FigureName) -> str:
        return marked(word, Mark.SERVER) if Mark.SERVER in report.marks(figure) else word

    parts = (
        ("retrieval", "rag", [latency.retrieval_s for _item, latency in shown]),
        (timed("reading the prompt", FigureName.PREFILL), "few-shot", [latency.prefill_s for _item, latency in shown]),
        (timed("writing", FigureName.DECODE), "lora", [latency.decode_s for _item, latency in shown]),
        ("other", "muted", [latency.other_s for _item, latency in shown]),
    )
    told = [
        f"{item.name} retrieval {say.seconds(latency.retrieval_s)}, reading the prompt "
        f"{say.seconds(latency.prefill_s)}, writing {say.seconds(latency.decode_s)}"
        for item, latency in shown
    ]
    return Chart(
        title="Where the time goes",
        caption="mean seconds per answer",
        alt=_each("Mean seconds per answer", told),
        x=Axis(title=marked("seconds per answer", report.mark(FigureName.TOTAL)), form="seconds", low=0.0),
        y=Axis(title="variant", categories=tuple(item.name for item, _latency in shown)),
        series=tuple(
            Series(name=name, colour=tint, x=tuple(values), y=places, bars=True) for name, tint, values in parts
        ),
        legend=True,
    )


def _right(title: str, items: Sequence[VariantFigures], origin: Origin) -> str:
    return marked(title, foremost(column_marks(FigureName.QUALITY, items, origin)))


def _each(what: str, told: Sequence[str]) -> str:
    return f"{what}: {'; '.join(told)}." if told else f"{what}: nothing to show."
