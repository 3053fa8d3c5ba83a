"""What is trained and measured once in the lab of the tests: LoRA weights and speeds, kept in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.training.library import modelfile
from engine.core.errors import CancelledError, UsageError
from engine.core.generation import LoraWeights, ModelFacts, RowTokens, TokenPair
from engine.core.interval import Interval
from engine.core.lora_library import KeptWeights, Measured, export_name
from engine.core.steps import CancelSignal, Progress
from engine.core.variant import LoraSpec
from tests.memory_lab_models import Answers

TRAIN_S = 81.0
TRAIN_STEPS = 4


class MemoryLibrary:
    """Kept weights in a list, newest first; tests may put some there."""

    def __init__(self) -> None:
        """Begin empty."""
        self.kept: list[KeptWeights] = []

    def weights(self) -> list[KeptWeights]:
        """List them."""
        return list(self.kept)

    def delete(self, key: str) -> None:
        """Remove weights."""
        if all(one.key != key for one in self.kept):
            raise UsageError(f"There are no LoRA weights '{key}'.", "Check the list again.")
        self.kept = [one for one in self.kept if one.key != key]

    def export(self, key: str, form: str, *, instructions: str) -> tuple[str, bytes]:
        """Return a Modelfile in whatever form."""
        one = next(one for one in self.kept if one.key == key)
        return export_name(one, form), modelfile(one.base_name, instructions).encode("utf-8", "replace")

    def note(self, key: str, facts: Mapping[str, Any]) -> None:
        """Put facts beside weights."""
        noted = dict(facts)
        for name in ("before", "after"):
            if isinstance(noted.get(name), Mapping):
                noted[name] = Measured(**{**noted[name], "interval": Interval(**noted[name]["interval"])})
        self.kept = [replace(one, **noted) if one.key == key else one for one in self.kept]


class MemoryTrainer:
    """Trains nothing in a few steps, and keeps the result in the library."""

    def __init__(self, library: MemoryLibrary, answers: Answers) -> None:
        """Keep what is trained in this library."""
        self._library = library
        self._answers = answers
        self._made_at: dict[str, float] = {}

    def find(self, key: str) -> LoraWeights | None:
        """Return weights of the library."""
        one = next((one for one in self._library.kept if one.key == key), None)
        if one is None:
            return None
        return LoraWeights(
            key=key, locator=f"/nowhere/{key}/lora.gguf", base_digest=one.base_digest,
            template_digest=one.template_digest, train_s=one.train_s, best_epoch=one.best_epoch,
            made_at=self._made_at.get(key, 0.0),
        )  # fmt: skip

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
        """Yield a few steps, then weights."""
        losses = tuple(2.0 / step for step in range(1, TRAIN_STEPS + 1))
        for step, loss in enumerate(losses, start=1):
            self._answers.wait(self._answers.step_s, cancel)
            left_s = float(TRAIN_STEPS - step)
            yield Progress(
                stage="Training LoRA weights", fraction=step / TRAIN_STEPS, left_s=left_s, step=step, steps=TRAIN_STEPS,
                loss=loss, tokens_per_s=640.0,
            )  # fmt: skip
        yield Progress(
            stage="Training LoRA weights", fraction=1.0, step=TRAIN_STEPS, steps=TRAIN_STEPS, validation_loss=0.7
        )
        kept = KeptWeights(
            key=key, created_at="2026-11-24T20:00:00+00:00", base_name="memory.gguf", base_digest=model.digest,
            template_digest=model.template_digest, size_bytes=9_800_000, rows=len(pairs), train_s=TRAIN_S,
            peak_rss_bytes=1_300_000_000, parameters={"rank": spec.rank, "alpha": spec.alpha, "epochs": spec.epochs},
            loss_curve=losses, validation_curve=(0.7,), best_epoch=1, epochs_done=spec.epochs,
            files={"lora.gguf": 9_800_000},
        )  # fmt: skip
        self._library.kept = [kept, *self._library.kept]
        self._made_at[key] = time.time()
        found = self.find(key)
        if found is None:
            raise CancelledError("The weights were deleted meanwhile.")
        yield found

    def needed_bytes(self, model: ModelFacts, spec: LoraSpec, rows: Sequence[RowTokens], shared_tokens: int) -> int:
        """Return a gigabyte."""
        return 10**9

    def forget(self, key: str) -> None:
        """Remove weights from the library."""
        if self.find(key) is not None:
            self._library.delete(key)

    def note(self, key: str, facts: Mapping[str, Any]) -> None:
        """Put facts beside weights."""
        self._library.note(key, facts)


class MemorySpeeds:
    """Speed tests by model digest."""

    def __init__(self) -> None:
        """Begin empty."""
        self.kept: dict[str, Mapping[str, Any]] = {}

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what is kept."""
        return self.kept

    def keep(self, digest: str, figures: Mapping[str, Any]) -> None:
        """Keep figures over older ones."""
        self.kept[digest] = dict(figures)


class NoMeter:
    """Counts nothing."""

    def read_joules(self) -> float | None:
        """Say that nothing is counted."""
        return None
