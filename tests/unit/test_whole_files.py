"""Files that are whole or absent, whoever writes at the same time and however it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapters.storage.files import partial_beside, whole_file, whole_folder, write_whole
from adapters.storage.task_store import TaskFolders

ROOT = Path(__file__).parents[2]


def test_a_file_is_written_over_an_older_one(tmp_path: Path) -> None:
    """The folder is made, the newest content stands, and nothing else is left behind."""
    path = tmp_path / "new" / "folder" / "file.json"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_older_file(tmp_path: Path) -> None:
    """Whoever fails halfway takes the half away; what stood before still stands."""
    path = tmp_path / "file.json"
    write_whole(path, b"first")
    with pytest.raises(ZeroDivisionError), whole_file(path) as partial:
        partial.write_bytes(b"hal")
        raise ZeroDivisionError
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_no_two_writers_share_a_half(tmp_path: Path) -> None:
    """Each thread and each process writes to a name of its own, hidden, and with another ending than the file's."""
    path = tmp_path / "file.json"
    names = [partial_beside(path)]
    other = threading.Thread(target=lambda: names.append(partial_beside(path)))
    other.start()
    other.join(30)
    code = (
        "import sys; from pathlib import Path; from adapters.storage.files import partial_beside\n"
        "print(partial_beside(Path(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, cwd=ROOT)
    names.append(Path(done.stdout.strip()))
    assert len(set(names)) == 3
    assert all(name.parent == tmp_path and name.name.startswith(".") for name in names)
    assert not any(name.match("*.json") for name in names)


def test_readers_meet_no_half_while_several_write(tmp_path: Path) -> None:
    """Two sessions that write at once: a reader sees the one's file or the other's, never a mixture."""
    path = tmp_path / "file"
    contents = [bytes([number]) * 300_000 for number in range(4)]
    errors: list[Exception] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(30):
                write_whole(path, content)
        except OSError as error:
            errors.append(error)

    write_whole(path, contents[0])
    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_bytes() in contents
    assert not errors
    assert list(tmp_path.iterdir()) == [path]


def test_the_half_of_a_task_is_not_listed(tmp_path: Path) -> None:
    """What a killed session left of a task it was writing must not turn up as a task."""
    shipped = ROOT / "data" / "tasks"
    shutil.copytree(shipped / "support-tickets", partial_beside(tmp_path / "support-tickets"))
    names = {info.id for info in TaskFolders(tmp_path, shipped).infos()}
    assert names == {path.parent.name for path in shipped.glob("*/task.toml")}


def test_a_folder_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    """One that is written to the end replaces what was there; one that is not leaves the old one and nothing beside."""
    folder = tmp_path / "weights"
    for name in ("first", "second"):
        with whole_folder(folder) as partial:
            (partial / name).write_bytes(b"all")
    assert [path.name for path in folder.iterdir()] == ["second"]
    with pytest.raises(OSError, match="full"), whole_folder(folder) as partial:
        (partial / "third").write_bytes(b"ha")
        raise OSError("full")
    assert [path.name for path in folder.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [folder]
