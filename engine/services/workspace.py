"""What the lab works with: the adapters of this machine, put together by `wiring`, or those of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.analysis.memo import MemoContents
from engine.analysis.run_table import RunTable
from engine.core.capabilities import Capabilities
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.health import Finding
from engine.core.lora_library import Library
from engine.core.model_servers import ModelServers
from engine.core.ports import EnergyMeter, LanguageModel, Retriever, RunStore, Trainer
from engine.core.run.infos import TaskInfo, TaskSetAside
from engine.core.run.manifest import MachineFacts
from engine.core.task import Task
from engine.ingest.intake import Intake
from engine.running.runner import Ports
from engine.services.recorded import RecordedRun


class TaskStore(Protocol):
    """Where tasks are kept: those that ship, and the user's own."""

    def infos(self) -> list[TaskInfo]:
        """All tasks at a glance."""
        ...

    def set_aside(self) -> list[TaskSetAside]:
        """Task folders that cannot be read, each with the reason and its fix."""
        ...

    def get(self, name: str) -> Task:
        """One task by id, or by the path of its folder."""
        ...

    def old_digest(self, name: str) -> str:
        """The digest under which runs of version 1 kept this task."""
        ...

    def keep(self, task: Task) -> None:
        """Keep a task under its id."""
        ...

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Add a row to a task of the user's, or to a copy of one that ships; the id of the task that has it."""
        ...

    def check(self, folder: Path) -> Task:
        """Read any task folder; the first fault is raised."""
        ...

    def write(self, task: Task, folder: Path) -> None:
        """Write a task as a folder, and read it back."""
        ...


class ModelStore(Protocol):
    """Where models are found: files of this machine, and servers."""

    def list(self) -> list[ModelFacts]:
        """All models, those at servers last."""
        ...

    def get(self, model_id: str) -> ModelFacts:
        """One model with its digest."""
        ...

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """What is known beforehand of what a model's backend can do."""
        ...

    def offers(self) -> Sequence[ModelOffer]:
        """Models that wait for their terms to be accepted."""
        ...

    def accept(self, model_id: str) -> None:
        """Accept a model's terms."""
        ...

    def refused(self) -> Sequence[str]:
        """Files of the user's folders that cannot be used, and why."""
        ...

    def set_aside(self) -> Sequence[str]:
        """Files that are not models of their own."""
        ...

    def open(self, model_id: str) -> LanguageModel:
        """The model, ready to be loaded; one is open at a time."""
        ...

    def close(self) -> None:
        """End the model that is open."""
        ...


class Machine(Protocol):
    """This machine: what it is, and who may measure it."""

    def facts(self) -> MachineFacts:
        """What the figures of a run depend on."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Versions of the packages that compute."""
        ...

    def free_memory_bytes(self) -> int:
        """Memory that is free for new work."""
        ...

    def lock(self) -> AbstractContextManager[bool]:
        """Try to take the machine for one piece of work; yields whether it was free."""
        ...

    def check(self, *, models: int) -> Sequence[Finding]:
        """What is missing or scarce."""
        ...


class FiguresOfMachine(Protocol):
    """What was measured on this machine, by model."""

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Figures by model: its digest, or its id where a server may change under it."""
        ...

    def keep(self, digest: str, figures: Mapping[str, Any]) -> None:
        """Keep figures over older ones."""
        ...


class RunFiles(Protocol):
    """Runs in other forms: as columns, as files, as one archive, as a memo."""

    def table(self, run_id: str) -> RunTable:
        """A run's predictions as columns."""
        ...

    def forget(self, run_id: str) -> None:
        """Delete what is kept of a run beside the store."""
        ...

    def export(self, run_id: str, summary: Mapping[str, Any] | None, inputs: Mapping[str, str]) -> Mapping[str, bytes]:
        """A run's files by name; `inputs` holds what the variants were given, by example."""
        ...

    def zipped(self, files: Mapping[str, bytes]) -> bytes:
        """Files as one archive."""
        ...

    def pack(self, run_id: str) -> bytes:
        """A run as one file that `unpack` imports elsewhere."""
        ...

    def unpack(self, data: bytes) -> str:
        """Import a packed run; its id."""
        ...

    def memo(self, contents: MemoContents, form: str) -> bytes:
        """A memo as `html` or `md`."""
        ...

    def sample(self) -> RecordedRun | None:
        """The recorded run that ships with the app."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """All adapters of one app."""

    tasks: TaskStore
    models: ModelStore
    servers: ModelServers
    store: RunStore
    files: RunFiles
    intake: Intake
    retriever: Retriever
    trainer: Trainer
    library: Library
    machine: Machine
    meter: EnergyMeter
    speeds: FiguresOfMachine
    paces: FiguresOfMachine
    checks: FiguresOfMachine
    trainable: Sequence[str]
    """Architectures that LoRA weights can be trained on."""

    def ports(self, model_id: str) -> Ports:
        """Return the adapters of one run; call it only while holding the machine."""
        return Ports(
            model=self.models.open(model_id),
            retriever=self.retriever,
            trainer=self.trainer,
            store=self.store,
            meter=self.meter,
        )

    def close(self) -> None:
        """End the worker processes."""
        self.models.close()
        self.intake.close()
        self.retriever.close()
