"""The pure parts of the screen: words, palette, charts, labels, tables."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from components.run.results import closed_frame, failures_frame, results_frame, scores_frame
from components.ui import text as words
from components.ui.bests import COUNTS, bests
from components.ui.lane_view import lane_views, strip_view
from components.widgets import charts
from components.widgets.tradeoff import LAPTOP_PX
from engine.analysis.marks import HERE
from engine.analysis.snapshot import Lane, RunSnapshot
from engine.analysis.tradeoff import LARGEST_PX, pareto, tradeoff_chart
from engine.charts.chart import Axis, ticks
from engine.charts.label_places import Spot, places
from engine.charts.plotly_form import to_plotly
from engine.charts.style import PALETTES, colour
from engine.core.interval import Interval
from engine.core.limits import Limits
from engine.core.techniques import TECHNIQUES, Technique
from engine.metrics import wording as say
from tests.memory_lab import MODEL, TASK, MemoryLab, memory_lab, memory_task, script


def _snapshot(
    rows: int = 40, made: int | None = None, techniques: Sequence[Technique] = tuple(Technique)
) -> tuple[MemoryLab, str, RunSnapshot]:
    lab = memory_lab(task=memory_task(rows=rows))
    plan = lab.plans.make(task_id=TASK, model_id=MODEL, techniques=techniques, limit=rows)
    lab.play(plan, script(plan, lab.tasks.get(TASK))[:made])
    return lab, plan.run_id, lab.runs.snapshot(plan.run_id)


def _tradeoff(lanes: Sequence[Lane]) -> dict[str, Any]:
    """Return the tradeoff as the Run page draws it."""
    origin = lanes[0].origin if lanes else HERE
    return to_plotly(tradeoff_chart([lane.figures for lane in lanes if lane.figures], origin), plot_px=LAPTOP_PX)


@given(some.text(max_size=200))
def test_visible_leaves_nothing_that_acts(text: str) -> None:
    """No control character but line breaks and tabs is left, and visible text stays as it was."""
    import unicodedata

    shown = words.visible(text)
    assert all(unicodedata.category(s) not in {"Cc", "Cs"} or s in "\n\t" for s in shown)
    assert words.visible(shown) == shown


def test_visible_shows_escapes_and_overrides() -> None:
    """A terminal escape and a direction override are seen as what they are."""
    assert words.visible("\x1b[31mred") == "\u241b[31mred"
    assert words.visible("a\u202eb") == "a[U+202E]b"


@pytest.mark.parametrize("text", ["*a*", "[x](y)", ":red[a]", "$x$", "<b>", "# a", "`a`", ":material/home:"])
def test_plain_escapes_markdown(text: str) -> None:
    """Every sign that Streamlit's Markdown acts upon is escaped."""
    shown = words.plain(text)
    for index, sign in enumerate(shown):
        if sign in "*[]():$<>#`":
            assert shown[index - 1] == "\\"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, say.MISSING),
        (0.0052, "0.005 s"),
        (0.0002, "< 0.001 s"),
        (0.284, "0.28 s"),
        (7.5, "7.50 s"),
        (18.2, "18 s"),
    ],
)
def test_seconds(value: float | None, shown: str) -> None:
    """Latencies keep two or three figures and their unit."""
    assert say.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0 s"), (0.6, "0.6 s"), (48.4, "48 s"), (60, "1 min"), (212, "3 min 32 s"), (7500, "2 h 5 min")],
)
def test_duration(value: float, shown: str) -> None:
    """Waits are written as one would say them."""
    assert say.duration(value) == shown


@pytest.mark.parametrize(("usd", "shown"), [(None, say.MISSING), (0.0003, "0.03 ¢"), (0.031, "3.1 ¢"), (1.2, "$1.20")])
def test_money(usd: float | None, shown: str) -> None:
    """Small sums are cents."""
    assert say.money(usd) == shown


