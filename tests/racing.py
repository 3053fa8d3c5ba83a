"""Races for tests: a model that is right on so many rows of ten, and runs of prompts that differ by name alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.models.scripted import ScriptedModel
from adapters.storage.run_store import SqliteRunStore
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.manifest import MachineFacts, Manifest
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import Variant
from engine.running.runner import Ports
from tests.helpers import small_task
from tests.memory_lab_training import NoMeter

TASK = small_task(train=9, test=90)
RIGHT = {example.input: example.target for example in small_task(train=9, test=400).examples}
ROWS = {row.input: place for place, row in enumerate(small_task(test=400).split("test"))}
SKILL = {"zero-shot": 0, "few-shot": 9, "rag": 9, "lora": 3}
"""How many rows of ten each variant gets right."""


class Skilled(ScriptedModel):
    """Is right on so many rows of ten, the same ones in every run; the two best err on different rows."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer by slot and row."""
        text = request.messages[-1].content
        place = ROWS.get(text, 0) + (5 if request.slot == "rag" else 0)
        right = (place * 7) % 10 < SKILL[request.slot]
        label = RIGHT[text] if right else next(x for x in TASK.answer.labels if x != RIGHT[text])
        for piece in super().generate(request, cancel=cancel):
            yield replace(piece, text=label)


def race_plan(
    *, names: tuple[str, ...] = tuple(SKILL), rows: int | None = None, race: bool = True, **changes: Any
) -> RunPlan:
    """Plan a race of prompts that differ by name alone; other fields of the plan as keywords."""
    return RunPlan(
        run_id="r", task_id="small", model_id="m", race=race, batch_rows=8,
        variants=tuple(Variant(id=name, technique=Technique(name)) for name in names),
        test_ids=tuple(row.id for row in TASK.split("test"))[:rows],
        train_ids=tuple(row.id for row in TASK.split("train")), **changes,
    )  # fmt: skip


def race_ports(tmp_path: Path, a_plan: RunPlan) -> Ports:
    """Keep the run in a store of its own."""
    tmp_path.mkdir(exist_ok=True)
    store = SqliteRunStore(tmp_path / "runs.sqlite3")
    store.create_run(Manifest(plan=a_plan, machine=MachineFacts(cores=2)))
    return Ports(model=Skilled(), retriever=None, trainer=None, store=store, meter=NoMeter())  # type: ignore[arg-type]
