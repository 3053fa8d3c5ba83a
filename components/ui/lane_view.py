"""What the lanes and the strip of rows show, as plain data: pure functions from a snapshot.

The browser puts every string in as text. Nothing here is markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from components.ui.palette import LOOKS, label
from components.ui.text import MISSING, duration, money, percent, plus_minus, seconds, short, visible
from engine.analysis.progress import Lane, RunSnapshot, outcome
from engine.core.interval import Interval
from engine.core.ports import Progress

STRIP_ROWS = 24
"""How many rows the strip shows."""
_ANSWER_CHARACTERS = 400
"""More is cut on a lane; the row browser has the whole answer."""

HELP = {
    "time left": "Estimated until the last row; variants take turns row by row, so that all end together.",
    "quality": "Share of rows answered right so far; ± is half the width of the 95 % interval.",
    "first token": "Median seconds from the start of a row, retrieval included, to the first token of its answer.",
    "p95": "95 of 100 answers were complete within this time.",
    "per 1,000": "Estimated cost of 1,000 answers on this machine: its time and its electricity.",
    "tokens/s": "Prompt tokens read per second, then tokens written per second where text is written token by token.",
    "one-off": "Seconds spent once, before the first answer: training, indexing or fitting.",
    "failed": "Rows without an answer; each counts as wrong and is kept with its reason.",
}
"""One sentence for each figure of a lane."""


def lane_views(snapshot: RunSnapshot) -> list[dict[str, Any]]:
    """Return each lane as the browser shows it."""
    return [_lane(lane, snapshot) for lane in snapshot.lanes]


def _lane(lane: Lane, snapshot: RunSnapshot) -> dict[str, Any]:
    look = LOOKS[lane.variant.technique]
    # A label that is chosen is not written token by token, so that a speed of writing would mean nothing.
    chosen = lane.last is not None and bool(lane.last.probabilities)
    written = None if chosen else lane.decode_tokens_per_s
    speeds = [value for value in (lane.prefill_tokens_per_s, written) if value is not None]
    figures = {
        "time left": _time_left(lane, snapshot),
        "first token": seconds(lane.ttft_p50_s),
        "p95": seconds(lane.total_p95_s),
        "per 1,000": money(lane.estimated_cost_usd_per_1k),
        "tokens/s": "·".join(short(value) for value in speeds) or MISSING,
        "one-off": _one_off(lane),
        "failed": str(lane.failed),
    }
    return {
        "id": lane.variant.id,
        "name": label(lane.variant.technique),
        "light": look.light,
        "dark": look.dark,
        "rows": f"{lane.rows_done}/{lane.rows_total}",
        "fraction": lane.rows_done / max(lane.rows_total, 1),
        "quality": percent(lane.quality.value) if lane.quality else MISSING,
        "interval": plus_minus(lane.quality),
        "figures": [[name, value, HELP[name]] for name, value in figures.items()],
        "quality_help": HELP["quality"],
        "preparing": _preparing(lane),
        "answer": _answer(lane, snapshot),
    }


def lanes_frame(lanes: Sequence[Lane]) -> pl.DataFrame:
    """Return the figures behind the charts as a table, as they are written on screen."""
    return pl.DataFrame(
        [
            {
                "Variant": label(lane.variant.technique),
                "Rows": lane.rows_done,
                "Failed": lane.failed,
                "Quality": percent(lane.quality.value if lane.quality else None),
                "95 % interval": _between(lane.quality),
                "First token p50": seconds(lane.ttft_p50_s),
                "Answer p50": seconds(lane.total_p50_s),
                "Answer p95": seconds(lane.total_p95_s),
                "Cost per 1,000 (est.)": money(lane.estimated_cost_usd_per_1k),
                "One-off": _one_off(lane),
            }
            for lane in lanes
        ]
    )


def _between(interval: Interval | None) -> str:
    return MISSING if interval is None else f"{percent(interval.low)} to {percent(interval.high)}"


def _one_off(lane: Lane) -> str:
    if lane.prepare_s is None:
        return MISSING
    return "kept" if lane.prepare_reused and lane.prepare_s == 0 else duration(lane.prepare_s)


def _time_left(lane: Lane, snapshot: RunSnapshot) -> str:
    if lane.rows_done >= lane.rows_total:
        return "done"
    return duration(snapshot.estimated_left_s) if snapshot.is_running else MISSING


def _preparing(lane: Lane) -> dict[str, Any] | None:
    progress = lane.progress
    if lane.state != "preparing" or progress is None:
        return None
    return {"fraction": min(max(progress.fraction, 0.0), 1.0), "text": stage(progress), "detail": detail(progress)}


def stage(progress: Progress) -> str:
    """Say what a preparation does and how long it will take."""
    left = f" · {duration(progress.left_s)} left" if progress.left_s is not None else ""
    name = visible(progress.stage)
    return name[:1].upper() + name[1:] + left


def detail(progress: Progress) -> str:
    """Say where a preparation stands: step, loss, speed."""
    parts = []
    if progress.step is not None:
        parts.append(f"step {progress.step}")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.tokens_per_s is not None:
        parts.append(f"{short(progress.tokens_per_s)} tokens/s")
    return " · ".join(parts) or visible(progress.detail)


def _answer(lane: Lane, snapshot: RunSnapshot) -> dict[str, str]:
    writing = lane.state == "answering" and snapshot.is_running
    last = lane.last
    if writing:
        mark, text = "writing", lane.text
    elif last is not None:
        mark = outcome(last)
        text = last.failure.message if last.failure else (last.text or last.answer or "")
    else:
        return {"mark": "none", "text": "", "target": _waiting(lane, snapshot)}
    return {
        "mark": mark,
        "text": visible(text[-_ANSWER_CHARACTERS:] if writing else text[:_ANSWER_CHARACTERS]),
        "target": f"target {visible(lane.target[:_ANSWER_CHARACTERS])}",
    }


def _waiting(lane: Lane, snapshot: RunSnapshot) -> str:
    if not snapshot.is_running:
        return "no answer was made"
    return {"waiting": "waiting", "ready": "ready", "preparing": "getting ready"}.get(lane.state, lane.state)


def strip_view(snapshot: RunSnapshot) -> dict[str, Any]:
    """Return the last rows that any variant has reached, each with every variant's outcome."""
    marks = [dict(lane.outcomes) for lane in snapshot.lanes]
    reached = max((len(lane.outcomes) for lane in snapshot.lanes), default=0)
    first = max(0, reached - STRIP_ROWS)
    columns = []
    for position, example_id in enumerate(snapshot.plan.test_ids[first:reached], start=first + 1):
        found = [mark.get(example_id, "pending") for mark in marks]
        told = ", ".join(
            f"{label(lane.variant.technique)} {mark}" for lane, mark in zip(snapshot.lanes, found, strict=True)
        )
        columns.append({"id": example_id, "marks": found, "label": f"Row {position}, {visible(example_id)}: {told}"})
    lanes = [
        {"name": label(lane.variant.technique), "light": look.light, "dark": look.dark}
        for lane in snapshot.lanes
        for look in [LOOKS[lane.variant.technique]]
    ]
    return {"title": f"Last {STRIP_ROWS} rows", "lanes": lanes, "columns": columns, "room": STRIP_ROWS}


def told_tradeoff(snapshot: RunSnapshot) -> str:
    """Tell the tradeoff chart in words."""
    return "Quality against median seconds per answer. " + each_lane(
        snapshot, lambda lane: f"{percent(lane.quality.value if lane.quality else None)} at {seconds(lane.total_p50_s)}"
    )


def each_lane(snapshot: RunSnapshot, tell: Callable[[Lane], str]) -> str:
    """Tell something of every lane, one after the other."""
    return "; ".join(f"{label(lane.variant.technique)}: {tell(lane)}" for lane in snapshot.lanes) + "."
