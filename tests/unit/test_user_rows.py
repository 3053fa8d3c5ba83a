"""Rows of the user's own: what ships stays as it was, and nothing wrong is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.storage.task_folder import read_task
from adapters.storage.user_rows import add_row
from engine.core.errors import TaskError
from engine.core.task import AnswerKind, Document
from tests.helpers import small_task


def test_a_shipped_task_is_copied_once(tmp_path: Path) -> None:
    """The first row makes a copy under a name of its own, the second goes into that copy."""
    task = small_task(documents=[Document(name="a.md", text="# A\nText")])
    for number in range(2):
        name = add_row(task, tmp_path, text=f"new {number}", target="billing", split="train", copied=True)
        assert name == "small-own"
    grown = read_task(tmp_path / "small-own")
    assert len(grown.examples) == len(task.examples) + 2
    assert [e.input for e in grown.examples[-2:]] == ["new 0", "new 1"]
    assert all(e.metadata["own"] for e in grown.examples[-2:])
    assert grown.documents == task.documents
    assert "your rows" in grown.title
    assert [path.name for path in tmp_path.iterdir()] == ["small-own"]


def test_a_task_of_the_users_grows_in_place(tmp_path: Path) -> None:
    """A row for the user's own task goes into that very task."""
    assert add_row(small_task(), tmp_path, text="new", target="fault", split="test", copied=False) == "small"
    assert read_task(tmp_path / "small").split("test")[-1].target == "fault"


@pytest.mark.parametrize(
    ("kind", "text", "target"),
    [
        (AnswerKind.LABEL, "new", "no such label"),
        (AnswerKind.LABEL, "  ", "billing"),
        (AnswerKind.JSON, "new", "not json"),
        (AnswerKind.TEXT, "new", "  "),
    ],
)
def test_a_row_that_does_not_fit_changes_nothing(kind: AnswerKind, text: str, target: str, tmp_path: Path) -> None:
    """A wrong target or an empty input is told with its fix, and no file is written."""
    with pytest.raises(TaskError) as caught:
        add_row(small_task(kind=kind), tmp_path, text=text, target=target, split="train", copied=True)
    assert caught.value.fix
    assert not list(tmp_path.iterdir())
