"""What a backend can do, as frozen data beside it. What it cannot do is reported beforehand, never faked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Support(StrEnum):
    """Whether a backend can do something."""

    YES = "yes"
    DEPENDS = "depends"
    """Depends on the server or the model; known only once the server is asked."""
    NO = "no"


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What one backend can do. `reasons` says, for what is not a plain yes, why or on what it depends."""

    streaming: Support
    choice: Support
    choice_probabilities: Support
    json_schema: Support
    logprobs: Support
    lora_serving: Support
    lora_training: Support
    batching: Support
    own_timings: Support
    cached_tokens: Support
    counts_tokens: Support
    kept_prompts: Support
    """What the prompts of several variants begin with, at once; else it is read again whenever they take turns."""
    holds_all: Support
    """The base and LoRA weights at once; else a model is loaded whenever they take turns."""
    takes_temperature: Support = Support.YES
    """Else the server samples in its own way, and the same prompt has another answer each time."""
    takes_seed: Support = Support.YES
    """Else answers at a temperature over 0 cannot be had again."""
    takes_stop: Support = Support.YES
    """Else the server writes beyond the end of an answer, which is cut off here."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """By the name of a field above."""

    def reason(self, name: str) -> str:
        """Say why a capability is not a plain yes; empty if it is."""
        return self.reasons.get(name, "")


TITLES: dict[str, str] = {
    "streaming": "Streams the answer as it is written",
    "choice": "Choice: always answers with one of the labels",
    "choice_probabilities": "Probabilities of labels",
    "json_schema": "JSON under a schema",
    "logprobs": "Log-probabilities of tokens",
    "lora_serving": "Serves LoRA weights",
    "lora_training": "LoRA weights can be trained for it here",
    "batching": "Several rows at once",
    "own_timings": "Reports its own timings of prompt and answer",
    "cached_tokens": "Reports how much of a prompt was cached",
    "counts_tokens": "Counts a prompt's tokens before it is sent",
    "kept_prompts": "Keeps the beginnings of several variants' prompts at once",
    "holds_all": "Holds the base and LoRA weights at once",
    "takes_temperature": "Uses the requested temperature",
    "takes_seed": "Uses the requested seed",
    "takes_stop": "Uses the requested stop words",
}
"""What each capability is, in words, in the order of the table."""


def learned(before: Capabilities, now: Capabilities) -> list[str]:
    """Say what a backend turned out not to be able to do, each reason once."""
    lost = [name for name in TITLES if getattr(now, name) is Support.NO and getattr(before, name) is not Support.NO]
    return list(dict.fromkeys(now.reason(name) for name in lost if now.reason(name)))


def table(backends: Mapping[str, Capabilities]) -> str:
    """Write the table backend x capability as Markdown, with a numbered note for each reason."""
    notes: list[str] = []
    lines = [
        "| | " + " | ".join(backends) + " |",
        "|---" * (len(backends) + 1) + "|",
    ]
    for name, title in TITLES.items():
        cells = []
        for capabilities in backends.values():
            support, reason = Support(getattr(capabilities, name)), capabilities.reason(name)
            if reason and reason not in notes:
                notes.append(reason)
            cells.append(f"{support} ({notes.index(reason) + 1})" if reason else str(support))
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines += ["", *(f"{number}. {note}" for number, note in enumerate(notes, start=1))]
    return "\n".join(lines) + "\n"
