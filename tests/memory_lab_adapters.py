"""What keeps things in the lab of the tests: runs, tasks, models, machine and speeds, all in memory."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.storage.run_archive import TasksHere
from adapters.storage.run_files import LocalRunFiles
from adapters.storage.run_store import Row
from adapters.storage.task_folder import read_task, write_task
from adapters.storage.user_rows import add_row
from engine.analysis.run_table import row_values
from engine.core.capabilities import Capabilities
from engine.core.errors import UsageError, unknown_name
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.health import Finding
from engine.core.ports import LanguageModel
from engine.core.run.failed_rows import to_ask_again
from engine.core.run.infos import RunInfo, TaskInfo, TaskSetAside, info_of
from engine.core.run.looks import Look, has_looked, look_of
from engine.core.run.manifest import MachineFacts, Manifest, manifest_from_dict
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction, prediction_from_json
from engine.core.task import Task, task_digest
from engine.services.recorded import RecordedRun
from tests.memory_lab_models import CAPABILITIES, Answers, MemoryModel

STARTED_AT = "2026-11-24T20:05:00+00:00"


class MemoryRunStore:
    """Runs and predictions in the order in which they came. Safe to use from several threads."""

    def __init__(self) -> None:
        """Begin empty."""
        self._manifests: dict[str, Manifest] = {}
        self._predictions: dict[str, dict[tuple[str, str], Prediction]] = {}
        self._lock = threading.RLock()

    def create_run(self, manifest: Manifest) -> None:
        """Keep a new run with status `planned`."""
        self.import_run(replace(manifest, status="planned", started_at=STARTED_AT), ())

    def import_run(self, manifest: Manifest, rows: Sequence[Row]) -> None:
        """Take in a run as it is."""
        run_id = manifest.plan.run_id
        with self._lock:
            if run_id in self._manifests:
                raise UsageError(f"Run {run_id} is here already.", "Delete it first to import it again.")
            self._manifests[run_id], self._predictions[run_id] = manifest, {}
            self.add([prediction_from_json(record) for _variant, _example, record in rows])

    def update_run(self, run_id: str, *, status: str | None = None, manifest: Mapping[str, Any] | None = None) -> None:
        """Change a run's status, or fields of its manifest; nested ones are merged."""
        with self._lock:
            if run_id not in self._manifests:
                return
            fields = _merged(self._manifests[run_id].to_dict(), manifest or {})
            kept = manifest_from_dict(fields)
            self._manifests[run_id] = kept if status is None else replace(kept, status=status)

    def add(self, predictions: Sequence[Prediction], *, manifest: Mapping[str, Any] | None = None) -> None:
        """Commit predictions; one that is there already is left as it is, unless its fault may have passed."""
        with self._lock:
            if predictions and manifest is not None:
                self.update_run(predictions[0].run_id, manifest=manifest)
            for made in predictions:
                rows, place = self._predictions[made.run_id], (made.variant_id, made.example_id)
                before = rows.get(place)
                if before is None or (before.failure and before.failure.passing):
                    rows[place] = made

    def remove(
        self, run_id: str, places: Sequence[tuple[str, str]], *, manifest: Mapping[str, Any] | None = None
    ) -> None:
        """Remove predictions, each told by its variant and its example."""
        with self._lock:
            self.update_run(run_id, manifest=manifest)
            for place in places:
                self._predictions[run_id].pop(place, None)

    def predictions(
        self, run_id: str, some: tuple[RunPlan, Sequence[str]] | None = None, *, unanswered: bool = False
    ) -> list[Prediction]:
        """Read a run's predictions: all of them, those on some examples, or those without an answer."""
        with self._lock:
            made = list(self._predictions.get(run_id, {}).values())
        made = to_ask_again(made) if unanswered else made
        return made if some is None else [one for one in made if one.example_id in set(some[1])]

    def count(self, run_id: str) -> int:
        """Count a run's predictions."""
        with self._lock:
            return len(self._predictions.get(run_id, {}))

    def records(self, run_id: str) -> Iterator[tuple[str, str, str]]:
        """Read a run as the columns of a table."""
        for made in self.predictions(run_id):
            yield made.variant_id, made.example_id, json.dumps(row_values(made))

    def delete_run(self, run_id: str) -> None:
        """Delete a run with its predictions."""
        with self._lock:
            self.manifest(run_id)
            del self._manifests[run_id], self._predictions[run_id]

    def manifest(self, run_id: str) -> Manifest:
        """Read a run's manifest."""
        with self._lock:
            if run_id not in self._manifests:
                raise unknown_name("run", run_id, self._manifests)
            return self._manifests[run_id]

    def infos(self) -> list[RunInfo]:
        """List runs at a glance, the last one first."""
        with self._lock:
            return [
                info_of(manifest, len(self._predictions[run_id]))
                for run_id, manifest in reversed(self._manifests.items())
            ]

    def without_split(self) -> list[tuple[Manifest, bool]]:
        """Read the manifests that name no split; all state a purpose."""
        with self._lock:
            return [(manifest, True) for manifest in self._manifests.values() if not manifest.split]

    def looks(self, task_id: str, task_digest: str) -> list[Look]:
        """Return the runs that are here and have shown results; deleted ones are forgotten."""
        with self._lock:
            kept = [one for one in self._manifests.values() if has_looked(one, len(self._predictions[one.plan.run_id]))]
        looks = [look_of(manifest) for manifest in kept]
        return [look for look in looks if task_id == look.task_id or task_digest == look.task_digest]


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged


