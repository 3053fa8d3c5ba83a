"""Training jobs and saved weights as plain data, frames and figures: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from components.ui.text import inert
from components.widgets.charts import Figure, axis_title, plain_layout
from engine.analysis.basis.trained_weights import NOT_NOTED, effect, facts_of, quality
from engine.charts.style import colour
from engine.core.lora_library import KeptWeights
from engine.metrics import wording as say

_TINTS = ("lora", "few-shot", "rag", "rag+lora")
SMOOTHING = 0.6
"""Weight of what came before in the smoothed loss; a step of a few rows is mostly noise."""


def loss_figure(curves: Sequence[tuple[str, Sequence[tuple[int, float]], Sequence[tuple[int, float]]]]) -> Figure:
    """Draw loss over steps: per training job a smoothed line over the pale single steps, and a dotted one held out.

    Args:
        curves: per training job its name, (step, loss) and (step, loss of the held-out rows).
    """
    data: list[dict[str, Any]] = []
    for (name, losses, held_out), tint in zip(curves, _TINTS, strict=False):
        for points, words, width, opacity in (
            (losses, "loss", 1, 0.4),
            (smoothed(losses), "smoothed loss", 2.5, 1.0),
        ):
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": [step for step, _ in points],
                    "y": [round(loss, 5) for _, loss in points],
                    "line": {"color": colour(tint), "width": width},
                    "opacity": opacity,
                    "showlegend": points is not losses,
                    "hovertemplate": f"step %{{x}}: {words} %{{y:.3f}}<extra></extra>",
                }
            )
        if held_out:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": f"{name}, held out",
                    "x": [step for step, _ in held_out],
                    "y": [round(loss, 5) for _, loss in held_out],
                    "line": {"color": colour(tint), "width": 1.6, "dash": "dot"},
                    "marker": {"color": colour(tint), "size": 7, "symbol": "diamond"},
                    "hovertemplate": "after step %{x}, rows held out: loss %{y:.3f}<extra></extra>",
                }
            )
    layout = plain_layout()
    layout["xaxis"] |= {"title": axis_title("step"), "rangemode": "tozero"}
    layout["yaxis"] |= {"title": axis_title("loss per answer token (pale: each step)"), "rangemode": "tozero"}
    if len(data) > 2:
        layout["showlegend"] = True
        layout["legend"] = {"orientation": "h", "y": 1.12, "x": 0, "font": {"color": colour("text"), "size": 11}}
        layout["margin"] |= {"t": 26}
    return {"data": data, "layout": layout}


def smoothed(losses: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the exponential moving average of (step, loss), without the pull towards zero at the first steps.

    Source of the correction: Kingma and Ba, Adam, 2015, section 3.
    """
    average, found = 0.0, []
    for place, (step, loss) in enumerate(losses, start=1):
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        found.append((step, average / (1 - SMOOTHING**place)))
    return found


def losses_frame(losses: Sequence[tuple[int, float]], held_out: Sequence[tuple[int, float]]) -> pl.DataFrame:
    """Return the figures behind the loss chart: one row per step."""
    beside = dict(held_out)
    return pl.DataFrame(
        [{"Step": step, "Loss": loss, "Loss, held out": beside.get(step)} for step, loss in losses],
        schema={"Step": pl.Int64, "Loss": pl.Float64, "Loss, held out": pl.Float64},
    )


def kept_curves(one: KeptWeights) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Return saved weights' curves as (step, loss); the held-out rows were evaluated after each epoch."""
    losses = list(enumerate(one.loss_curve, start=1))
    epochs = max(len(one.validation_curve), 1)
    steps_an_epoch = len(one.loss_curve) / epochs
    held_out = [(round(steps_an_epoch * epoch), loss) for epoch, loss in enumerate(one.validation_curve, start=1)]
    return losses, held_out


def library_frame(weights: Sequence[KeptWeights]) -> pl.DataFrame:
    """Return the library as a table, newest first."""
    return pl.DataFrame(
        [
            {
                "Trained for": inert(one.task_id) or NOT_NOTED,
                "Base": inert(one.model_id or one.base_name),
                "Rows": one.rows,
                "Before": quality(one.before),
                "After": quality(one.after),
                "Effect": effect(one),
                "Size": one.size_bytes / 1e6,
                "Training": say.duration(one.train_s),
                "Last loss": one.loss_curve[-1] if one.loss_curve else None,
                "Made": say.when(one.created_at),
            }
            for one in weights
        ]
    )


def comparison_frame(one: KeptWeights, other: KeptWeights) -> pl.DataFrame:
    """Return two training jobs side by side: their settings and their results."""
    left, right = _described(one), _described(other)
    rows = []
    for name in {**left, **right}:
        first, second = left.get(name, say.MISSING), right.get(name, say.MISSING)
        rows.append({"": name, "First": first, "Second": second, "Same": "yes" if first == second else "no"})
    return pl.DataFrame(rows)


def facts_frame(one: KeptWeights) -> pl.DataFrame:
    """Return one training job as a two-column table."""
    return pl.DataFrame([{"": name, "Value": value} for name, value in _described(one).items()])


def _described(one: KeptWeights) -> dict[str, str]:
    return {f"{name[0].upper()}{name[1:]}": inert(value) for name, value in facts_of(one).items()}
