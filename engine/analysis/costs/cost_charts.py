"""Total cost against monthly volume, as data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.analysis.costs.break_even import CostLine, break_evens, choosable
from engine.analysis.marks import FigureName, mark_of
from engine.charts.chart import Axis, Chart, Note, Series
from engine.core.limits import Limits
from engine.core.variant import Variant
from engine.metrics import wording as say
from engine.metrics.marks import marked

POINTS = 41
MOST_NOTES = 4
_CLOSED_DASHES = ("dot", "dash", "dashdot", "longdash")


def cost_chart(local: Sequence[tuple[CostLine, Variant]], closed: Sequence[CostLine], limits: Limits) -> Chart:
    """Draw every choice's total over the months, from a hundredth of the monthly volume to a hundredfold."""
    low, high = max(limits.calls_per_month / 100, 1.0), limits.calls_per_month * 100.0
    volumes = tuple(float(value) for value in np.geomspace(low, high, POINTS))
    lines = [line for line, _variant in local]
    series = [
        Series(
            name=line.name,
            colour=variant.technique.value,
            x=volumes,
            y=_totals(line, volumes, limits),
            line=True,
            markers=False,
            dash=variant.style.dash,
        )
        for line, variant in local
    ]
    series += [
        Series(
            name=line.name,
            colour="closed",
            x=volumes,
            y=_totals(line, volumes, limits),
            line=True,
            markers=False,
            dash=_CLOSED_DASHES[place % len(_CLOSED_DASHES)],
            faint=True,
        )
        for place, line in enumerate(closed)
    ]
    changes = break_evens(choosable(lines, closed, limits), limits.months)
    points = [point for point in changes if low <= point.calls_per_month <= high]
    told = [
        f"{line.name} {say.money(line.total_usd(limits.calls_per_month, limits.months))}" for line in [*lines, *closed]
    ]
    months = say.counted(limits.months, "month")
    total, even = mark_of(FigureName.TOTAL_COST), mark_of(FigureName.BREAK_EVEN)
    return Chart(
        title="Total cost against volume",
        caption=f"over {months}, one-off costs included; circle: another choice becomes cheapest",
        alt=marked(f"Total at {say.counted(limits.calls_per_month, 'call')} a month over {months}", total)
        + f": {'; '.join(told)}.",
        x=Axis(title="calls per month (log)", log=True, low=low, high=high),
        y=Axis(title=marked("total, USD (log)", total), form="money", log=True),
        series=tuple(series),
        notes=tuple(
            Note(
                x=point.calls_per_month,
                y=max(point.total_usd, 0.01),
                text=marked(f"{say.about(point.calls_per_month)} a month", even),
            )
            for point in points[:MOST_NOTES]
        ),
        legend=True,
    )


def _totals(line: CostLine, volumes: Sequence[float], limits: Limits) -> tuple[float, ...]:
    """Totals, a cent at least, since the axis is logarithmic."""
    return tuple(max(line.total_usd(volume, limits.months), 0.01) for volume in volumes)
