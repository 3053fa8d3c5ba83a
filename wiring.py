"""The one place where adapters are put into the engine; both front doors use it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.checkup import check_machine
from adapters.energy import RaplMeter
from adapters.intake import LocalIntake
from adapters.machine import free_memory_bytes, machine_facts, versions
from adapters.memo.html import memo_html, memo_markdown
from adapters.models.catalog import Catalog
from adapters.models.llama_cpp.client import CAPABILITIES as LLAMA_CPP
from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.models.remote_models import RemoteModels
from adapters.models.scripted import CAPABILITIES as SCRIPTED_CAPABILITIES
from adapters.models.scripted import FACTS as SCRIPTED
from adapters.models.scripted import ScriptedModel
from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.home import home_folder, machine_lock
from adapters.storage.own_rows import add_row
from adapters.storage.run_archive import pack_run, unpack_run
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.sample_run import read_recorded
from adapters.storage.speeds import SpeedFile
from adapters.storage.table_keeper import TableKeeper
from adapters.storage.task_folder import read_task, write_task
from adapters.tabular.export import to_csv, to_parquet
from adapters.tabular.reader import read_table
from adapters.tabular.source import source_from_path
from adapters.training.architectures import ARCHITECTURES
from adapters.training.library import LoraLibrary
from adapters.training.trainer import PeftTrainer
from engine.analysis.memo import MemoContents
from engine.analysis.run_table import RunTable
from engine.core.capabilities import Capabilities, Support
from engine.core.errors import AdaptLabError, unknown_name
from engine.core.generation import ModelFacts, ModelOffer
from engine.core.health import Finding
from engine.core.ports import LanguageModel
from engine.core.run.infos import Preflight, RunInfo, TaskInfo
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.ingest.build_task import SplitPlan
from engine.ingest.columns import Roles, guess_roles
from engine.ingest.one_step import Imported, Wishes, import_table
from engine.running.estimating import estimate_run
from engine.running.runner import Ports
from engine.services.lab import Laboratory
from engine.services.recorded import RecordedRun
from engine.studies.context import is_context_task
from engine.studies.perturbations import is_perturbed

_Stamp = tuple[tuple[str, int, int], ...]

BUILT_IN_TASKS = Path(__file__).parent / "data" / "tasks"
SAMPLE_RUN = Path(__file__).parent / "data" / "sample_run"


class LocalShelf:
    """Everything on this machine: `engine.services.lab.Shelf`."""

    def __init__(self, home: Path) -> None:
        """Open the home folder."""
        self._home = home
        self._store = SqliteRunStore(home / "runs.sqlite3")
        self._tables = TableKeeper(self._store, home / "tables")
        self._catalog = Catalog(home / "digests.json")
        self._servers = RemoteModels(home)
        self._retriever = LanceRetriever(home / "indexes")
        self._trainer = PeftTrainer(home / "lora")
        self._library = LoraLibrary(home / "lora")
        self._speeds = SpeedFile(home / "speeds.json")
        self._models: dict[str, LanguageModel] = {}
        self._tasks: dict[str, tuple[_Stamp, Task]] = {}
        self._lock = threading.Lock()
        self._intake = LocalIntake(
            tasks=home / "tasks",
            task_folder=self._folder,
            tokenizer=lambda model_id: _language_model(self.model(model_id)),
            retriever=self._retriever,
            machine_lock=self.machine_lock,
        )

    @property
    def store(self) -> SqliteRunStore:
        """The run store."""
        return self._store

    @property
    def retriever(self) -> LanceRetriever:
        """The retrieval worker's client."""
        return self._retriever

    @property
    def intake(self) -> LocalIntake:
        """What turns files into tasks."""
        return self._intake

    @property
    def trainer(self) -> PeftTrainer:
        """The trainer."""
        return self._trainer

    @property
    def library(self) -> LoraLibrary:
        """Kept LoRA weights."""
        return self._library

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Add a row to a task of the user's, or to a copy of one that ships; return the id of the task that has it."""
        ships = self._folders().get(task_id, BUILT_IN_TASKS).is_relative_to(BUILT_IN_TASKS)
        own = self._home / "tasks"
        return add_row(self.task(task_id), own, text=text, target=target, split=split, copied=ships)

    def sample_run(self) -> RecordedRun | None:
        """Return the recorded run that ships with the app."""
        return read_recorded(SAMPLE_RUN)

    def checkup(self) -> list[Finding]:
        """Say what is missing on this machine."""
        return check_machine(self._home, models=len(self.models()))

    def speeds(self) -> dict[str, dict[str, Any]]:
        """Return kept speed tests of this machine by model digest."""
        return self._speeds.read(machine_facts()["processor"])

    def keep_speed(self, digest: str, figures: dict[str, Any]) -> None:
        """Keep a speed test of this machine."""
        self._speeds.keep(machine_facts()["processor"], digest, figures)

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
            if is_perturbed(name) or is_context_task(name):
                continue  # made to test others with; not a task of its own
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
        folder = self._folder(name)
        changed = _stamp(folder)
        with self._lock:
            kept = self._tasks.get(name)
            if kept is None or kept[0] != changed:
                kept = (changed, read_task(folder))
                self._tasks[name] = kept
        return kept[1]

    def _folder(self, name: str) -> Path:
        """Return a task's folder.

        Raises:
            UsageError: there is no such task; the nearest names are offered.
        """
        folders = self._folders()
        folder = folders.get(name)
        if folder is None and (os.sep in name or "/" in name) and (Path(name) / "task.toml").is_file():
            folder = Path(name)
        if folder is None:
            raise unknown_name("task", name, folders)
        return folder

    def keep_task(self, task: Task) -> None:
        """Keep a task as one of the user's own."""
        write_task(task, self._home / "tasks" / task.id)

    def check_task(self, folder: Path) -> Task:
        """Read any task folder; the first fault is raised with file, line, field, value and mend."""
        return read_task(folder)

    def import_table(
        self,
        path: Path,
        *,
        input_column: str | None = None,
        target_column: str | None = None,
        split_column: str | None = None,
        wishes: Wishes | None = None,
        task_id: str | None = None,
    ) -> Imported:
        """Read a table as a task; several input columns are given with commas, and what is not given is guessed."""
        table = read_table(source_from_path(path))
        wishes = wishes or Wishes()
        if input_column and target_column:
            roles = Roles(inputs=_names(input_column, table.header), target=target_column, split=split_column)
        else:
            guessed = guess_roles(table).roles
            roles = replace(
                guessed,
                inputs=_names(input_column, table.header) if input_column else guessed.inputs,
                target=target_column or guessed.target,
                split=split_column or guessed.split,
            )
        if roles.split:
            wishes = replace(wishes, split=replace(wishes.split, column=roles.split))
        return import_table(table, roles, wishes, task_id=task_id or slug(path.stem), title=path.name)

    def add_csv_task(
        self, path: Path, *, input_column: str, target_column: str, split_column: str | None = None, seed: int = 0
    ) -> str:
        """Read a table as a task, keep it as a task folder, and return its id."""
        wishes = Wishes(split=SplitPlan(seed=seed))
        imported = self.import_table(
            path, input_column=input_column, target_column=target_column, split_column=split_column, wishes=wishes
        )
        return self._intake.save(imported.task)

    def write_task(self, task: Task, folder: Path) -> None:
        """Write a task as a folder, and read it back as the app would."""
        write_task(task, folder)
        read_task(folder)

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
        if facts.backend == SCRIPTED.backend:
            return SCRIPTED_CAPABILITIES
        if facts.architecture in ARCHITECTURES:
            return LLAMA_CPP
        reason = f"Not for the architecture '{facts.architecture}'; for {', '.join(sorted(ARCHITECTURES))}."
        return replace(LLAMA_CPP, lora_training=Support.NO, reasons={**LLAMA_CPP.reasons, "lora_training": reason})

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
                techniques=tuple(variant["technique"] for variant in manifest["plan"]["variants"]),
                seed=manifest["plan"]["seed"],
                note=str(manifest.get("note", "")),
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

    def table(self, run_id: str) -> RunTable:
        """Return a run's predictions as columns, kept beside the store once the run is over."""
        return self._tables.table(run_id)

    def forget(self, run_id: str) -> None:
        """Delete a run and what is kept of it."""
        self._store.delete_run(run_id)
        self._tables.forget(run_id)

    def pack(self, run_id: str) -> bytes:
        """Return a run as one file."""
        return pack_run(self._store, run_id)

    def unpack(self, data: bytes) -> str:
        """Take in a packed run."""
        return unpack_run(self._store, data)

    def memo(self, contents: MemoContents, form: str) -> bytes:
        """Return a memo as `html` or `md`."""
        return memo_markdown(contents) if form == "md" else memo_html(contents)

    def release(self) -> None:
        """End the workers."""
        with self._lock:
            models, self._models = list(self._models.values()), {}
        for model in models:
            model.close()
        self._intake.close()
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


def slug(text: str) -> str:
    """Return a name fit for a task's id: small letters, digits, hyphens."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return plain.strip("-")[:60].strip("-") or "table"


def _names(given: str, header: Sequence[str]) -> tuple[str, ...]:
    """Read names of columns: one that holds a comma is taken whole if there is such a column."""
    return (given,) if given in header else tuple(name.strip() for name in given.split(","))
