"""Quality against something that is varied, as data: training rows, passages, other texts."""

from __future__ import annotations

from collections.abc import Sequence

from engine.charts.chart import Axis, Chart
from engine.charts.lines import interval_line, quality_floor
from engine.core.techniques import Technique, label
from engine.metrics import wording as say
from engine.metrics.marks import heading_of_numbers
from engine.studies.learning_curve import CurvePoint, of_technique

_SHIFT = 0.012
"""Lines are moved a little beside one another, in shares of the axis, so that their error bars stay apart."""


def learning_chart(points: Sequence[CurvePoint], techniques: Sequence[Technique]) -> Chart:
    """Quality over training rows, a line per technique; intervals are over draws where there are several."""
    lines = [(technique, of_technique(points, technique)) for technique in techniques]
    most = max((point.train_rows for point in points), default=1) or 1
    series = []
    for place, (technique, line) in enumerate(lines):
        shift = (place - (len(lines) - 1) / 2) * _SHIFT * most
        points_of = [(point.train_rows + (shift if point.train_rows else 0.0), point.quality) for point in line]
        series.append(interval_line(label(technique), technique, points_of))
    told = [
        f"{label(technique)} "
        + ", ".join(f"{say.counted(point.train_rows, 'row')} {say.share(point.quality.value)}" for point in line)
        for technique, line in lines
        if line
    ]
    draws = max((len(point.seeds) for point in points), default=1)
    return Chart(
        title="Quality against training rows",
        caption=f"95 % intervals over {draws} seeds; no rows = zero-shot"
        if draws > 1
        else "95 % intervals over test rows; no rows = zero-shot",
        alt=f"Quality against training rows: {'; '.join(told)}." if told else "Nothing has been measured yet.",
        x=Axis(title="training rows", low=-0.03 * most, high=1.06 * most),
        y=Axis(
            title=heading_of_numbers("quality", [point.mark for point in points]),
            form="percent",
            low=quality_floor(point.quality.low for point in points),
            high=1.03,
        ),
        series=tuple(series),
        legend=True,
    )
