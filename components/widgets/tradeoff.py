"""The tradeoff chart of a run in progress or in replay, updated in place."""

from __future__ import annotations

from components.widgets.plot import live_plot
from engine.analysis.marks import FigureName
from engine.analysis.snapshot import RunSnapshot
from engine.analysis.tradeoff import tradeoff_chart
from engine.charts.plotly_form import to_plotly
from engine.metrics.marks import heading_of_numbers

LAPTOP_PX = (245.0, 208.0)
"""Width and height of the plot inside the axes on a laptop's screen, for placing names."""
SLIDE_PX = (750.0, 250.0)
"""The same on a slide, in the pixels of a chart that is not enlarged."""


def live_tradeoff(
    snapshot: RunSnapshot,
    *,
    key: str,
    plot_px: tuple[float, float] = LAPTOP_PX,
    height: int = 260,
    projected: bool = False,
) -> None:
    """Draw quality against latency of all lanes that have answered; `projected` fills a slide."""
    chart = tradeoff_chart([lane.figures for lane in snapshot.lanes if lane.figures], snapshot.origin)
    live_plot(to_plotly(chart, plot_px=plot_px), key=key, alt=chart.alt, height=height, projected=projected)


def costs_in_words(snapshot: RunSnapshot) -> str:
    """Write the word cost with the marks of the lanes' costs: `cost (est.)`."""
    return heading_of_numbers("cost", snapshot.marks(FigureName.COST))
