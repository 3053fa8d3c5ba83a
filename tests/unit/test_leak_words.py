"""What is said of the leak check: what was searched where nothing was found, and that none was run where none was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.memo.wording import leaks
from adapters.storage.task_folder import read_task, write_task
from tests.memory_lab import memory_task


class Contents:
    """What the memo reads of its contents here."""

    def __init__(self, leak_guard: str) -> None:
        self.leak_guard = leak_guard


def test_a_memo_says_whether_a_check_was_run() -> None:
    """Without a check the memo says so; with one it repeats the sentence."""
    assert leaks(Contents("")) == ["No leak check was run."]
    assert leaks(Contents("The leak check found nothing (all).")) == ["The leak check found nothing (all)."]


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (
            "Leak guard: clean. 60 test rows compared exactly, normalized and by 5-grams.",
            "The leak check found nothing (60 test rows compared exactly, normalized and by 5-grams).",
        ),
        ("Leak guard: 1 of 9 test rows is like something.", "Leak guard: 1 of 9 test rows is like something."),
    ],
)
def test_a_task_of_an_earlier_version_is_not_called_clean(tmp_path: Path, kept: str, said: str) -> None:
    """The sentence that an earlier version wrote is read as what it was: a search that found nothing."""
    task = replace(memory_task(rows=4, documents=()), card={"leak_guard": kept, "made": "by hand"})
    write_task(task, tmp_path / "t")
    found = read_task(tmp_path / "t")
    assert found.card == {"leak_guard": said, "made": "by hand"}
    assert found.digest == read_task(tmp_path / "t").digest
