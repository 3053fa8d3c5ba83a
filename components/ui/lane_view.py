"""What the lanes and the strip of rows show, as plain data: pure functions from a snapshot.

The browser inserts every string as text. Nothing here is markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from components.ui.text import visible
from engine.analysis.marks import EXPLAINED, FigureName
from engine.analysis.snapshot import Lane, RunSnapshot
from engine.core.steps import Progress
from engine.metrics import wording as say
from engine.metrics.marks import Mark, cell, heading, with_sentences

STRIP_ROWS = 24
"""How many rows the strip shows."""
_ANSWER_CHARACTERS = 400
"""A lane cuts longer answers; an opened row shows the whole answer."""

HELP = {
    "quality": "Share of rows answered right so far, with its 95 % interval.",
    "score": "Mean score of the rows so far, with its 95 % interval; an answer can be right in part.",
    "median": "Half of the answers were complete within this time, retrieval included.",
    "per 1,000": EXPLAINED[FigureName.COST],
    "set-up time": "Seconds spent once, before the first answer: training, indexing or fitting.",
    "first word": "Median seconds from the start of a row, retrieval included, to the first token of its answer.",
    "slowest 5 %": EXPLAINED[FigureName.TOTAL],
    "tokens/s": "Prompt tokens read per second, then tokens written per second where text is written token by token.",
    "failed": "Rows without an answer; each counts as wrong and is saved with its reason.",
    "unmarked": "How the figures of this lane without a mark of their own were obtained.",
}
"""One sentence for each figure of a lane."""
_NAMED = {
    "unmarked": FigureName.QUALITY,
    "median": FigureName.TOTAL,
    "per 1,000": FigureName.COST,
    "set-up time": FigureName.PREPARE,
    "first word": FigureName.TTFT,
    "slowest 5 %": FigureName.TOTAL,
    "tokens/s": FigureName.TOKEN_SPEED,
}
"""What is marked where it was not measured here."""
_GLYPHS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle-up": "▲",
    "star": "★",
    "hexagon": "⬢",
    "cross": "✚",
}
"""A technique's symbol in the charts, as a letter."""


def lane_views(snapshot: RunSnapshot) -> list[dict[str, Any]]:
    """Return each lane as the browser shows it."""
    return [_lane(lane, snapshot) for lane in snapshot.lanes]


def _lane(lane: Lane, snapshot: RunSnapshot) -> dict[str, Any]:
    look, planned = lane.variant.style, len(snapshot.plan.test_ids)
    # A chosen label is not written token by token, so a writing speed would be meaningless.
    chosen = lane.last is not None and bool(lane.last.probabilities)
    figures_so_far = lane.figures
    written = figures_so_far.decode_tokens_per_s if figures_so_far and not chosen else None
    read = figures_so_far.prefill_tokens_per_s if figures_so_far else None
    speeds = [value for value in (read, written) if value is not None]
    more = {
        "set-up time": _set_up(lane),
        "first word": say.seconds(lane.ttft_p50_s),
        "slowest 5 %": say.seconds(lane.total_p95_s),
        "tokens/s": "·".join(say.short(value) for value in speeds) or say.MISSING,
        "failed": say.number(lane.failed),
    }
    if _usual(lane).sign:
        more["unmarked"] = _usual(lane).sign
    quality = lane.quality
    return {
        "id": lane.variant.id,
        "name": lane.name,
        "light": look.light,
        "dark": look.dark,
        "glyph": _GLYPHS.get(look.symbol, "●"),
        "is_out": lane.is_out,
        "rows": f"{say.number(lane.rows_done)}/{say.number(planned)}",
        "quality": say.share(quality),
        "quality_help": with_sentences(HELP["quality" if lane.is_share else "score"], [_usual(lane)]),
        "interval": f"out after {say.number(lane.rows_done)} rows" if lane.is_out else say.ends(quality, missing=""),
        "share": None if quality is None else [quality.low, quality.value, quality.high],
        "spoken": f"{lane.name}: {_spoken(lane)}",
        "beside": [
            _figure("median", say.seconds(lane.total_p50_s), lane),
            _figure("per 1,000", say.money(lane.cost_usd_per_1k), lane),
        ],
        "figures": [_figure(name, value, lane) for name, value in more.items()],
        "preparing": _preparing(lane),
        "answer": _answer(lane, snapshot),
    }


def _spoken(lane: Lane) -> str:
    if lane.quality is None:
        return "no answers yet"
    return say.scored(say.share_interval(lane.quality), is_share=lane.is_share)


def _figure(name: str, value: str, lane: Lane) -> list[str]:
    """Return a figure as its name, its value, the sentence about it, and its mark if that is not the lane's own."""
    if name not in _NAMED:
        return [name, value, HELP[name], ""]
    mark = lane.mark(_NAMED[name])
    return [name, value, with_sentences(HELP[name], [mark]), "" if mark is _usual(lane) else mark.sign]


def _usual(lane: Lane) -> Mark:
    """Return what the lane's figures are unless they carry a mark of their own."""
    return lane.mark(FigureName.QUALITY)