def test_looks_differ_without_colour() -> None:
    """No two techniques share dash and symbol, and none shares a colour in either theme."""
    assert set(TECHNIQUES) == set(Technique)
    styles = [facts.style for facts in TECHNIQUES.values()]
    assert len({style.symbol for style in styles}) == len(styles)
    assert len({style.light for style in styles}) == len({style.dark for style in styles}) == len(styles)
    lines = [style.dash for style in styles]
    assert len(set(lines)) >= len(lines) - 1


def test_unknown_colour_is_refused() -> None:
    """A misspelt colour fails when the figure is built, not in the browser."""
    with pytest.raises(KeyError):
        colour("lorra")


@pytest.mark.parametrize("made", [0, 1, 40, 90, None])
def test_figures_are_plain_json_at_every_stage(made: int | None) -> None:
    """From before the first row to the end, every chart is valid JSON with known colours and finite numbers."""
    _, _, snapshot = _snapshot(made=made)
    lanes = snapshot.lanes
    for figure in (
        _tradeoff(lanes),
        charts.quality_so_far(lanes, 40),
        charts.latency_spread(lanes),
    ):
        text = json.dumps(figure, allow_nan=False)
        for part in text.split('"colour:')[1:]:
            assert part.split('"')[0].split("/")[0] in PALETTES["light"]


def test_tradeoff_chart_shows_the_lanes_figures() -> None:
    """Each variant stands at its p95 seconds and its quality, with its interval as error bar."""
    _, _, snapshot = _snapshot()
    figure = _tradeoff(snapshot.lanes)
    markers = [trace for trace in figure["data"] if "error_y" in trace]
    for lane, trace in zip(snapshot.lanes, markers, strict=True):
        assert trace["x"] == [lane.total_p95_s]
        assert trace["y"] == [lane.quality.value]
        assert math.isclose(trace["y"][0] + trace["error_y"]["array"][0], lane.quality.high)


def test_the_tradeoff_shades_what_the_limits_rule_out() -> None:
    """The zones are those of the limits that are set, and the caption says which; without limits nothing is shaded."""
    _, _, snapshot = _snapshot()
    figures = [lane.figures for lane in snapshot.lanes if lane.figures]
    slowest = max(item.total_p95_s.value for item in figures if item.total_p95_s)
    limits = Limits(least_quality=0.8, highest_p95_s=slowest)
    chart = tradeoff_chart(figures, HERE, limits=limits)
    assert [(zone.y_high, zone.x_low, zone.y_low) for zone in chart.zones] == [(0.8, None, None), (None, slowest, 0.8)]
    assert chart.caption.startswith(f"shaded: under 80 %, or slower than {say.seconds(slowest)} at p95; ")
    assert len(to_plotly(chart)["layout"]["shapes"]) == 2
    plain = tradeoff_chart(figures, HERE)
    assert (plain.zones, plain.caption.count("shaded")) == ((), 0)


def test_front_keeps_what_none_beats() -> None:
    """A variant is on the front exactly if no other is as good in quality, latency and cost, and better in one."""
    _, _, snapshot = _snapshot(techniques=[one for one in Technique if one is not Technique.CLASSIFIER])
    items = [lane.figures for lane in snapshot.lanes]
    measures = {i.variant.id: (-i.quality.value, i.total_p95_s.value, i.cost_usd_per_1k) for i in items}
    beaten = {
        name
        for name, mine in measures.items()
        for other in measures.values()
        if other != mine and all(theirs <= own for theirs, own in zip(other, mine, strict=True))
    }
    assert 0 < len(beaten) < len(items) - 1
    assert set(pareto(items)) == set(measures) - beaten
    front = _tradeoff(snapshot.lanes)["data"][0]
    assert front["x"] == sorted(measures[name][1] for name in pareto(items))
    assert front["y"] == sorted(front["y"])


def test_long_runs_are_thinned() -> None:
    """A run of thousands of rows sends a line of bounded length, its last value among them."""
    _, _, snapshot = _snapshot()
    lane = replace(snapshot.lanes[0], running_quality=tuple(n / 5000 for n in range(5000)))
    trace = charts.quality_so_far([lane], 5000)["data"][1]
    assert len(trace["x"]) <= 160
    assert (trace["x"][-1], trace["y"][-1]) == (5000, 0.9998)


