"""Training LoRA weights outside a run, as `cli.py train` does: the very weights a run would make and find."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.errors import TrainingError
from engine.core.ports import CancelSignal, LoraWeights, Progress
from engine.core.task import AnswerKind, Task
from engine.core.variant import LoraSpec
from engine.running.preparing import data_digest, lora_key, training_pairs
from engine.running.runner import Ports
from engine.running.sampling import balanced_sample


def train_lora(
    task: Task, ports: Ports, spec: LoraSpec, *, train_rows: int, seed: int, cancel: CancelSignal
) -> Iterator[Progress | tuple[LoraWeights, bool]]:
    """Train, or find what fits; yields progress, then the weights and whether they were there already."""
    by_target = task.answer.kind is AnswerKind.LABEL
    rows = balanced_sample(task.split("train"), train_rows, seed=seed, by_target=by_target)
    pairs = ports.model.tokenize_pairs(training_pairs(task, rows))
    digest = data_digest(pairs)
    key = lora_key(ports.model.facts, digest, spec)
    weights = ports.trainer.find(key)
    if weights is not None:
        yield weights, True
        return
    for step in ports.trainer.train(
        key=key, model=ports.model.facts, pairs=pairs, data_digest=digest, spec=spec, cancel=cancel
    ):
        if isinstance(step, LoraWeights):
            yield step, False
            return
        yield step
    raise TrainingError("The trainer ended without weights.", "Train again.")
