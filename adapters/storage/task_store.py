"""The tasks of this machine: those that ship, and the user's own, each a folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from adapters.storage.task_folder import old_digest, read_task, write_task
from adapters.storage.user_rows import add_row
from engine.core.errors import AdaptLabError, TaskError, unknown_name
from engine.core.run.infos import TaskInfo, TaskSetAside
from engine.core.task import Task

_Stamp = tuple[tuple[str, int, int], ...]


class TaskFolders:
    """Reads and keeps tasks; a task is read again when a file of its folder has changed. Safe for several threads."""

    def __init__(self, own: Path, shipped: Path) -> None:
        """Keep the user's tasks in `own`; those in `shipped` are only read."""
        self._own, self._shipped = own, shipped
        self._read: dict[str, tuple[_Stamp, Task | TaskError]] = {}
        self._lock = threading.Lock()

    def infos(self) -> list[TaskInfo]:
        """List the tasks that can be read."""
        return self._all()[0]

    def set_aside(self) -> list[TaskSetAside]:
        """List the task folders that cannot be read, each with the reason and its fix."""
        return self._all()[1]

    def _all(self) -> tuple[list[TaskInfo], list[TaskSetAside]]:
        found, faulty = [], []
        for name in self._folders():
            try:
                task = self.get(name)
            except AdaptLabError as error:
                faulty.append(TaskSetAside(id=name, what=error.what, fix=error.fix))
                continue
            rows: dict[str, int] = {}
            for example in task.examples:
                rows[example.split] = rows.get(example.split, 0) + 1
            found.append(
                TaskInfo(id=name, title=task.title, summary=task.summary, rows=rows, documents=len(task.documents))
            )
        return found, faulty

    def get(self, name: str) -> Task:
        """Return a task by id, or by the path of its folder.

        Raises:
            UsageError: there is no such task.
            TaskError: its folder cannot be read.
        """
        folder = self.folder(name)
        changed = _stamp(folder)
        with self._lock:
            kept = self._read.get(name)
            if kept is None or kept[0] != changed:
                try:
                    kept = (changed, read_task(folder))
                except TaskError as error:
                    kept = (changed, error)  # a page lists the tasks often, and a faulty folder may be a large one
                self._read[name] = kept
        if isinstance(kept[1], TaskError):
            raise TaskError(kept[1].what, kept[1].fix)
        return kept[1]

    def folder(self, name: str) -> Path:
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

    def old_digest(self, name: str) -> str:
        """Return the digest under which runs of version 1 kept this task."""
        return old_digest(self.folder(name))

    def keep(self, task: Task) -> None:
        """Keep a task as one of the user's own."""
        write_task(task, self._own / task.id)

    def add_row(self, task_id: str, *, text: str, target: str, split: str) -> str:
        """Add a row to a task of the user's, or to a copy of one that ships; return the id of the task that has it."""
        ships = self._folders().get(task_id, self._shipped).is_relative_to(self._shipped)
        return add_row(self.get(task_id), self._own, text=text, target=target, split=split, copied=ships)

    def check(self, folder: Path) -> Task:
        """Read any task folder; the first fault is raised with file, line, field, value and fix."""
        return read_task(folder)

    def write(self, task: Task, folder: Path) -> None:
        """Write a task as a folder, and read it back as the app would."""
        write_task(task, folder)
        read_task(folder)

    def _folders(self) -> dict[str, Path]:
        """Task folders by id: the user's own last, so that they override those that ship."""
        return {
            name: root / name
            for root in (self._shipped, self._own)
            for name in _names_in(root)
            if os.path.exists(root / name / "task.toml")  # noqa: PTH110 - one that may not be read is not there
        }


def _names_in(root: Path) -> list[str]:
    """Return the names in a folder, in order, but none that begins with a dot: a killed session leaves such folders."""
    try:
        return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _stamp(folder: Path) -> _Stamp:
    """Names, times of change and sizes of a folder's files: differs when any of them was edited, added or removed.

    A page asks for it a dozen times. `pathlib` would take four times as long.
    """
    try:
        return tuple(sorted(_files_in(str(folder))))
    except OSError as error:
        raise TaskError(f"The task folder '{folder.name}' cannot be read ({error.strerror}).", "Try again.") from error


def _files_in(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as listed:
            entries = list(listed)
    except PermissionError:
        return  # which is told when it is read
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path)
        elif entry.is_file(follow_symlinks=False) or Path(entry.path).is_file():  # not a link that leads nowhere
            stat = entry.stat()
            yield entry.path, stat.st_mtime_ns, stat.st_size
