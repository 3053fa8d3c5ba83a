"""A chart whose labels and names are words of each script."""

from __future__ import annotations

from engine.charts.chart import Axis, Chart, Series
from tests.browser.scripts import WORDS


def word_chart() -> Chart:
    """Return bars that are labelled with each word."""
    words = tuple(WORDS.values())
    places = tuple(float(place) for place in range(len(words)))
    bars = Series(name="Rows", colour="rag", x=tuple(place + 1 for place in places), y=places, bars=True)
    return Chart(
        title="Words",
        caption="",
        alt="A bar for each word",
        x=Axis(title="Rows", low=0),
        y=Axis(title="Label", categories=words),
        series=(bars,),
    )
