"""Where the laboratory finds tasks, models, adapters and facts: the protocol that `wiring.py` fulfils."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from engine.analysis.memo import MemoContents
from engine.analysis.run_table import RunTable
from engine.core.capabilities import Capabilities
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.health import Finding
from engine.core.lora_library import Library
from engine.core.model_servers import ModelServers
from engine.core.ports import RunStore
from engine.core.run.infos import Preflight, RunInfo, TaskInfo
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.ingest.intake import Intake
from engine.running.runner import Ports
from engine.services.recorded import RecordedRun


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
