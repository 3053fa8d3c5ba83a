"""Files that are complete or absent: no reader sees half of one, and two sessions that write at once do not collide."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.core.errors import DiskFullError, StoreError

FREE_SPACE = "Free some space, then try again."


def disk_is_full(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is that no space is left: libraries have names of their own for it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if "no space left" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Say in a sentence why a place cannot be written.

    Raises:
        DiskFullError: no space is left.
        StoreError: the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if disk_is_full(error):
            raise DiskFullError(f"There is no space left for '{place}'.", FREE_SPACE) from error
        raise StoreError(f"'{place}' cannot be written ({error}).", "Check that its folder can be written.") from error


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