class MemoryRunFiles(LocalRunFiles):
    """The real files of runs, over a store in memory and with any recorded run."""

    def __init__(self, store: MemoryRunStore, folder: Path, tasks: TasksHere) -> None:
        """Keep the columns of large runs in this folder."""
        super().__init__(store, tables=folder, sample=folder, tasks=tasks)  # type: ignore[arg-type]
        self.recorded: RecordedRun | None = None

    def sample(self) -> RecordedRun | None:
        """Return the recorded run."""
        return self.recorded


class MemoryTasks:
    """Tasks in memory, and those that were saved as folders by the upload or for an added row."""

    def __init__(self, tasks: Sequence[Task], folder: Path) -> None:
        """Begin with these tasks; look for more in this folder."""
        self.home = folder
        self.faulty: list[TaskSetAside] = []
        self._kept: dict[str, Task] = {}
        for task in tasks:
            self.keep(task)

    def infos(self) -> list[TaskInfo]:
        """List all tasks at a glance."""
        found = []
        for name, task in self._all().items():
            rows: dict[str, int] = {}
            for example in task.examples:
                rows[example.split] = rows.get(example.split, 0) + 1
            found.append(
                TaskInfo(id=name, title=task.title, summary=task.summary, rows=rows, documents=len(task.documents))
            )
        return found

    def set_aside(self) -> list[TaskSetAside]:
        """Return the task folders that a test says cannot be read."""
        return list(self.faulty)

    def get(self, name: str) -> Task:
        """Return one task."""
        if name in self._kept:
            return self._kept[name]
        return read_task(self.folder(name))

    def folder(self, name: str) -> Path:
        """Return the folder of a task that has one."""
        if name and (self.home / name / "task.toml").is_file():
            return self.home / name
        raise unknown_name("task", name, self._all())

    def old_digest(self, name: str) -> str:
        """Return the task's digest of today, whatever it was in version 1."""
        return self.get(name).digest

    def keep(self, task: Task) -> None:
        """Keep a task in the place of any other of its id."""
        self._kept[task.id] = task if task.digest else replace(task, digest=task_digest(task))

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Add a row to a copy, as to a task that ships, or to a task that was saved."""
        copied = task_id in self._kept
        return add_row(self.get(task_id), self.home, text=text, target=target, split=split, copied=copied)

    def check(self, folder: Path) -> Task:
        """Read any task folder."""
        return read_task(folder)

    def write(self, task: Task, folder: Path) -> None:
        """Write a task as a folder, and read it back."""
        write_task(task, folder)
        read_task(folder)

    def find(self, text: str) -> tuple[Task, str] | None:
        """Return the task and target of an input, which may stand after passages; None if no task has it."""
        wanted = text.strip()
        for task in self._all().values():
            for example in task.examples:
                own = example.input.strip()
                if wanted == own or (own and wanted.endswith("\n\n" + own)):
                    return task, example.target
        return None

    def _all(self) -> dict[str, Task]:
        saved = {path.parent.name: path.parent for path in sorted(self.home.glob("*/task.toml"))}
        return {**self._kept, **{name: read_task(folder) for name, folder in saved.items()}}


class MemoryModels:
    """Models that are there at once."""

    def __init__(self, facts: Sequence[ModelFacts], answers: Answers) -> None:
        """List these models; all of them answer as `answers` says."""
        self.facts = list(facts)
        self.offered: list[ModelOffer] = []
        self.accepted: list[str] = []
        self.refusals: list[str] = []
        self.asides: list[str] = []
        self.able: dict[str, Capabilities] = {}
        """By model id, for models that cannot do all."""
        self._answers = answers
        self._open: dict[str, LanguageModel] = {}

    def list(self) -> list[ModelFacts]:
        """List them."""
        return list(self.facts)

    def get(self, model_id: str) -> ModelFacts:
        """Return one of them."""
        found = next((facts for facts in self.facts if facts.id == model_id), None)
        if found is None:
            raise unknown_name("model", model_id, [facts.id for facts in self.facts])
        return found

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Say what a model can do: all but what it was told it cannot."""
        return self.able.get(facts.id, CAPABILITIES)

    def offers(self) -> Sequence[ModelOffer]:
        """List models that wait for their terms to be accepted."""
        return self.offered

    def accept(self, model_id: str) -> None:
        """Take an offer off the list and take note of it."""
        self.offered = [offer for offer in self.offered if offer.id != model_id]
        self.accepted.append(model_id)

    def refused(self) -> Sequence[str]:
        """Return what it was told."""
        return self.refusals

    def set_aside(self) -> Sequence[str]:
        """Return what it was told."""
        return self.asides

    def open(self, model_id: str) -> LanguageModel:
        """Return a model, the same each time."""
        facts = self.get(model_id)
        if model_id not in self._open:
            self._open[model_id] = MemoryModel(facts, self._answers, capabilities=self.capabilities(facts))
        return self._open[model_id]

    def close(self) -> None:
        """Forget the models that are open."""
        self._open.clear()


class MemoryMachine:
    """A made-up machine, free unless it is told to be taken."""

    def __init__(self) -> None:
        """Begin free."""
        self.taken = False
        """Something outside this process holds it."""
        self.free_bytes = 18_400_000_000
        self.findings: list[Finding] = []
        self._lock = threading.Lock()

    def facts(self) -> MachineFacts:
        """Return made-up facts."""
        return MachineFacts(processor="Example CPU", cores=2, threads=4, memory_bytes=23_400_000_000, python="3.11")

    def versions(self) -> Mapping[str, str]:
        """Return made-up versions."""
        return {"python": "3.11"}

    def free_memory_bytes(self) -> int:
        """Return what it was told."""
        return self.free_bytes

    @contextlib.contextmanager
    def lock(self) -> Iterator[bool]:
        """Try to take the machine."""
        free = not self.taken and self._lock.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._lock.release()

    def check(self, *, models: int) -> Sequence[Finding]:
        """Return what it was told."""
        return self.findings
