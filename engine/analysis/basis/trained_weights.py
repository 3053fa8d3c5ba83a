"""What is known of trained LoRA weights, in words: how they were trained, and what that came to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.core.lora_library import KeptWeights, Measured
from engine.core.variant import LoraSpec, TrainingPrompts
from engine.metrics import wording as say

PARAMETERS = {
    "rank": "rank",
    "alpha": "alpha",
    "dropout": "dropout",
    "epochs": "epochs",
    "learning_rate": "learning rate",
    "batch_size": "rows per step",
    "validation_share": "share held out",
    "patience_epochs": "patience (epochs)",
    "seed": "seed",
    "targets": "layers",
    "prompts": "training prompts",
    "stop_after_epochs": "epochs gone through",
}
DECIDED_BY_RUNS = ("seed", "prompts")
"""What a run decides itself, whatever weights were trained with."""
NOT_MEASURED = "not measured"
NOT_NOTED = "not noted"


def facts_of(one: KeptWeights) -> dict[str, str]:
    """Return everything that is known about one training, by name; texts of others are as they are."""
    known = {name: value for name, value in one.parameters.items() if value is not None}
    parameters = {title: _written(known[name]) for name, title in PARAMETERS.items() if name in known}
    return {
        "trained for": one.task_id or NOT_NOTED,
        "base": one.base_name,
        "training rows": say.number(one.rows),
        **parameters,
        "steps": say.number(len(one.loss_curve)),
        "last loss": say.loss(one.loss_curve[-1] if one.loss_curve else None),
        "best loss, held out": say.loss(min(one.validation_curve, default=None)),
        "quality before": _quality_told(one.before),
        "quality after": _quality_told(one.after),
        "effect": effect(one),
        "training time": say.duration(one.train_s),
        "peak memory": say.size(one.peak_rss_bytes or None),
        "GGUF size": say.size(one.size_bytes),
        "made": say.when(one.created_at),
        "id": one.key,
    }


def unlike_usual(spec: LoraSpec) -> str:
    """Say in what a training differs from the usual one; empty where in nothing that a run does not decide itself."""
    usual, own = asdict(LoraSpec()), asdict(spec)
    names = [name for name in PARAMETERS if own[name] != usual[name] and name not in DECIDED_BY_RUNS]
    return say.listed([f"{PARAMETERS[name]} {_written(own[name])}" for name in names])


def short_name(one: KeptWeights, task: str) -> str:
    """Name weights in a list of them: their task as it is written, their rows, what they were trained on, and when."""
    served = one.parameters.get("prompts") == TrainingPrompts.SERVED
    on = " with what RAG retrieves" if served else ""
    return f"{task} · {say.counted(one.rows, 'row')}{on} · {say.when(one.created_at)}"


def effect(one: KeptWeights) -> str:
    """Say what the canary found: whether the weights change the base's output."""
    return "not tested" if one.canary_change is None else f"changes a probability by {one.canary_change:.2g}"


def quality(measured: Measured | None) -> str:
    """Write a measured quality."""
    return NOT_MEASURED if measured is None else say.share(measured.interval)


def quality_basis(measured: Measured | None) -> str:
    """Say how sure a measured quality is: its interval and its rows; or why there is none."""
    if measured is None:
        return "Weights that a run trained are measured by that run."
    return f"95 % interval {say.share_ends(measured.interval)}, {say.counted(measured.rows, 'row')} not trained on"


def _quality_told(measured: Measured | None) -> str:
    return NOT_MEASURED if measured is None else f"{quality(measured)} ({quality_basis(measured)})"


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(part).removesuffix("_proj") for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
