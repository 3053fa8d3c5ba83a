"""The home folder belongs to whoever runs the program, whatever rights the shell gives new files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.reading import Run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")


@pytest.fixture
def no_mask() -> Iterator[None]:
    """Let new files be open to everybody, as a careless shell does."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_mask")
def test_only_the_owner_opens_home_and_store(run: Run, home: Path, table: list[object], tmp_path: Path) -> None:
    """After a run and a report nobody else can enter the home folder, nor read the store or what SQLite puts beside it."""
    compare = ("compare", *table, "--model", "scripted", "--variants", "zero-shot", "--limit", 1)
    for arguments in (compare, ("report", "latest", "--out", tmp_path / "memo.md"), ("compare", "--resume", "latest")):
        code, _, err = run(*arguments)
        assert code == 0, err
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        store = list(home.glob("runs.sqlite3*"))
        assert home / "runs.sqlite3" in store
        assert {stat.S_IMODE(path.stat().st_mode) for path in store} == {0o600}
    assert stat.S_IMODE((tmp_path / "memo.md").stat().st_mode) == 0o666, "the mask was off"
