"""Tasks: listed, read, kept, and given rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.core.errors import UsageError
from engine.core.run.infos import TaskInfo, TaskSetAside
from engine.core.run.manifest import OLD_DIGEST, Manifest
from engine.core.task import MADE_FROM, Task, changed_scorers, task_digest
from engine.services.workspace import TaskStore, Workspace

ENGLISH_TASKS = ("support-tickets", "policy-qa", "order-extraction", "house-style")
"""The tasks that ship in English: what a model pays for another language is measured against their rows."""


class Tasks:
    """The tasks of this user, and those that ship."""

    def __init__(self, workspace: Workspace) -> None:
        """Read from this store."""
        self._store = workspace.tasks

    def list(self) -> list[TaskInfo]:
        """List tasks; those derived from another for a test are left out."""
        return [info for info in self._store.infos() if MADE_FROM not in info.id]

    def set_aside(self) -> Sequence[TaskSetAside]:
        """List the task folders that cannot be read, each with the reason and its fix."""
        return self._store.set_aside()

    def get(self, task_id: str) -> Task:
        """Return a task by id, or by the path of its folder.

        Raises:
            UsageError: there is none; the nearest names are offered.
        """
        return self._store.get(task_id)

    def english_texts(self) -> Sequence[str]:
        """Return the test inputs of the tasks that ship in English, as many of each as the shortest has."""
        here = {info.id for info in self._store.infos()}
        tests = [self._store.get(name).split("test") for name in ENGLISH_TASKS if name in here]
        least = min(map(len, tests), default=0)
        return [example.input for test in tests for example in test[:least]]

    def keep_made(self, task: Task) -> str:
        """Keep a task derived from another, unless the same one is here already; return its id."""
        try:
            kept = self._store.get(task.id)
        except UsageError:
            kept = None
        if kept is None or task_digest(kept) != task_digest(task):
            self._store.keep(task)
        return task.id

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Add a row to a task; one that ships is copied first. Return the id of the task that has the row.

        Raises:
            TaskError: the row does not fit the task; nothing was changed.
        """
        return self._store.add_row(task_id, text=text, target=target, split=split)

    def has_changed(self, manifest: Manifest) -> bool:
        """Tell whether a run's task asks or scores otherwise today.

        Raises:
            UsageError: the task is gone.
        """
        return task_has_changed(self._store, manifest)

    def check(self, folder: Path) -> Task:
        """Read any task folder; the first fault is raised with file, line, field, value and fix."""
        return self._store.check(folder)

    def write(self, task: Task, folder: Path) -> None:
        """Write a task as a folder, and read it back as the app would."""
        self._store.write(task, folder)


def changed_since(task_id: str, run_id: str) -> UsageError:
    """Return the error for a run whose task asks or scores otherwise today."""
    return UsageError(f"The task '{task_id}' or its scoring has changed since run {run_id}.", "Start a new run.")


def task_has_changed(tasks: TaskStore, manifest: Manifest) -> bool:
    """Tell whether a run's task asks or scores otherwise today.

    Runs of version 1 kept a digest that does not tell how scorers counted: it was by their first version.

    Raises:
        UsageError: the task is gone.
    """
    name, kept = manifest.plan.task_id, manifest.task_digest
    if kept.startswith(OLD_DIGEST):
        changed = tasks.old_digest(name) != kept.removeprefix(OLD_DIGEST)
        return changed or bool(changed_scorers(tasks.get(name)))
    return bool(kept) and tasks.get(name).digest not in {kept, ""}
