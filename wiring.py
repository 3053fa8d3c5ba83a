"""The one place where adapters are put into the engine; both front doors use it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.energy import RaplMeter
from adapters.machine import free_memory_bytes, machine_facts, versions
from adapters.models.catalog import Catalog
from adapters.models.llama_cpp.client import CAPABILITIES as LLAMA_CPP
from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.models.remote_models import RemoteModels
from adapters.models.scripted import CAPABILITIES as SCRIPTED_CAPABILITIES
from adapters.models.scripted import FACTS as SCRIPTED
from adapters.models.scripted import ScriptedModel
from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.home import home_folder, machine_lock
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.task_folder import read_task, write_task
from adapters.tabular.csv_task import read_csv_task
from adapters.tabular.export import to_csv, to_parquet
from adapters.training.architectures import ARCHITECTURES
from adapters.training.trainer import PeftTrainer
from engine.capabilities import Capabilities
from engine.errors import AdaptLabError, unknown_name
from engine.estimating import estimate_run
from engine.laboratory import Laboratory, Preflight, RunInfo, TaskInfo
from engine.ports import LanguageModel, ModelFacts, ModelOffer
from engine.run import RunPlan
from engine.runner import Ports
from engine.task import Task

_Stamp = tuple[tuple[str, int, int], ...]

BUILT_IN_TASKS = Path(__file__).parent / "data" / "tasks"


class LocalShelf:
    """Everything on this machine: `engine.laboratory.Shelf`."""

    def __init__(self, home: Path) -> None:
        """Open the home folder."""
        self._home = home
        self._store = SqliteRunStore(home / "runs.sqlite3")
        self._catalog = Catalog(home / "digests.json")
        self._servers = RemoteModels(home)
        self._retriever = LanceRetriever(home / "indexes")
        self._trainer = PeftTrainer(home / "lora")
        self._models: dict[str, LanguageModel] = {}
        self._tasks: dict[str, tuple[_Stamp, Task]] = {}
        self._lock = threading.Lock()

    @property
    def store(self) -> SqliteRunStore:
        """The run store."""
        return self._store

    @property
    def retriever(self) -> LanceRetriever:
        """The retrieval worker's client."""
        return self._retriever

    @property
    def trainer(self) -> PeftTrainer:
        """The trainer."""
        return self._trainer

    def _folders(self) -> dict[str, Path]:
        """Task folders by id: the user's own first, so that they may stand in for built-in ones."""
        folders: dict[str, Path] = {}
        for root in (BUILT_IN_TASKS, self._home / "tasks"):
            for path in sorted(root.glob("*/task.toml")):
                folders[path.parent.name] = path.parent
        return folders

    def tasks(self) -> list[TaskInfo]:
        """List the tasks that can be read."""
        found = []
        for name in self._folders():
            try:
                task = self.task(name)
            except AdaptLabError:
                continue
            rows: dict[str, int] = {}
            for example in task.examples:
                rows[example.split] = rows.get(example.split, 0) + 1
            found.append(
                TaskInfo(id=name, title=task.title, summary=task.summary, rows=rows, documents=len(task.documents))
            )
        return found

    def task(self, name: str) -> Task:
        """Return a task by id, or by the path of its folder."""
        folders = self._folders()
        folder = folders.get(name)
        if folder is None and (os.sep in name or "/" in name) and (Path(name) / "task.toml").is_file():
            folder = Path(name)
        if folder is None:
            raise unknown_name("task", name, folders)
        changed = _stamp(folder)
        with self._lock:
            kept = self._tasks.get(name)
            if kept is None or kept[0] != changed:
                kept = (changed, read_task(folder))
                self._tasks[name] = kept
        return kept[1]

    def check_task(self, folder: Path) -> Task:
        """Read any task folder; the first fault is raised with file, line, field, value and mend."""
        return read_task(folder)

    def add_csv_task(self, path: Path, **columns: Any) -> str:
        """Read a CSV as a task, keep it as a task folder, and return its id."""
        task = read_csv_task(path, **columns)
        name = f"{_slug(path.stem)}-{task.digest[:8]}"
        folder = self._home / "tasks" / name
        if not (folder / "task.toml").is_file():
            write_task(replace(task, id=name), folder)
        return name

    @property
    def servers(self) -> RemoteModels:
        """The servers that hold models."""
        return self._servers

    def models(self) -> list[ModelFacts]:
        """List the models, those at servers last; the scripted one only where it was asked for."""
        scripted = [SCRIPTED] if os.environ.get("ADAPTLAB_SCRIPTED") == "1" else []
        return [*self._catalog.models(), *self._servers.models(), *scripted]

    def model(self, name: str) -> ModelFacts:
        """Return one model with its digest."""
        if name == SCRIPTED.id and os.environ.get("ADAPTLAB_SCRIPTED") == "1":
            return SCRIPTED
        if self._servers.knows(name) and not Path(name).is_file():
            return self._servers.model(name)
        return self._catalog.model(name)

    def capabilities(self, facts: ModelFacts) -> Capabilities:
        """Return what is known beforehand of what a model's backend can do."""
        if facts.server:
            return self._servers.capabilities(facts)
        return SCRIPTED_CAPABILITIES if facts.backend == SCRIPTED.backend else LLAMA_CPP

    def model_offers(self) -> list[ModelOffer]:
        """List models that wait for their terms to be accepted."""
        return self._catalog.offers()

    def accept_model(self, name: str) -> None:
        """Accept a model's terms."""
        self._catalog.accept(name)

    def refused_models(self) -> list[str]:
        """Say which files of the user's folders are no usable models, and why."""
        return list(self._catalog.refused)

    def set_aside_models(self) -> list[str]:
        """Say which files are no models of their own: vision projectors and copies."""
        return list(self._catalog.set_aside)

    def ports(self, model_id: str) -> Ports:
        """Return the adapters of a run; one model is loaded at a time."""
        facts = self.model(model_id)
        kept = facts.server + facts.id + facts.digest if facts.server else facts.digest
        with self._lock:
            for name in [name for name in self._models if name != kept]:
                self._models.pop(name).close()
            if kept not in self._models:
                self._models[kept] = self._servers.language_model(facts) if facts.server else _language_model(facts)
            model = self._models[kept]
        return Ports(
            model=model, retriever=self._retriever, trainer=self._trainer, store=self._store, meter=RaplMeter()
        )

    def preflight(self, plan: RunPlan, task: Task) -> Preflight:
        """Estimate a plan."""
        facts = self.model(plan.model_id)
        return estimate_run(
            plan,
            task,
            facts,
            cores=int(machine_facts()["cores"]),
            free_memory_bytes=free_memory_bytes(),
            trainable=tuple(ARCHITECTURES),
            capabilities=self.capabilities(facts),
        )

    def machine_lock(self) -> AbstractContextManager[bool]:
        """Try to take the machine."""
        return machine_lock(self._home)

    def machine(self) -> dict[str, Any]:
        """Return facts of this machine."""
        return machine_facts()

    def versions(self) -> dict[str, str]:
        """Return versions of what computes."""
        return versions()

    def run_list(self) -> list[RunInfo]:
        """List kept runs, newest first."""
        return [
            RunInfo(
                run_id=run_id,
                task_id=manifest["plan"]["task_id"],
                model_id=manifest["plan"]["model_id"],
                status=status,
                started_at=started_at,
                rows_done=count,
                rows_total=len(manifest["plan"]["variants"]) * len(manifest["plan"]["test_ids"]),
            )
            for run_id, started_at, status, count, manifest in self._store.runs()
        ]

    def export(self, run_id: str, summary: dict[str, Any]) -> dict[str, bytes]:
        """Return a run's files by name."""
        predictions = self._store.predictions(run_id)
        manifest = {"run_id": run_id, **self._store.manifest(run_id)}
        return {
            "run.json": _json(manifest),
            "predictions.parquet": to_parquet(predictions),
            "predictions.csv": to_csv(predictions),
            "summary.json": _json(summary),
        }

    def release(self) -> None:
        """End the workers."""
        with self._lock:
            models, self._models = list(self._models.values()), {}
        for model in models:
            model.close()
        self._retriever.close()


def open_shelf(home: Path | None = None) -> LocalShelf:
    """Open the shelf of this machine."""
    return LocalShelf(home_folder(home))


def open_laboratory(home: Path | None = None) -> Laboratory:
    """Open the laboratory of this machine."""
    return Laboratory(open_shelf(home))


def _language_model(facts: ModelFacts) -> LanguageModel:
    if facts.backend == SCRIPTED.backend:
        return ScriptedModel(facts, seconds_per_piece=float(os.environ.get("ADAPTLAB_SCRIPTED_PACE_S", "0")))
    return LlamaCppModel(facts)


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _stamp(folder: Path) -> _Stamp:
    """Names, times of change and sizes of a folder's files: differs when any of them was edited, added or removed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path in files for stat in (path.stat(),))


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower()).strip("-") or "table"