def test_labels_keep_clear_of_each_other() -> None:
    """Two markers close to each other get their labels on different sides."""
    spots = [Spot(x=200, y=y, low=y - 20, high=y + 20, radius=8, text="RAG + LoRA") for y in (150, 155)]
    chosen = places(spots, (245, 208))
    assert len(set(chosen)) == 2


def test_a_name_keeps_clear_of_a_line() -> None:
    """Minor 7: a line that runs through the free side of a marker sends its name to another side."""
    spot = Spot(x=120, y=100, low=80, high=120, radius=6, text="Classifier")
    (free,) = places([spot], (245, 208))
    (beside,) = places([spot], (245, 208), [[(120.0, 100.0), (240.0, 100.0)]])
    assert free == "middle right"
    assert beside != free


def test_a_variant_at_0_or_100_percent_is_drawn_whole() -> None:
    """Minor 7: a marker of the largest size at 0 % or at 100 % lies within the axes of the chart of a run."""
    _, _, snapshot = _snapshot()
    for value in (0.0, 1.0):
        quality = Interval(value=value, low=max(value - 0.2, 0.0), high=min(value + 0.2, 1.0))
        lane = replace(snapshot.lanes[0], figures=replace(snapshot.lanes[0].figures, quality=quality))
        low, high = _tradeoff([lane])["layout"]["yaxis"]["range"]
        radius = LARGEST_PX / 2 / LAPTOP_PX[1] * (high - low)
        assert low <= value - radius
        assert value + radius <= high


@pytest.mark.parametrize("span", [(0.004, 0.9), (0.05, 0.4), (0.3, 0.5), (0.0005, 30.0)])
def test_ticks_of_seconds_keep_their_distance(span: tuple[float, float]) -> None:
    """Minor 7: no two numbers below the latency chart stand closer than a number is wide."""
    _, _, snapshot = _snapshot()
    lane = replace(snapshot.lanes[0], latencies_s=span)
    axis = charts.latency_spread([lane])["layout"]["xaxis"]
    low, high = axis["range"]
    places_px = [(math.log10(tick) - low) / (high - low) * 150 for tick in axis["tickvals"]]
    assert len(places_px) >= 1
    assert all(after - before >= 28 for before, after in pairwise(places_px))


def test_passages_are_counted_in_whole_numbers() -> None:
    """Minor 13: an axis of whole things has no tick at a quarter of one."""
    assert ticks(Axis(title="passages", whole=True), 0.0, 1.08) == [0.0, 1.0]


def test_no_variant_is_best_where_none_is_right() -> None:
    """Minor 4: "Best quality" is not said of 0 %, and one row at 0 % is written with its interval's ends."""
    _, _, snapshot = _snapshot()
    figures = replace(snapshot.lanes[0].figures, quality=Interval(value=0.0, low=0.0, high=0.79))
    lane = replace(snapshot.lanes[0], figures=figures)
    assert COUNTS[0] not in {best.count for best in bests([lane, lane])}
    (view,) = lane_views(replace(snapshot, lanes=(lane,)))
    assert (view["quality"], view["interval"], view["share"]) == ("0 %", "0 to 79", [0.0, 0.0, 0.79])


def test_variants_that_tie_take_one_line_above_the_lanes() -> None:
    """Their names would take a second line, and everything below would jump as they meet and part."""
    _, _, snapshot = _snapshot()
    lane, other = snapshot.lanes[:2]
    tied = replace(other, figures=replace(other.figures, quality=lane.figures.quality))
    app = AppTest.from_function(_bests_line, args=([lane, tied],)).run()
    line = app.markdown[0]
    assert line.value.startswith(f":gray[{COUNTS[0]}] **2 variants** · ")
    assert line.help.startswith(words.plain(say.listed([lane.variant.name, tied.variant.name])))


