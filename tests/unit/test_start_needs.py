"""What `make run` needs is checked before anything is installed, and said in a line with the fix."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "preflight.sh"
TOOLS = ("awk", "bash", "df", "uname", "cc")


def _fake(folder: Path, name: str, lines: str) -> None:
    file = folder / name
    file.unlink(missing_ok=True)
    file.write_text(f"#!{shutil.which('bash')}\n{lines}\n", encoding="utf-8")
    file.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Make a folder of programs that is the whole machine, with a disk of 100 GB free."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in TOOLS:
        (programs / name).symlink_to(shutil.which(name) or shutil.which("true") or "")
    (programs / "python3").symlink_to(sys.executable)
    _disk(programs, "disk", 100)
    return programs


def _disk(programs: Path, name: str, free_gb: int, other: str = "", other_free_gb: int = 0) -> None:
    """Have `df` tell of a disk, and of another one for folders that are named so."""
    told = f"echo {name} 0 0 {free_gb}000000 0% /"
    if other:
        told = f'case "$2" in *{other}*) echo {other} 0 0 {other_free_gb}000000 0% /x;; *) {told};; esac'
    _fake(programs, "df", f"echo Filesystem\n{told}")


def _told(programs: Path, python: str = "python3", **environment: str) -> tuple[int, str]:
    folder = programs.parent / "clone"
    folder.mkdir(exist_ok=True)
    ended = subprocess.run(
        [shutil.which("bash") or "bash", str(SCRIPT), python],
        cwd=folder,
        env={"PATH": str(programs), "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_a_machine_with_everything_may_start(machine: Path) -> None:
    assert _told(machine) == (0, "")


def test_a_python_that_is_missing_or_too_old_is_named(machine: Path) -> None:
    code, told = _told(machine, "python9")
    assert code == 1
    assert "'python9' was not found" in told
    _fake(machine, "python3", 'case "$2" in *version_info*) exit 1;; *) echo 3.9.1;; esac')
    code, told = _told(machine)
    assert code == 1
    assert "Python 3.9.1 is not supported: use 3.11 to 3.13" in told


def test_a_missing_compiler_is_named(machine: Path) -> None:
    (machine / "cc").unlink()
    code, told = _told(machine)
    assert code == 1
    assert "No C compiler was found" in told


def test_too_small_a_disk_is_named_before_anything_is_fetched(machine: Path) -> None:
    _fake(machine, "uname", "echo Linux")
    _disk(machine, "disk", 14)
    code, told = _told(machine)
    assert code == 1
    assert "14 GB of disk are free here; installing needs 15" in told
    _disk(machine, "disk", 15)
    assert _told(machine) == (0, "")


def test_the_temporary_folder_may_be_the_one_that_is_too_small(machine: Path) -> None:
    _fake(machine, "uname", "echo Linux")
    _disk(machine, "disk", 9, other="ram", other_free_gb=6)
    ram = machine.parent / "ram"
    ram.mkdir()
    code, told = _told(machine, TMPDIR=str(ram))
    assert code == 1
    assert f"6 GB are free in {ram}; installing needs 7 there for a while" in told
    _disk(machine, "disk", 9, other="ram", other_free_gb=7)
    assert _told(machine, TMPDIR=str(ram)) == (0, "")
    assert _told(machine, TMPDIR=str(machine / "none"))[0] == 1, "without it /tmp is used, on the same disk"


def test_a_disk_is_not_asked_where_it_is_installed(machine: Path) -> None:
    _disk(machine, "disk", 1)
    ready = machine.parent / "clone" / ".venv"
    (ready / "bin").mkdir(parents=True)
    (ready / "bin" / "python").symlink_to(sys.executable)
    assert _told(machine)[0] == 1, "an installation that was broken off needs the room again"
    (ready / ".run-ready").touch()
    assert _told(machine) == (0, "")
