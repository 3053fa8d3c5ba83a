"""The one place that passes adapters to the engine; the web app and the terminal both use it."""

from __future__ import annotations

from pathlib import Path

from adapters.energy import RaplMeter
from adapters.intake import LocalIntake
from adapters.machine import LocalMachine, machine_facts
from adapters.models.catalog import Catalog
from adapters.models.model_store import LocalModels, ScriptedSource
from adapters.models.remote_models import RemoteModels
from adapters.retrieval.retriever import LanceRetriever
from adapters.storage.home import home_folder
from adapters.storage.machine_figures import MachineFigures
from adapters.storage.run_archive import TasksHere
from adapters.storage.run_files import LocalRunFiles
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.task_store import TaskFolders
from adapters.training.architectures import ARCHITECTURES
from adapters.training.library import LoraLibrary
from adapters.training.trainer import PeftTrainer
from engine.services.lab import Lab
from engine.services.workspace import Workspace

DATA = Path(__file__).parent / "data"


def open_workspace(home: Path | None = None) -> Workspace:
    """Create this machine's adapters; everything is stored in one home folder."""
    home = home_folder(home)
    servers = RemoteModels(home)
    models = LocalModels(Catalog(home / "digests.json"), [ScriptedSource(), servers])
    tasks = TaskFolders(home / "tasks", DATA / "tasks")
    store = SqliteRunStore(home / "runs.sqlite3")
    retriever = LanceRetriever(home / "indexes", servers=servers.addresses)
    machine = LocalMachine(home)
    intake = LocalIntake(
        tasks=home / "tasks",
        task_folder=tasks.folder,
        tokenizer=models.tokenizer,
        retriever=retriever,
        machine_lock=machine.lock,
    )
    here = TasksHere(get=tasks.get, pack=intake.pack, keep=intake.unpack)
    return Workspace(
        tasks=tasks,
        models=models,
        servers=servers,
        store=store,
        files=LocalRunFiles(store, tables=home / "tables", sample=DATA / "sample_run", tasks=here),
        intake=intake,
        retriever=retriever,
        trainer=PeftTrainer(home / "lora"),
        library=LoraLibrary(home / "lora"),
        machine=machine,
        meter=RaplMeter(),
        speeds=MachineFigures(home / "speeds.json", machine_facts().processor),
        paces=MachineFigures(home / "paces.json", machine_facts().processor),
        checks=MachineFigures(home / "checks.json", machine_facts().processor),
        trainable=tuple(ARCHITECTURES),
    )


def open_lab(home: Path | None = None) -> Lab:
    """Open the lab of this machine."""
    return Lab(open_workspace(home))
