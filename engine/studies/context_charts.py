"""Quality and latency against passages, as data."""

from __future__ import annotations

from collections.abc import Mapping

from engine.analysis.marks import FigureName, marks_over_runs
from engine.charts.chart import Axis, Chart, Series
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
    series = Series(
        name="RAG",
        colour="rag",
        x=tuple(float(size) for size, _interval in known),
        y=tuple(interval.value for _size, interval in known),
        low=tuple(interval.low for _size, interval in known),
        high=tuple(interval.high for _size, interval in known),
        line=True,
        symbol="diamond",
    )
    told = "; ".join(f"{size} {interval.value:.3g}" for size, interval in known)
    floor = max(min(series.low, default=0.0) - 0.05, 0.0)
    marks = marks_over_runs(FigureName.TOTAL if latency else FigureName.QUALITY, found.values())
    return Chart(
        title="Latency against passages" if latency else "Quality against passages",
        caption=f"{what} with its 95 % interval",
        alt=f"{what} by number of passages: {told}.",
        x=Axis(title="passages", whole=True, low=0.0, high=max(sizes) * 1.08),
        y=Axis(
            title=heading_of_numbers(what, marks),
            form="seconds" if latency else "percent",
            low=0.0 if latency else floor,
        ),
        series=(series,),
    )


def place_chart(found: Mapping[str, Found], passages: int) -> Chart:
    """Quality over the place of the supporting passage."""
    places = [place for place in PLACES if place in found]
    qualities = [found[place][0].quality for place in places]
    series = Series(
        name="Zero-shot",
        colour="zero-shot",
        x=tuple(float(place) for place in range(len(places))),
        y=tuple(quality.value for quality in qualities),
        low=tuple(quality.low for quality in qualities),
        high=tuple(quality.high for quality in qualities),
        line=True,
        dash="dot",
    )
    title = heading_of_numbers("quality", marks_over_runs(FigureName.QUALITY, found.values()))
    told = "; ".join(f"{place} {say.share(quality.value)}" for place, quality in zip(places, qualities, strict=True))
    return Chart(
        title="Quality against the supporting passage's place",
        caption=f"among {passages} passages, the same others at every place; 95 % intervals over rows",
        alt=f"Quality by place of the supporting passage: {told}.",
        x=Axis(title="place", low=-0.4, high=len(places) - 0.6, words=tuple(places)),
        y=Axis(title=title, form="percent", low=max(min(series.low, default=0.0) - 0.05, 0.0)),
        series=(series,),
    )
