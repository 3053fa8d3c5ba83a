"""Rows that the user adds to a task. A task that ships is first copied among the user's own, and stays as it was."""

from __future__ import annotations

import json
import secrets
import tempfile
from dataclasses import replace
from pathlib import Path

from adapters.storage.task_folder import read_task, write_task
from engine.core.errors import TaskError
from engine.core.task import AnswerKind, Example, Task

COPY_SUFFIX = "-own"
"""Added to the id of a task that ships, for the copy that takes the user's rows."""


def add_row(task: Task, own_tasks: Path, *, text: str, target: str, split: str, copied: bool) -> str:
    """Add one row, and return the id of the task that has it now.

    Args:
        task: the task as it is.
        own_tasks: the folder of the user's tasks.
        text: the input.
        target: the right answer; for JSON answers, JSON.
        split: where the row belongs.
        copied: whether the task is one that ships, so that a copy takes the row.

    Raises:
        TaskError: the row does not fit the task; nothing was written.
    """
    if not text.strip():
        raise TaskError("The input is empty.", "Write one.")
    task_id = f"{task.id}{COPY_SUFFIX}" if copied else task.id
    folder = own_tasks / task_id
    if copied and (folder / "task.toml").is_file():
        task = read_task(folder)  # the copy has rows of the user's already
    elif copied:
        task = replace(task, id=task_id, title=f"{task.title} (with your rows)")
    row = Example(
        id=_row_id(task), input=text, target=_checked_target(task, target), split=split, metadata={"own": True}
    )
    grown = replace(task, examples=(*task.examples, row))
    with tempfile.TemporaryDirectory(prefix="adaptlab-row-") as trial:
        write_task(grown, Path(trial) / task_id)
        read_task(Path(trial) / task_id)  # tells, with its fix, what is wrong with the row before anything is changed
    write_task(grown, folder)
    return task_id


def _row_id(task: Task) -> str:
    known = {example.id for example in task.examples}
    while True:
        row_id = f"own-{secrets.token_hex(3)}"
        if row_id not in known:
            return row_id


def _checked_target(task: Task, target: str) -> str:
    if task.answer.kind is AnswerKind.LABEL and target not in task.answer.labels:
        raise TaskError(f"'{target}' is not a label of this task.", f"Labels: {', '.join(task.answer.labels)}.")
    if task.answer.kind is AnswerKind.JSON:
        try:
            json.loads(target)
        except ValueError as error:
            raise TaskError(f"The target is not JSON: {error}.", "Write the record as a JSON object.") from error
    return target
