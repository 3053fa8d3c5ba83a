"""What a plain zero-shot variant sends for rows of a task, where a measurement asks a model by itself."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.generation import GenerateRequest
from engine.core.task import Example, Task
from engine.core.techniques import Technique
from engine.running.defaults import default_variant
from engine.running.prompting import build_prompt, decoding_for


def zero_shot_requests(task: Task, rows: Sequence[Example], *, seed: int = 0) -> list[GenerateRequest]:
    """Return the requests, one per row."""
    variant = default_variant(Technique.ZERO_SHOT, task)
    requests = []
    for number, row in enumerate(rows):
        built = build_prompt(task, row.input)
        requests.append(
            GenerateRequest(
                messages=built.messages,
                prefix_messages=built.prefix_messages,
                decoding=decoding_for(task, variant.decoding, seed=seed, row=number),
                slot=variant.id,
            )
        )
    return requests
