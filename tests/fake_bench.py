"""A bench without models, for playground, trainings and speed tests: the scripted model, and what it needs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.models.scripted import ScriptedModel
from engine.core.errors import AdaptLabError, unknown_name
from engine.core.generation import ModelFacts, TokenPair
from engine.core.lora_library import EXPORTS, KeptWeights, Measured
from engine.core.ports import Classified, Found, LoraWeights, Prepared, Progress
from engine.core.run.prediction import Passage
from engine.core.task import Task
from engine.metrics.intervals import wilson
from engine.running.runner import Ports


class FakeModel(ScriptedModel):
    """The scripted model, which takes LoRA weights without a change and can be trained on words."""

    def generate(self, request: Any, *, cancel: Any = None) -> Iterator[Any]:
        """Answer as the bare model does."""
        yield from super().generate(replace(request, lora=None), cancel=cancel)

    def tokenize_pairs(self, pairs: Sequence[Any]) -> list[TokenPair]:
        """Count words as tokens."""
        return [TokenPair(prompt_ids=(1, 2, 3), answer_ids=(4,)) for _ in pairs]


class FakeRetriever:
    """Finds the same for all."""

    def index(self, *_: Any, **__: Any) -> Iterator[Progress | Prepared]:
        """Say that an index stands."""
        yield Progress(stage="embedding", fraction=0.5)
        yield Prepared(id="index", build_s=0.0, reused=True)

    def search(self, _index: str, query: str, *, kind: str, k: int, mode: object, reranker: object) -> Found:
        """Find k items."""
        items = tuple(
            Passage(id=f"{kind}-{n}", kind=kind, text=f"{query} again", score=0.9 - n / 10, source=f"{kind}-{n}", target="delivery_order")
            for n in range(k)
        )  # fmt: skip
        return Found(passages=items, retrieval_s=0.01, cpu_s=0.01, rss_bytes=1)

    def fit_classifier(self, *_: Any, **__: Any) -> Iterator[Progress | Prepared]:
        """Say that a classifier stands."""
        yield Prepared(id="classifier", build_s=0.0, reused=True)

    def classify(self, _classifier: str, _text: str) -> Classified:
        """Choose always the same."""
        shares = {"delivery_order": 0.7, "billing_refund": 0.3}
        return Classified(label="delivery_order", probabilities=shares, total_s=0.005, cpu_s=0.0, rss_bytes=1, tokens=7)


class FakeTrainer:
    """Trains in no time, and notes into the fake library."""

    def __init__(self, library: FakeLibrary) -> None:
        """Keep what is trained in this library."""
        self._library = library

    def find(self, key: str) -> LoraWeights | None:
        """Find what the library has."""
        one = next((w for w in self._library.kept if w.key == key), None)
        return None if one is None else _weights(one)

    def train(self, *, key: str, model: ModelFacts, pairs: Sequence[TokenPair], **_: Any) -> Iterator[Any]:
        """Yield a few steps, then weights."""
        for step in range(1, 5):
            yield Progress(stage="training", fraction=step / 4, left_s=4.0 - step, step=step, loss=2.0 / step)
        yield Progress(stage="training", fraction=1.0, step=4, validation_loss=0.7)
        one = fake_weights(key=key, base_digest=model.digest, template_digest=model.template_digest, rows=len(pairs))
        self._library.kept.insert(0, one)
        yield _weights(one)

    def note(self, key: str, facts: Mapping[str, Any]) -> None:
        """Remember facts."""
        self._library.notes.setdefault(key, {}).update(facts)


class FakeLibrary:
    """Kept weights in memory."""

    def __init__(self) -> None:
        """Begin empty."""
        self.kept: list[KeptWeights] = []
        self.notes: dict[str, dict[str, Any]] = {}

    def weights(self) -> list[KeptWeights]:
        """List them."""
        return list(self.kept)

    def delete(self, key: str) -> None:
        """Forget one."""
        self.kept = [one for one in self.kept if one.key != key]

    def export(self, key: str, form: str, *, base_path: str, instructions: str) -> tuple[str, bytes]:
        """Return next to nothing."""
        if form not in EXPORTS:
            raise unknown_name("form of export", form, EXPORTS)
        return f"{key}.{form}", f"FROM {base_path}\n{instructions}".encode()


class NoMeter:
    """Counts nothing."""

    def read_joules(self) -> float | None:
        """Say that nothing is counted."""
        return None


class FakeBench:
    """What playground, trainings and speed tests ask of a shelf."""

    def __init__(self, task: Task, model: ModelFacts, *, pace_s: float = 0.0) -> None:
        """Lay out one task and one model."""
        self._task, self._model = task, model
        self.library = FakeLibrary()
        self.taken = False
        self.kept_speeds: dict[str, dict[str, Any]] = {}
        self.pace_s = pace_s

    def task(self, name: str) -> Task:
        """Return the one task."""
        if name != self._task.id:
            raise unknown_name("task", name, [self._task.id])
        return self._task

    def ports(self, _model_id: str) -> Ports:
        """Return ports without models."""
        model = FakeModel(self._model, seconds_per_piece=self.pace_s)
        return Ports(
            model=model, retriever=FakeRetriever(), trainer=FakeTrainer(self.library), store=None, meter=NoMeter()
        )  # type: ignore[arg-type]

    @contextlib.contextmanager
    def machine_lock(self) -> Iterator[bool]:
        """Be free unless told otherwise."""
        yield not self.taken

    def speeds(self) -> dict[str, dict[str, Any]]:
        """Return kept speeds."""
        return self.kept_speeds

    def keep_speed(self, digest: str, figures: dict[str, Any]) -> None:
        """Keep one."""
        self.kept_speeds[digest] = figures


def fake_weights(**changes: Any) -> KeptWeights:
    """Build kept weights that are not there."""
    usual = KeptWeights(
        key="0123456789abcdef", created_at="2026-11-24T20:00:00+00:00", base_name="fake.gguf", base_digest="ab" * 32,
        template_digest="", size_bytes=9_800_000, rows=50, train_s=81.0, peak_rss_bytes=1_300_000_000,
        parameters={"rank": 8, "alpha": 16.0, "epochs": 6, "targets": ["q_proj", "v_proj"]},
        loss_curve=(2.0, 1.1, 0.6, 0.4), validation_curve=(1.0, 0.7), best_epoch=2, epochs_done=2,
        task_id="fake-tickets", model_id="fake-135m", seed=0, canary_change=0.31,
        before=Measured(metric="accuracy", interval=wilson(14, 30), rows=30, split="validation"),
        after=Measured(metric="accuracy", interval=wilson(27, 30), rows=30, split="validation"),
        files={"lora.gguf": 9_800_000},
    )  # fmt: skip
    return replace(usual, **changes)


def _weights(one: KeptWeights) -> LoraWeights:
    return LoraWeights(
        key=one.key, folder=Path("/nowhere"), gguf=Path("/nowhere/lora.gguf"), base_digest=one.base_digest,
        template_digest=one.template_digest, train_s=one.train_s,
    )  # fmt: skip


def until(wanted: Any, *, seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    ends = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > ends:
            message = "waited in vain"
            raise AdaptLabError(message)
        time.sleep(0.01)