def lanes_frame(lanes: Sequence[Lane]) -> pl.DataFrame:
    """Return the figures behind the charts as a table, as they are written on screen."""

    def title(words: str, figure: FigureName) -> str:
        return heading(words, [lane.mark(figure) for lane in lanes])

    def written(lane: Lane, text: str, figure: FigureName) -> str:
        return cell(text, lane.mark(figure), [other.mark(figure) for other in lanes])

    return pl.DataFrame(
        [
            {
                "Variant": lane.name,
                "Rows": lane.rows_done,
                "Failed": lane.failed,
                title("Quality", FigureName.QUALITY): say.share(lane.quality),
                "95 % interval": say.share_ends(lane.quality),
                title("First word, median", FigureName.TTFT): say.seconds(lane.ttft_p50_s),
                title("Answer, median", FigureName.TOTAL): say.seconds(lane.total_p50_s),
                title("Answer, slowest 5 %", FigureName.TOTAL): say.seconds(lane.total_p95_s),
                title("Cost per 1,000", FigureName.COST): written(
                    lane, say.money(lane.cost_usd_per_1k), FigureName.COST
                ),
                title("Set-up time", FigureName.PREPARE): _set_up(lane),
            }
            for lane in lanes
        ]
    )


def _set_up(lane: Lane) -> str:
    if lane.prepare_s is None:
        return say.MISSING
    return "reused" if lane.prepare_reused and lane.prepare_s == 0 else say.duration(lane.prepare_s)


def _preparing(lane: Lane) -> dict[str, Any] | None:
    progress = lane.progress
    if lane.state != "preparing" or progress is None:
        return None
    return {
        "fraction": min(max(progress.fraction, 0.0), 1.0),
        "text": stage(replace(progress, left_s=None)),
        "detail": detail(progress),
    }


def stage(progress: Progress) -> str:
    """Describe a preparation stage and its time left."""
    left = f" · {say.duration(progress.left_s)} left" if progress.left_s is not None else ""
    name = visible(progress.stage)
    return name[:1].upper() + name[1:] + left


def step_of_total(progress: Progress) -> str:
    """Write how far a training is: `step 7 of 18`."""
    return f"step {progress.step}" + (f" of {progress.steps}" if progress.steps is not None else "")


def detail(progress: Progress) -> str:
    """Describe the progress of a preparation: its count, loss, speed."""
    told = visible(progress.detail)
    parts = [told or (step_of_total(progress) if progress.step is not None else "")]
    if progress.loss is not None:
        parts.append(f"loss {say.loss(progress.loss)}")
    if progress.tokens_per_s is not None:
        parts.append(f"{say.short(progress.tokens_per_s)} tokens/s")
    return " · ".join(filter(None, parts))


def _answer(lane: Lane, snapshot: RunSnapshot) -> dict[str, str]:
    if lane.is_out:
        return {"mark": "none", "text": f"out after {say.number(lane.rows_done)} rows", "target": "clearly behind"}
    writing = lane.state == "answering" and snapshot.is_running
    last = lane.last
    if writing:
        mark, text = "writing", lane.text
    elif last is not None:
        mark = last.outcome
        text = last.failure.message if last.failure else (last.text or last.answer or "")
    else:
        return {"mark": "none", "text": "", "target": "no answers yet" if snapshot.is_running else "no answers"}
    return {
        "mark": mark,
        "text": visible(text[-_ANSWER_CHARACTERS:] if writing else text[:_ANSWER_CHARACTERS]),
        "target": f"target {visible(lane.target[:_ANSWER_CHARACTERS])}",
    }


def strip_view(snapshot: RunSnapshot) -> dict[str, Any]:
    """Return the last rows that any variant has reached, each with every variant's outcome."""
    marks = [dict(zip(lane.example_ids, lane.outcomes, strict=True)) for lane in snapshot.lanes]
    reached = max((len(lane.outcomes) for lane in snapshot.lanes), default=0)
    first = max(0, reached - STRIP_ROWS)
    columns = []
    for position, example_id in enumerate(snapshot.plan.test_ids[first:reached], start=first + 1):
        found = [mark.get(example_id, "pending") for mark in marks]
        told = ", ".join(
            f"{lane.name} {'out' if lane.is_out and mark == 'pending' else mark}"
            for lane, mark in zip(snapshot.lanes, found, strict=True)
        )
        columns.append({"id": example_id, "marks": found, "label": f"Row {position}, {visible(example_id)}: {told}"})
    lanes = [
        {"name": lane.name, "light": look.light, "dark": look.dark}
        for lane in snapshot.lanes
        for look in [lane.variant.style]
    ]
    return {"title": f"Last {STRIP_ROWS} rows", "lanes": lanes, "columns": columns, "room": STRIP_ROWS}


def each_lane(snapshot: RunSnapshot, tell: Callable[[Lane], str]) -> str:
    """Describe every lane, one after the other."""
    return "; ".join(f"{lane.name}: {tell(lane)}" for lane in snapshot.lanes) + "."
