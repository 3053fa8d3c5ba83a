"""The home folder: its layout is written down and looked at, and one piece of work at a time takes the machine."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.storage.home import LAYOUT_VERSION, home_folder, machine_lock
from adapters.storage.run_store import SqliteRunStore
from engine.core.errors import StoreError

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from adapters.storage.home import machine_lock
with machine_lock(Path(sys.argv[1])) as free:
    print("free" if free else "taken", flush=True)
    sys.stdin.read()
"""


def test_a_new_home_says_which_version_made_it(tmp_path: Path) -> None:
    """Later versions must be able to tell what they find."""
    home = home_folder(tmp_path / "home")
    assert json.loads((home / "layout.json").read_text()) == {"version": LAYOUT_VERSION} == {"version": 2}
    assert {path.name for path in home.iterdir()} == {"layout.json", "tasks", "lora", "indexes", "models"}


@pytest.mark.parametrize("layout", [None, '{"version": 1}', '{"version": 1, "more": "x"}'])
def test_an_older_home_is_opened_and_gets_the_version(tmp_path: Path, layout: str | None) -> None:
    """A folder from before the file, or of an earlier layout, keeps all it holds."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "runs.sqlite3").write_bytes(b"as it was")
    if layout:
        (tmp_path / "layout.json").write_text(layout)
    home_folder(tmp_path)
    assert json.loads((tmp_path / "layout.json").read_text()) == {"version": LAYOUT_VERSION}
    assert (tmp_path / "runs.sqlite3").read_bytes() == b"as it was"


def test_a_home_of_this_version_is_left_as_it_is(tmp_path: Path) -> None:
    """Opening twice writes once: keys that are not known stay."""
    text = json.dumps({"version": LAYOUT_VERSION, "more": "x"})
    (tmp_path / "layout.json").write_text(text)
    home_folder(tmp_path)
    assert (tmp_path / "layout.json").read_text() == text


def test_a_newer_home_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An older program must not write into a folder whose form it does not know; the error says what to do."""
    text = json.dumps({"version": LAYOUT_VERSION + 1})
    (tmp_path / "layout.json").write_text(text)
    with pytest.raises(StoreError, match="newer version of Adapt Lab") as caught:
        home_folder(tmp_path)
    assert str(tmp_path) in caught.value.what
    assert "Update Adapt Lab" in caught.value.fix
    assert [path.name for path in tmp_path.iterdir()] == ["layout.json"]
    assert (tmp_path / "layout.json").read_text() == text


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"version": "new"}', "\udcff"])
def test_a_damaged_layout_is_told_with_a_fix(tmp_path: Path, text: str) -> None:
    """It may be a newer version's, so the app asks instead of guessing."""
    (tmp_path / "layout.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StoreError, match=r"layout\.json.*delete"):
        home_folder(tmp_path)


def test_a_killed_holder_frees_the_machine(tmp_path: Path) -> None:
    """A process that holds the machine shuts others out, and no longer than it lives."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "free\n"
        with machine_lock(tmp_path) as free:
            assert not free
        holder.kill()
        holder.wait(30)
    with machine_lock(tmp_path) as free:
        assert free


def test_a_refused_try_leaves_the_holder_its_lock(tmp_path: Path) -> None:
    """Asking must not free what another has; after the holder's end the machine is free again."""
    with machine_lock(tmp_path) as first:
        for _ in range(2):
            with machine_lock(tmp_path) as again:
                assert first
                assert not again
    with machine_lock(tmp_path) as free:
        assert free


def test_one_thread_begins_and_another_ends(tmp_path: Path) -> None:
    """A run is taken over by a background thread; its end there frees the machine."""
    held = ExitStack()
    assert held.enter_context(machine_lock(tmp_path))
    ending = threading.Thread(target=held.close)
    ending.start()
    ending.join(30)
    with machine_lock(tmp_path) as free:
        assert free


def test_an_error_in_the_work_frees_the_machine(tmp_path: Path) -> None:
    """A run that fails does not shut out the next, and its error comes through."""
    with pytest.raises(ZeroDivisionError), machine_lock(tmp_path):
        raise ZeroDivisionError
    with machine_lock(tmp_path) as free:
        assert free


@pytest.mark.skipif(sys.platform == "win32", reason="flock is of Unix")
def test_an_earlier_version_at_work_is_seen(tmp_path: Path) -> None:
    """Before filelock the app took the same file with flock: both versions beside each other still shut each other out."""
    import fcntl

    with (tmp_path / "running.lock").open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with machine_lock(tmp_path) as free:
            assert not free


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A disk that refuses is not the same as a machine that is taken."""
    (tmp_path / "running.lock").mkdir()
    with pytest.raises(StoreError, match=r"running\.lock.*ADAPTLAB_HOME"), machine_lock(tmp_path):
        pytest.fail("the machine was given")


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_only_the_owner_opens_home_and_store(tmp_path: Path) -> None:
    """A new home and an older one that others could read; what belongs to all is left to all."""
    old = tmp_path / "old"
    for home in (tmp_path / "new", old):
        if home is old:
            home.mkdir()
            home.chmod(0o755)
            (home / "runs.sqlite3").touch(0o644)
            (home / "runs.sqlite3").chmod(0o644)
        store = SqliteRunStore(home_folder(home) / "runs.sqlite3")
        assert store.infos() == []
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        kept = list(home.glob("runs.sqlite3*"))
        assert kept
        assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    home_folder(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_what_is_made_later_is_the_owners_as_well(tmp_path: Path) -> None:
    """SQLite makes and removes files beside the store as it works: with a mask that gives all rights, none is open."""
    before = os.umask(0)
    try:
        path = home_folder(tmp_path / "home") / "runs.sqlite3"
        for _ in range(2):
            store = SqliteRunStore(path)
            assert store.infos() == []
            kept = list(path.parent.glob("runs.sqlite3*"))
            assert len(kept) == 3
            assert {stat.S_IMODE(part.stat().st_mode) for part in kept} == {0o600}
            store._connection().close()
            del store
            for part in path.parent.glob("runs.sqlite3-*"):
                part.unlink()
        (path.parent / "tasks" / "later.txt").write_text("x")
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)
