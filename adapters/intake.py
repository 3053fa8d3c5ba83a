"""From a user's files to tasks on this machine: `engine.ingest.intake.Intake`."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adapters.reading.reader import file_reader
from adapters.retrieval.chunking import chunk_document
from adapters.storage.task_folder import read_task, write_task
from adapters.storage.task_zip import pack_folder, unpack_into
from adapters.tabular.source import check_size
from engine.core.errors import AdaptLabError, TaskError, UsageError, machine_taken
from engine.core.generation import Message
from engine.core.ports import BuiltIndex, LanguageModel, Retriever
from engine.core.steps import CancelSignal, Progress
from engine.core.task import Document, Task
from engine.core.variant import RetrievalSpec
from engine.ingest.progress import Report
from engine.ingest.table import DETECTED, FirstLook, ReadOptions, Table
from engine.running.defaults import default_retrieval
from engine.running.sampling import draw_training_rows

EMBED_ROWS = 512
"""Texts sent to the retrieval worker at a time, so that progress and cancel come through."""


@runtime_checkable
class ShowsPrompt(Protocol):
    """A backend that can say what text a prompt becomes."""

    def prompt_text(self, messages: Sequence[Message]) -> tuple[str, int]:
        """Return the text and its tokens."""
        ...


class LocalIntake:
    """Reads, counts, embeds and keeps on this machine."""

    def __init__(
        self,
        *,
        tasks: Path,
        task_folder: Callable[[str], Path],
        tokenizer: Callable[[str], LanguageModel],
        retriever: Retriever,
        machine_lock: Callable[[], AbstractContextManager[bool]],
    ) -> None:
        """Take the folder of the user's tasks, functions for a task's folder and a tokenizer, the retriever, the lock.

        `tokenizer` gives a model of the intake's own, so that counting never touches the one that a run measures.
        """
        self._tasks = tasks
        self._task_folder = task_folder
        self._tokenizer = tokenizer
        self._retriever = retriever
        self._machine_lock = machine_lock
        self._counting: tuple[str, LanguageModel] | None = None
        self._lock = threading.Lock()

    def first_look(self, name: str, data: bytes, asked: ReadOptions) -> FirstLook:
        """Read the first rows of a table."""
        return file_reader().first_look(name, data, asked)

    def read_table(self, name: str, data: bytes, asked: ReadOptions, report: Report | None = None) -> Table:
        """Read a whole table."""
        return file_reader().read_table(name, data, asked, report=report)

    def read_path(self, path: Path, asked: ReadOptions = DETECTED) -> Table:
        """Read a whole table from a file on this machine; the format is detected."""
        return file_reader().read_path(path, asked)

    def read_document(self, name: str, data: bytes) -> Document:
        """Read a document as Markdown."""
        return file_reader().read_document(name, data)

    def count_tokens(self, model_id: str, prompts: Sequence[Sequence[Message]]) -> list[int]:
        """Count tokens with a tokenizer of the intake's own: the vocabulary suffices."""
        model = self._model(model_id)
        return [model.count_tokens(messages) for messages in prompts]

    def render(self, model_id: str, messages: Sequence[Message]) -> tuple[str, int]:
        """Return the exact text; a backend that does not show it gives the turns one by one."""
        model = self._model(model_id)
        if isinstance(model, ShowsPrompt):
            return model.prompt_text(messages)
        return "\n\n".join(f"[{m.role}]\n{m.content}" for m in messages), model.count_tokens(messages)

    def _model(self, model_id: str) -> LanguageModel:
        with self._lock:
            if self._counting is None or self._counting[0] != model_id:
                if self._counting is not None:
                    self._counting[1].close()
                self._counting = (model_id, self._tokenizer(model_id))
            return self._counting[1]

    def embed(
        self,
        texts: Sequence[str],
        *,
        embedder: str = "",
        report: Report | None = None,
        cancel: CancelSignal | None = None,
    ) -> NDArray[np.float32]:
        """Embed texts, each distinct one once, while no run measures this machine. Without a name by the bundled one.

        Raises:
            UsageError: a run is in progress.
            CancelledError: it was stopped.
        """
        with self._free_machine():
            places: dict[str, int] = {}
            rows = [places.setdefault(text, len(places)) for text in texts]
            different = list(places)
            parts = [np.zeros((0, 0), dtype=np.float32)] if not different else []
            for start in range(0, len(different), EMBED_ROWS):
                part = different[start : start + EMBED_ROWS]
                parts.append(self._retriever.embed(part, embedder=embedder, cancel=cancel).vectors)
                if report is not None:
                    report(min((start + EMBED_ROWS) / len(different), 1.0))
            return np.concatenate(parts)[rows]

    def chunks(self, documents: Sequence[Document]) -> list[int]:
        """Cut documents as retrieval does by default, and count the passages."""
        spec = RetrievalSpec()
        return [
            len(chunk_document(d, size_words=spec.chunk_words, overlap_words=spec.chunk_overlap_words))
            for d in documents
        ]

    def index(
        self, task: Task, cancel: CancelSignal | None = None, *, embedder: str = ""
    ) -> Iterator[Progress | BuiltIndex]:
        """Build the index that a run with default settings will look for, while no run measures this machine.

        Raises:
            UsageError: a run is in progress.
        """
        spec = default_retrieval(task)
        train = draw_training_rows(task, seed=0)
        documents = task.documents if spec.passages_k else ()
        with self._free_machine():
            yield from self._retriever.index(train, documents, spec, embedder=embedder, cancel=cancel)

    @contextmanager
    def _free_machine(self) -> Iterator[None]:
        with self._machine_lock() as free:
            if not free:
                raise machine_taken()
            yield

    def saved_id(self, task: Task) -> str | None:
        """Return the id under which this task is kept; None if it is not."""
        earlier = f"{task.id}-{task.digest[:8]}"  # as tasks were named before
        if (self._tasks / earlier / "task.toml").is_file():
            return earlier
        names = itertools.takewhile(self._is_taken, _names(task.id))
        return next((name for name in names if self._digest(name) == task.digest), None)

    def save(self, task: Task) -> str:
        """Keep a task under its id, with a number where another task has it: the same task again is the same folder."""
        name = self.saved_id(task)
        if name is None:
            name = next(free for free in _names(task.id) if not self._is_taken(free))
            write_task(replace(task, id=name), self._tasks / name)
            read_task(self._tasks / name)
        return name

    def _is_taken(self, name: str) -> bool:
        if (self._tasks / name).exists():
            return True
        try:
            self._task_folder(name)
        except UsageError:
            return False
        return True

    def _digest(self, name: str) -> str:
        """Return the digest of the task that is kept under this id; empty if it cannot be read."""
        with suppress(AdaptLabError):
            return read_task(self._task_folder(name)).digest
        return ""

    def pack(self, task_id: str) -> bytes:
        """Pack a task as a zip archive."""
        return pack_folder(self._task_folder(task_id))

    def unpack(self, name: str, data: bytes) -> str:
        """Check a packed task and keep it; one that is there already under the same id must be the same.

        Raises:
            TaskError: it is not a packed task, its files are invalid, or another task has its id.
        """
        check_size(name, len(data))
        with tempfile.TemporaryDirectory(dir=self._tasks, prefix=".unpacking-") as scratch:
            folder = Path(scratch) / "task"
            folder.mkdir()
            unpack_into(name, data, folder)
            task = read_task(folder)
            with suppress(UsageError):
                if read_task(self._task_folder(task.id)).digest != task.digest:
                    raise TaskError(
                        f"A different task already has the id '{task.id}'.", "Change the id in its task.toml."
                    )
                return task.id
            try:
                folder.rename(self._tasks / task.id)
            except OSError as error:
                raise TaskError(
                    f"The task cannot be saved ({error.strerror}).", "Free some space, or check the permissions."
                ) from error
            return task.id

    def close(self) -> None:
        """End the tokenizer's worker."""
        with self._lock:
            if self._counting is not None:
                self._counting[1].close()
                self._counting = None


def _names(task_id: str) -> Iterator[str]:
    """Return the ids that a task may get: `desk-mail`, `desk-mail-2`, and so on."""
    yield task_id
    for number in itertools.count(2):
        yield f"{task_id}-{number}"
