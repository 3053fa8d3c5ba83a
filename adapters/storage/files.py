"""Files that are complete or absent: no reader sees half of one, and two sessions that write at once do not collide."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def partial_beside(path: Path) -> Path:
    """Name a hidden path beside this one that no other process or thread writes to."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; the file there replaces `path` at the end, unless an error was raised.

    The folder is made if it is not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_beside(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_object(path: Path) -> dict[str, Any]:
    """Read a file with a JSON object; empty where it is missing, damaged or something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole, over an older one; its folder is made if it is not there."""
    with whole_file(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write to; it replaces `folder` at the end, unless an error was raised."""
    partial = partial_beside(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        move_into_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def move_into_place(partial: Path, folder: Path) -> None:
    """Let a folder that is complete replace another, if there is one."""
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def keep_private(path: Path) -> None:
    """Let only its owner open a file or folder, where the system has such rights and the path is this user's.

    A folder that belongs to all, as the one for temporary files, stays as it is.
    """
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
        if not mode & stat.S_ISVTX:
            path.chmod(stat.S_IMODE(mode) & 0o700)