def _bests_line(lanes: list) -> None:  # type: ignore[type-arg] - of lanes; AppTest runs this text alone
    from components.ui.bests import bests_line

    bests_line(lanes)


def test_a_lane_is_lean_and_says_no_time_left() -> None:
    """Words 41: beside the figure stand only median seconds and cost; the rest is on demand, and no lane has a time left."""
    _, _, snapshot = _snapshot(made=90)
    for view in lane_views(snapshot):
        assert [name for name, *_ in view["beside"]] == ["median", "per 1,000"]
        names = [name for name, *_ in view["figures"]]
        assert names[:5] == ["set-up time", "first word", "slowest 5 %", "tokens/s", "failed"]
        assert "left" not in json.dumps({name: view[name] for name in ("beside", "figures", "interval", "rows")})


def test_throughput_run_shows_no_latency() -> None:
    """Batched answers have no latency of their own, and none is made up."""
    _, _, snapshot = _snapshot()
    figures = replace(snapshot.lanes[0].figures, ttft_p50_s=None, total_p50_s=None, total_p95_s=None)
    lane = replace(snapshot.lanes[0], figures=figures, latencies_s=())
    view = lane_views(replace(snapshot, lanes=(lane,)))[0]
    shown = {name: value for name, value, *_ in (*view["beside"], *view["figures"])}
    assert shown["median"] == shown["first word"] == shown["slowest 5 %"] == say.MISSING
    assert _tradeoff([lane])["data"] == []


def test_strip_marks_rows_not_reached_as_pending() -> None:
    """A variant that is a row behind has a pending cell, not a wrong one."""
    _, _, snapshot = _snapshot(made=120)
    last = strip_view(snapshot)["columns"][-1]["marks"]
    done = [lane.rows_done for lane in snapshot.lanes]
    assert [mark == "pending" for mark in last] == [count < max(done) for count in done]


def test_results_table_has_every_figure() -> None:
    """The table carries the summary's figures unchanged but for their units."""
    lab, run_id, _ = _snapshot()
    variants = lab.results.summary(run_id)["variants"]
    frame = results_frame(variants)
    assert frame["quality"].to_list() == [v["quality"]["value"] * 100 for v in variants]
    assert frame["memory"].to_list() == [410.0] * len(variants)
    assert failures_frame(variants)["Rows"].sum() == sum(v["n_failed"] for v in variants)


def test_other_scores_and_closed_prices() -> None:
    """Scores besides the primary one, and closed APIs' prices where tokens are sent, have tables of their own."""
    lab, run_id, _ = _snapshot()
    variants = lab.results.summary(run_id)["variants"]
    assert scores_frame(variants, "accuracy").columns == ["Variant", "Macro f1"]
    closed = closed_frame(variants)
    assert "Classifier" not in closed["Variant"].to_list()
    assert len(closed) == 5
    for model in closed.columns[1:]:
        told = [
            variant["closed_api_cost_usd_per_1k"][model] for variant in variants if variant["technique"] != "classifier"
        ]
        assert closed[model].to_list() == pytest.approx([usd * 100 for usd in told])
        assert min(told) > 0


def test_results_table_takes_missing_figures() -> None:
    """A figure that was not measured is an empty cell, never a zero."""
    lab, run_id, _ = _snapshot()
    variants = lab.results.summary(run_id)["variants"]
    for variant in variants:
        variant["ttft_s"] = {"p50": None, "p95": None}
        variant["cost_usd_per_1k"] = None
    frame = results_frame(variants)
    assert frame["ttft_p50"].null_count() == frame["cost"].null_count() == len(variants)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("=1+1", "'=1+1"), (" @x", "' @x"), ("-3", "'-3"), ("\tx", "'\tx"), ("a=b", "a=b"), ("", ""), ("\x1b[0m", "␛[0m")],
)
def test_cells_that_a_spreadsheet_would_run_get_an_apostrophe(text: str, shown: str) -> None:
    """What the browser can save as CSV from a table on screen is no formula."""
    assert words.inert(text) == shown
