"""The caller's side of training: refuse early, run the worker, keep the result or nothing."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from adapters.models.gguf_header import GgufHeader, read_header
from adapters.processes.client import WorkerProcess
from adapters.training import kept
from adapters.training.architectures import Architecture, architecture_named, modules_for, refuse_unlike
from adapters.training.libraries import keep_libraries_bytes, known_libraries_bytes
from adapters.training.machine import has_fast_bf16
from adapters.training.memory import MemoryEstimate, Shape, estimate, refuse_if_too_large, shape_of
from engine.core.errors import ModelFileError, TrainingError, UsageError
from engine.core.generation import LoraWeights, ModelFacts, RowTokens, TokenPair
from engine.core.steps import CancelSignal, Progress, check_cancelled
from engine.core.variant import LoraSpec

WORKER_MODULE = "adapters.training.worker"
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
"""Waiting threads sleep instead of spinning, which made training 20 times slower beside one busy program."""
_MOST_PACKED_TOKENS = 1024
"""As `adapters.training.loop.MOST_TOKENS`, which this side must not import (a test holds them equal)."""


class PeftTrainer:
    """Trains LoRA weights in a process of its own and keeps them under `lora_folder`; one training at a time."""

    def __init__(self, lora_folder: Path) -> None:
        """Keep weights under this folder, which is made when first needed."""
        self._lora_folder = lora_folder
        self._busy = threading.Lock()

    def find(self, key: str) -> LoraWeights | None:
        """Return the weights kept under this key, if they are complete."""
        return kept.find_weights(self._lora_folder, key)

    def train(
        self,
        *,
        key: str,
        model: ModelFacts,
        pairs: Sequence[TokenPair],
        data_digest: str,
        spec: LoraSpec,
        held_out: Sequence[TokenPair] = (),
        cancel: CancelSignal | None = None,
    ) -> Iterator[Progress | LoraWeights]:
        """Train; yield progress, then the weights. A cancelled training leaves nothing behind.

        Rows that are held out are not trained on: the weights of the epoch with their lowest loss are kept, and the
        spec's own share of rows for that is not taken.

        Raises:
            UsageError: a key, row or figure of the spec that is invalid.
            UntrainableError: an architecture or file that cannot be trained here.
            NotEnoughMemoryError: the memory estimate exceeds what is free.
            CancelledError: `cancel` was set.
            WorkerDiedError: the training process ended before its result.
        """
        kept.checked_key(key)
        _check(pairs, spec)
        architecture = architecture_named(model.architecture)
        header = read_header(Path(model.path))
        refuse_unlike(header)
        every = [*pairs, *held_out]
        needed = estimate_for(model, header, architecture, every, spec, known_libraries_bytes(self._lora_folder))
        refuse_if_too_large(needed, psutil.virtual_memory().available)
        request = {
            "model_path": model.path,
            "architecture": architecture.name,
            "bf16": has_fast_bf16(),
            "rows": [[pair.prompt_ids, pair.answer_ids] for pair in pairs],
            "held_out": [[pair.prompt_ids, pair.answer_ids] for pair in held_out],
            "spec": dataclasses.asdict(spec),
            "modules": modules_for(architecture, spec.targets),
            "manifest": {
                "key": key,
                "base_digest": model.digest,
                "base_name": Path(model.path).name,
                "template_digest": model.template_digest,
                "data_digest": data_digest,
                "architecture": model.architecture,
                "estimated_peak_bytes": needed.estimated_peak_bytes,
            },
        }
        if not self._busy.acquire(blocking=False):
            raise TrainingError("Another training job is running.", "Wait for it or stop it.")
        try:
            yield from self._run(key, request, cancel)
        finally:
            self._busy.release()

    def needed_bytes(self, model: ModelFacts, spec: LoraSpec, rows: Sequence[RowTokens], shared_tokens: int) -> int:
        """Return the memory that a training needs, estimated from the tokens of its rows.

        Raises:
            UntrainableError: an architecture or file that cannot be trained here.
            ModelFileError: the file cannot be read.
        """
        architecture = architecture_named(model.architecture)
        try:
            state = Path(model.path).stat()
        except OSError as error:
            raise ModelFileError(f"The file of '{model.name}' cannot be read ({error}).", "Check its path.") from error
        shape = _shape(model.path, state.st_mtime_ns, state.st_size, model.parameters)
        libraries = known_libraries_bytes(self._lora_folder)
        return _estimate(shape, architecture, rows, shared_tokens, spec, libraries).estimated_peak_bytes

    def forget(self, key: str) -> None:
        """Remove weights, if they are kept."""
        if (weights := self.find(key)) is not None:
            shutil.rmtree(weights.folder, ignore_errors=True)

    def note(self, key: str, facts: Mapping[str, Any]) -> None:
        """Keep facts beside weights; later ones overwrite earlier ones."""
        kept.note(self._lora_folder, key, facts)

    def _run(
        self, key: str, request: Mapping[str, Any], cancel: CancelSignal | None
    ) -> Iterator[Progress | LoraWeights]:
        check_cancelled(cancel, "The training was stopped before it began.")
        partial = kept.start_partial(self._lora_folder, key)
        worker = WorkerProcess(WORKER_MODULE, name="training process", environment=_ENVIRONMENT)
        result: Mapping[str, Any] = {}
        try:
            payload = {**request, "folder": str(partial)}
            with closing(worker.stream("train", payload, cancel=cancel)) as messages:
                try:
                    for message in messages:
                        if "progress" in message:
                            yield Progress(**message["progress"])
                        result = message.get("result", result)
                except GeneratorExit:
                    # A caller that leaves early does not wait: without this, `closing` would wait for the worker.
                    worker.kill()
                    raise
            if not result:
                raise TrainingError("The training process gave no result.", "Train again.")
            weights = kept.keep(partial, self._lora_folder, key)
            keep_libraries_bytes(self._lora_folder, result["libraries_bytes"])
            yield weights
        finally:
            worker.close()
            shutil.rmtree(partial, ignore_errors=True)


def estimate_for(
    model: ModelFacts,
    header: GgufHeader,
    architecture: Architecture,
    pairs: Sequence[TokenPair],
    spec: LoraSpec,
    libraries_bytes: int,
) -> MemoryEstimate:
    """Estimate the memory of training on these rows."""
    rows = [RowTokens(len(pair.prompt_ids), len(pair.answer_ids)) for pair in pairs]
    shape = shape_of(header, model.parameters)
    return _estimate(shape, architecture, rows, _shared_tokens(pairs), spec, libraries_bytes)


def _estimate(
    shape: Shape,
    architecture: Architecture,
    rows: Sequence[RowTokens],
    shared_tokens: int,
    spec: LoraSpec,
    libraries_bytes: int,
) -> MemoryEstimate:
    """Estimate the memory from the longest rows, as if they fell into one batch: the shared prefix is there once."""
    longest = sorted((row.prompt + row.answer for row in rows), reverse=True)[: spec.batch_size]
    answers = sorted((row.answer for row in rows), reverse=True)[: spec.batch_size]
    packed = shared_tokens + sum(max(1, length - shared_tokens) for length in longest)
    return estimate(
        shape,
        spec,
        packed_tokens=max(longest[0], min(packed, _MOST_PACKED_TOKENS)),
        packed_targets=sum(answers),
        weight_bytes=2 if has_fast_bf16() else 4,
        modules=modules_for(architecture, spec.targets),
        libraries_bytes=libraries_bytes,
    )


def _shared_tokens(pairs: Sequence[TokenPair]) -> int:
    """Count the tokens with which all rows begin."""
    prompts = [pair.prompt_ids for pair in pairs]
    low, high = min(prompts), max(prompts)
    # Of all rows in order, the first and the last share the least: their common prefix is that of all.
    return next((place for place, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))


@lru_cache(maxsize=16)
def _shape(path: str, _changed_ns: int, _size: int, parameters: int) -> Shape:
    """Read the sizes from a file's header, once for each state of the file."""
    return shape_of(read_header(Path(path)), parameters)


def _check(pairs: Sequence[TokenPair], spec: LoraSpec) -> None:
    if not pairs:
        raise UsageError("There are no rows to train on.", "Add rows to the task's train split.")
    if any(not pair.prompt_ids or not pair.answer_ids for pair in pairs):
        raise UsageError("A training row has an empty prompt or answer.", "Every row needs both.")
    wrong = [
        f"{name} = {getattr(spec, name)}"
        for name, sound in (
            ("rank", 1 <= spec.rank <= 256),
            ("alpha", spec.alpha > 0),
            ("dropout", 0 <= spec.dropout < 1),
            ("epochs", spec.epochs >= 1),
            ("learning_rate", 0 < spec.learning_rate < 1),
            ("batch_size", spec.batch_size >= 1),
            ("validation_share", 0 <= spec.validation_share < 1),
            ("patience_epochs", spec.patience_epochs >= 1),
        )
        if not sound
    ]
    if wrong:
        raise UsageError(f"LoRA settings out of range: {', '.join(wrong)}.", "See docs/training.md.")
