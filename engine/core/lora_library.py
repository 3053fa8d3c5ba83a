"""Kept LoRA weights at a glance, and the library that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.core.errors import unknown_name
from engine.core.interval import Interval
from engine.core.text.safe_text import slug
from engine.core.variant import LoraSpec, TrainingPrompts


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A quality on rows that were not trained on, with its 95 % interval."""

    metric: str
    interval: Interval
    rows: int
    split: str
    """Where the rows are from; never `test`, which is only for comparisons."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptWeights:
    """Trained LoRA weights with all that is known of them. What was not measured or noted is None or empty."""

    key: str
    created_at: str
    """UTC, ISO 8601."""
    base_name: str
    base_digest: str
    template_digest: str
    size_bytes: int
    """Of the GGUF file."""
    rows: int
    train_s: float
    peak_rss_bytes: int
    parameters: Mapping[str, Any]
    """As `engine.core.variant.LoraSpec`, as plain data."""
    loss_curve: tuple[float, ...] = ()
    """Mean loss per answer token of each step."""
    validation_curve: tuple[float, ...] = ()
    """Mean loss per answer token of the rows held out, after each epoch; empty if none were."""
    best_epoch: int = 0
    epochs_done: int = 0
    task_id: str = ""
    model_id: str = ""
    seed: int | None = None
    canary_change: float | None = None
    """Largest change of a probability that the weights made when they were tried."""
    before: Measured | None = None
    """Quality of the base without the weights."""
    after: Measured | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    """Bytes by file name."""

    @property
    def spec(self) -> LoraSpec | None:
        """How they were trained; None where what is kept of that cannot be read, or is of another version."""
        try:
            own = {name: self.parameters[name] for name in LoraSpec.__dataclass_fields__ if name in self.parameters}
            prompts = TrainingPrompts(own.get("prompts", TrainingPrompts.PLAIN))
            return LoraSpec(**{**own, "prompts": prompts, "targets": tuple(own.get("targets", LoraSpec().targets))})
        except (TypeError, ValueError):
            return None

    def fits(self, base_digest: str, template_digest: str) -> bool:
        """Tell whether these weights were trained on this base and chat template."""
        return self.base_digest == base_digest and self.template_digest == template_digest


EXPORTS = {
    "peft": "PEFT folder (zip)",
    "gguf": "GGUF file",
    "ollama": "Ollama Modelfile (zip)",
}
"""Formats in which weights can be exported, as shown on screen."""
_ENDINGS = {"peft": "-peft.zip", "gguf": ".gguf", "ollama": "-ollama.zip"}


def speaking_name(one: KeptWeights) -> str:
    """Name weights by their task, training rows and day: `support-tickets-50-rows-2026-11-25`."""
    day = f"-{one.created_at[:10]}" if one.created_at else ""
    return f"{slug(one.task_id) if one.task_id else 'lora'}-{one.rows}-rows{day}"


def export_name(one: KeptWeights, form: str) -> str:
    """Return the name of the file that holds weights in one of the forms of `EXPORTS`.

    Raises:
        UsageError: an unknown form.
    """
    if form not in EXPORTS:
        raise unknown_name("form of export", form, EXPORTS)
    return f"{speaking_name(one)}{_ENDINGS[form]}"


class Library(Protocol):
    """The place where weights are kept."""

    def weights(self) -> list[KeptWeights]:
        """List the weights that are kept complete, newest first."""
        ...

    def delete(self, key: str) -> None:
        """Remove weights; raise `UsageError` if there are none of this key."""
        ...

    def export(self, key: str, form: str, *, instructions: str) -> tuple[str, bytes]:
        """Return a file name and its bytes in one of the forms of `EXPORTS`; the name is that of `export_name`.

        `instructions` are the task's, for a Modelfile's system prompt; empty for none.
        """
        ...
