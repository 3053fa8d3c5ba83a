"""Quality and latency against passages, as data."""

from __future__ import annotations

from collections.abc import Mapping

from engine.analysis.marks import FigureName, marks_over_runs
from engine.charts.chart import Axis, Chart
from engine.charts.lines import interval_line, quality_floor
from engine.core.techniques import Technique, label
from engine.metrics import wording as say
from engine.metrics.marks import heading_of_numbers
from engine.studies.context import PLACES, Found


def number_chart(found: Mapping[int, Found], *, latency: bool) -> Chart:
    """Quality, or seconds per answer, over the number of passages."""
    sizes = sorted(found)
    items = [found[size][0] for size in sizes]
    intervals = [item.total_p50_s if latency else item.quality for item in items]
    known = [(size, interval) for size, interval in zip(sizes, intervals, strict=True) if interval is not None]
    what = "p50 seconds per answer" if latency else "quality"
    series = interval_line(label(Technique.RAG), Technique.RAG, known)
    told = "; ".join(f"{size} {interval.value:.3g}" for size, interval in known)
    marks = marks_over_runs(FigureName.TOTAL if latency else FigureName.QUALITY, found.values())
    return Chart(
        title="Latency against passages" if latency else "Quality against passages",
        caption=f"{what} with its 95 % interval",
        alt=f"{what} by number of passages: {told}.",
        x=Axis(title="passages", whole=True, low=0.0, high=max(sizes) * 1.08),
        y=Axis(
            title=heading_of_numbers(what, marks),
            form="seconds" if latency else "percent",
            low=0.0 if latency else quality_floor(series.low),
        ),
        series=(series,),
    )


def place_chart(found: Mapping[str, Found], passages: int) -> Chart:
    """Quality over the place of the supporting passage."""
    places = [place for place in PLACES if place in found]
    qualities = [found[place][0].quality for place in places]
    series = interval_line(label(Technique.ZERO_SHOT), Technique.ZERO_SHOT, list(enumerate(qualities)))
    title = heading_of_numbers("quality", marks_over_runs(FigureName.QUALITY, found.values()))
    told = "; ".join(f"{place} {say.share(quality.value)}" for place, quality in zip(places, qualities, strict=True))
    return Chart(
        title="Quality against the supporting passage's place",
        caption=f"among {passages} passages, the same others at every place; 95 % intervals over rows",
        alt=f"Quality by place of the supporting passage: {told}.",
        x=Axis(title="place", low=-0.4, high=len(places) - 0.6, words=tuple(places)),
        y=Axis(title=title, form="percent", low=quality_floor(series.low)),
        series=(series,),
    )
