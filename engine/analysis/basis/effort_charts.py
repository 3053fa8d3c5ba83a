"""What the search gained, as data: the best score so far against seconds, and the expected best of so many settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from engine.charts.chart import Axis, Chart, Series
from engine.charts.lines import quality_floor
from engine.core.run.effort import Search, TrialOutcome
from engine.core.techniques import TECHNIQUES, Technique, label
from engine.metrics import wording as say
from engine.running.search.choosing import best_so_far, expected_best, shown_score


def effort_chart(searches: Mapping[str, Search]) -> Chart:
    """Best score on the labelled rows so far over seconds of search, a step line per technique."""
    series: list[Series] = []
    told: list[str] = []
    lows: list[float] = []
    most_s = 1.0
    for search in searches.values():
        curve = best_so_far(search.in_order)
        if not curve:
            continue
        name = label(search.technique)
        end = (max(search.seconds, curve[-1][0]), curve[-1][1])
        steps = [curve[0]]
        for (_before, low), (after, high) in pairwise(curve):
            steps += [(after, low), (after, high)]
        steps.append(end)
        most_s, lows = max(most_s, end[0]), [*lows, curve[0][1]]
        told.append(f"{name} {say.share(curve[0][1])} by default, {say.share(end[1])} after {say.duration(end[0])}")
        series.append(
            _line(
                search,
                [seconds for seconds, _score in steps],
                [score for _seconds, score in steps],
                point=len(curve) == 1,
            )
        )
    return Chart(
        title="What the search gained",
        caption="best score so far on labelled rows that are not tested; it begins with the default",
        alt=f"Best score on labelled rows: {'; '.join(told)}." if told else "Nothing has been tried yet.",
        x=Axis(title="seconds of search", low=0.0, high=1.12 * most_s),
        y=Axis(title="best so far", form="percent", low=quality_floor(lows, 0.08), high=1.03),
        series=tuple(series),
        legend=True,
        empty="The first trials are under way.",
    )


def expected_chart(searches: Mapping[str, Search]) -> Chart:
    """Expected best score of n trials, a line per technique: what a smaller effort would have found."""
    series: list[Series] = []
    told: list[str] = []
    lows: list[float] = []
    most = 1
    for search in searches.values():
        whole = [
            score
            for trial in search.trials.values()
            if trial.standing is not TrialOutcome.FAILED and (score := shown_score(trial)) is not None
        ]
        if len(whole) < 2:
            continue
        curve = expected_best(whole)
        most, lows = max(most, len(curve)), [*lows, curve[0]]
        told.append(f"{label(search.technique)} {say.share(curve[0])} of one, {say.share(curve[-1])} of {len(curve)}")
        series.append(_line(search, [float(count) for count in range(1, len(curve) + 1)], curve, point=True))
    return Chart(
        title="Expected best of n settings",
        caption="if n settings were drawn at random from those tried (Dodge et al. 2019)",
        alt=f"Expected best score: {'; '.join(told)}." if told else "Too few settings were tried.",
        x=Axis(title="settings tried", low=0.5, high=most + 0.5),
        y=Axis(title="expected best", form="percent", low=quality_floor(lows), high=1.03),
        series=tuple(series),
        legend=True,
        empty="Too few settings were tried.",
    )


def _line(search: Search, x: Sequence[float], y: Sequence[float], *, point: bool) -> Series:
    """Draw one technique's line, with its points where that is asked for."""
    style = TECHNIQUES[Technique(search.technique)].style
    return Series(
        name=label(search.technique),
        colour=search.technique,
        x=tuple(x),
        y=tuple(y),
        line=True,
        markers=point,
        dash=style.dash,
        symbol=style.symbol,
    )
