"""The charts of a report, as data: the tradeoff, the pairs, the classes, confidence, and where the time goes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.analysis.figures import VariantFigures
from engine.analysis.report import Report
from engine.analysis.verdict_types import between
from engine.charts.chart import Axis, Chart, Grid, Series, Zone
from engine.charts.style import LOOKS
from engine.metrics import wording as say
from engine.metrics.calibration import Calibration, Coverage
from engine.metrics.confusion import Confusion

LARGEST_PX, SMALLEST_PX = 22.0, 9.0


def tradeoff_chart(report: Report) -> Chart:
    """Quality with its interval over p95 seconds; what lies beyond the limits is shaded, the Pareto set is joined."""
    shown = [item for item in report.figures if item.total_p95_s is not None]
    most = max((item.cost_usd_per_1k.value for item in shown), default=0.0)
    best = sorted((item for item in shown if item.variant.id in report.verdict.pareto), key=_p95)
    series = []
    if len(best) > 1:
        series.append(
            Series(
                name="Pareto set",
                colour="muted",
                x=tuple(_p95(item) for item in best),
                y=tuple(item.quality.value for item in best),
                line=True,
                markers=False,
                dash="dot",
                in_table=False,
            )
        )
    for item in shown:
        size = SMALLEST_PX + (LARGEST_PX - SMALLEST_PX) * math.sqrt(item.cost_usd_per_1k.value / most) if most else 11.0
        series.append(
            Series(
                name=item.name,
                colour=item.variant.technique.value,
                x=(_p95(item),),
                y=(item.quality.value,),
                low=(item.quality.low,),
                high=(item.quality.high,),
                symbol=LOOKS[item.variant.technique].symbol,
                size=(size,),
                labelled=True,
            )
        )
    floor = math.floor(min((item.quality.low for item in shown), default=0.0) * 10) / 10
    least, slowest = report.limits.least_quality, report.limits.highest_p95_s
    spread = [_p95(item) for item in shown]
    zones = []
    if least is not None:
        zones.append(Zone(y_high=least))
    if slowest is not None and shown and slowest < 10 * max(spread):
        zones.append(Zone(x_low=slowest, y_low=least))
    return Chart(
        title="Tradeoff, with your limits",
        caption=_limits_in_words(report),
        alt=_each(
            f"{_metric(report)} against p95 seconds per answer",
            [f"{i.name} {say.share_interval(i.quality)} at {say.seconds(_p95(i))}" for i in shown],
        ),
        x=Axis(title="p95 seconds per answer (log)", form="seconds", log=True),
        y=Axis(title=_metric(report), form="percent", low=max(0.0, floor) - 0.02, high=1.05),
        series=tuple(series),
        zones=tuple(zones),
    )


def _p95(item: VariantFigures) -> float:
    return item.total_p95_s.value if item.total_p95_s else 0.0


def _metric(report: Report) -> str:
    return "Answered right" if report.is_share else report.metric.replace("_", " ").capitalize()


def _limits_in_words(report: Report) -> str:
    parts = []
    if report.limits.least_quality is not None:
        parts.append(f"under {say.share(report.limits.least_quality)}")
    if report.limits.highest_p95_s is not None:
        parts.append(f"slower than {say.seconds(report.limits.highest_p95_s)} at p95")
    shaded = f"shaded: {', or '.join(parts)}; " if parts else ""
    return f"{shaded}size = cost; dotted = Pareto set"


def difference_grid(report: Report) -> Grid:
    """Line minus column, in points; a cell is faint where the two cannot be told apart."""
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
            text = f"{effect.value * 100:+.0f}".replace("-", "\N{MINUS SIGN}")
            line.append((effect.value, text if round(effect.value, 4) else "0", found.told_apart))
            if found.told_apart and effect.value > 0:
                told.append(f"{first.name} over {second.name} by {say.points(effect.value)}")
        values.append(tuple(cell[0] for cell in line))
        texts.append(tuple(cell[1] for cell in line))
        strong.append(tuple(cell[2] for cell in line))
    test = report.differences[0].test if report.differences else "no pairs"
    return Grid(
        title="Which differences are real",
        caption=f"line minus column in points; faint = cannot be told apart yet ({test}, Holm)",
        alt=_each("Differences that are real", told) if told else "No two variants can be told apart.",
        lines=names,
        columns=names,
        values=tuple(values),
        texts=tuple(texts),
        strong=tuple(strong),
        diverging=True,
    )


def confusion_grid(matrix: Confusion, name: str) -> Grid:
    """Rows per target and answer, shaded by the share of the target's rows."""
    columns = (*matrix.labels, "no answer")
    sums = [sum(line) for line in matrix.counts]
    worst = [f"{target} taken for {answer} on {rows}" for target, answer, rows in matrix.worst()]
    return Grid(
        title=f"{name}: what is taken for what",
        caption="lines: target; columns: answer; rows counted",
        alt=_each(f"Most frequent mistakes of {name}", worst) if worst else f"{name} takes no class for another.",
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


def calibration_chart(found: Sequence[tuple[VariantFigures, Calibration]]) -> Chart:
    """Share right over mean confidence, per bin; on the diagonal a variant knows how often it is right."""
    diagonal = Series(
        name="perfect", colour="muted", x=(0.0, 1.0), y=(0.0, 1.0), line=True, markers=False, dash="dot", in_table=False
    )
    series = [
        Series(
            name=item.name,
            colour=item.variant.technique.value,
            x=tuple(part.confidence for part in curve.bins),
            y=tuple(part.right.value for part in curve.bins),
            low=tuple(part.right.low for part in curve.bins),
            high=tuple(part.right.high for part in curve.bins),
            line=True,
            dash=LOOKS[item.variant.technique].dash,
            symbol=LOOKS[item.variant.technique].symbol,
        )
        for item, curve in found
    ]
    errors = [f"{item.name} {say.points(curve.expected_error)}" for item, curve in found]
    return Chart(
        title="Does it know when it is right",
        caption="share right against the probability of the answer; dotted = perfect",
        alt=_each("Mean distance between probability and share right", errors),
        x=Axis(title="probability of the answer", form="percent", low=-0.02, high=1.02),
        y=Axis(title="answered right", form="percent", low=-0.02, high=1.02),
        series=(diagonal, *series),
        legend=True,
    )


def coverage_chart(found: Sequence[tuple[VariantFigures, tuple[Coverage, ...]]]) -> Chart:
    """Share right among the rows that are kept, over the share kept."""
    series = tuple(
        Series(
            name=item.name,
            colour=item.variant.technique.value,
            x=tuple(point.share_kept for point in curve),
            y=tuple(point.right.value for point in curve),
            line=True,
            markers=False,
            dash=LOOKS[item.variant.technique].dash,
        )
        for item, curve in found
    )
    lows = [point.right.value for _item, curve in found for point in curve]
    half = [f"{item.name} {say.share(curve[len(curve) // 2 - 1].right.value)}" for item, curve in found if curve]
    return Chart(
        title="When the least sure rows go to someone else",
        caption="share right among the rows it keeps",
        alt=_each("Right on the surer half of the rows", half),
        x=Axis(title="rows it answers itself", form="percent", low=0.0, high=1.02),
        y=Axis(title="right among them", form="percent", low=max(min(lows, default=0.0) - 0.05, 0.0), high=1.02),
        series=series,
        legend=True,
    )


def latency_chart(report: Report) -> Chart:
    """Mean seconds of an answer's parts, stacked."""
    shown = [(item, item.latency) for item in report.figures if item.latency is not None]
    places = tuple(float(place) for place in range(len(shown)))
    parts = (
        ("retrieval", "rag", [latency.retrieval_s for _item, latency in shown]),
        ("prefill", "few-shot", [latency.prefill_s for _item, latency in shown]),
        ("decode", "lora", [latency.decode_s for _item, latency in shown]),
        ("other", "muted", [latency.other_s for _item, latency in shown]),
    )
    told = [
        f"{item.name} retrieval {say.seconds(latency.retrieval_s)}, prefill {say.seconds(latency.prefill_s)}, "
        f"decode {say.seconds(latency.decode_s)}"
        for item, latency in shown
    ]
    return Chart(
        title="Where the time goes",
        caption="mean seconds per answer: retrieval, taking in the prompt, writing the answer",
        alt=_each("Mean seconds per answer", told),
        x=Axis(title="seconds per answer", form="seconds", low=0.0),
        y=Axis(title="variant", categories=tuple(item.name for item, _latency in shown)),
        series=tuple(
            Series(name=name, colour=tint, x=tuple(values), y=places, bars=True) for name, tint, values in parts
        ),
        legend=True,
    )


def _each(what: str, told: Sequence[str]) -> str:
    return f"{what}: {'; '.join(told)}." if told else f"{what}: nothing to show."
