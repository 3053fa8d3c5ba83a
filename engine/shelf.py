"""Where the laboratory finds tasks, models, adapters and facts: the protocol that `wiring.py` fulfils."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from engine.capabilities import Capabilities
from engine.checkup import Finding
from engine.intake import Intake
from engine.library import Library
from engine.memo import MemoContents
from engine.ports import ModelFacts, ModelOffer, RunStore
from engine.recorded import RecordedRun
from engine.run import RunPlan
from engine.run_table import RunTable
from engine.runner import Ports
from engine.servers import ModelServers
from engine.task import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInfo:
    """A task at a glance."""

    id: str
    title: str
    summary: str
    rows: dict[str, int]
    """Rows per split."""
    documents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """A kept run at a glance."""

    run_id: str
    task_id: str
    model_id: str
    status: str
    started_at: str
    """UTC, ISO 8601."""
    rows_done: int
    rows_total: int
    techniques: tuple[str, ...] = ()
    seed: int = 0
    note: str = ""
    """What the user wrote about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """What a plan will take, before it starts. All figures are estimates."""

    predictions: int
    estimated_s: float
    estimated_training_s: float
    """Part of `estimated_s`; 0 when fitting LoRA weights exist or none are needed."""
    estimated_memory_bytes: int
    free_memory_bytes: int
    problems: tuple[str, ...]
    """Reasons why the plan cannot start; each with its mend."""
    notes: tuple[str, ...]
    estimated_cost_usd: float = 0.0
    """What the tokens cost at a closed API; 0 for models that run on one's own machines."""


class Shelf(Protocol):
    """Where the laboratory finds tasks, models, adapters and facts; `wiring.py` fulfils it."""

    @property
    def store(self) -> RunStore:
        """The run store."""
        ...

    @property
    def intake(self) -> Intake:
        """What turns files into tasks."""
        ...

    def tasks(self) -> list[TaskInfo]:
        """All tasks at a glance."""
        ...

    def task(self, name: str) -> Task:
        """One task by id."""
        ...

    def keep_task(self, task: Task) -> None:
        """Keep a task under its id."""
        ...

    def models(self) -> list[ModelFacts]:
        """All models."""
        ...

    def model(self, name: str) -> ModelFacts:
        """One model with its digest."""
        ...

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """What is known beforehand of what a model's backend can do."""
        ...

    def model_offers(self) -> list[ModelOffer]:
        """Models that wait for their terms to be accepted."""
        ...

    @property
    def servers(self) -> ModelServers:
        """The servers that hold models."""
        ...

    def accept_model(self, name: str) -> None:
        """Accept a model's terms."""
        ...

    def ports(self, model_id: str) -> Ports:
        """The adapters of a run on this model."""
        ...

    def preflight(self, plan: RunPlan, task: Task) -> Preflight:
        """Estimate a plan."""
        ...

    def machine_lock(self) -> AbstractContextManager[bool]:
        """Try to take the machine."""
        ...

    def machine(self) -> dict[str, Any]:
        """Facts of this machine."""
        ...

    def versions(self) -> dict[str, str]:
        """Versions of what computes."""
        ...

    def run_list(self) -> list[RunInfo]:
        """Kept runs, newest first."""
        ...

    def export(self, run_id: str, summary: dict[str, Any]) -> dict[str, bytes]:
        """A run's files by name."""
        ...

    def table(self, run_id: str) -> RunTable:
        """A run's predictions as columns."""
        ...

    def forget(self, run_id: str) -> None:
        """Delete a run and what is kept of it."""
        ...

    def pack(self, run_id: str) -> bytes:
        """A run as one file that `unpack` takes in elsewhere."""
        ...

    def unpack(self, data: bytes) -> str:
        """Take in a packed run; its id."""
        ...

    def memo(self, contents: MemoContents, form: str) -> bytes:
        """A memo as `html` or `md`."""
        ...

    def release(self) -> None:
        """End worker processes that are idle."""
        ...

    @property
    def library(self) -> Library:
        """Kept LoRA weights."""
        ...

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Add a row to a task of the user's, or to a copy of one that ships; return the id of the task that has it."""
        ...

    def sample_run(self) -> RecordedRun | None:
        """The recorded run that ships with the app."""
        ...

    def checkup(self) -> list[Finding]:
        """What is missing on this machine."""
        ...

    def speeds(self) -> dict[str, dict[str, Any]]:
        """Kept speed tests of this machine by model digest."""
        ...

    def keep_speed(self, digest: str, figures: dict[str, Any]) -> None:
        """Keep a speed test."""
        ...
