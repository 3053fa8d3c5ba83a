"""The one folder in which everything is kept, and the lock that lets one run at a time measure this machine."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from adapters.storage.files import keep_private, write_whole
from engine.core.errors import StoreError

LAYOUT_NAME = "layout.json"
LAYOUT_VERSION = 2
"""What this version of the app writes; raised when an older version could no longer read a home folder."""


def home_folder(chosen: Path | None = None) -> Path:
    """Return the folder that was chosen, else `ADAPTLAB_HOME`, else the platform's folder for user data; make it.

    Only its owner may open it; one from before that rule is closed to others now. The folder says in `layout.json`
    which version wrote it; one without the file is older than the file, and gets it.

    Raises:
        StoreError: it cannot be made, or a newer version of the app wrote it.
    """
    home = chosen or Path(os.environ.get("ADAPTLAB_HOME") or platformdirs.user_data_dir("adaptlab"))
    try:
        written = _layout_version(home)
        for name in ("", "tasks", "lora", "indexes", "models"):
            (home / name).mkdir(parents=True, exist_ok=True)
        keep_private(home)
        if written < LAYOUT_VERSION:
            write_whole(home / LAYOUT_NAME, json.dumps({"version": LAYOUT_VERSION}).encode())
    except OSError as error:
        raise StoreError(
            f"The folder '{home}' cannot be made ({error.strerror}).", "Set ADAPTLAB_HOME to a folder you can write to."
        ) from error
    return home


def _layout_version(home: Path) -> int:
    """Return the version in `layout.json`, 1 if there is no such file; raise `StoreError` for one it cannot use."""
    path = home / LAYOUT_NAME
    try:
        version = json.loads(path.read_bytes())["version"]
    except (FileNotFoundError, NotADirectoryError):
        return 1
    except (ValueError, KeyError, TypeError, RecursionError):
        version = None
    if not isinstance(version, int):
        raise StoreError(
            f"'{path}' does not say which version wrote this folder.",
            f"If no newer version of Adapt Lab has used the folder, delete {LAYOUT_NAME} and start again.",
        )
    if version > LAYOUT_VERSION:
        raise StoreError(
            f"A newer version of Adapt Lab wrote the folder '{home}' (layout {version}; this one reads up to "
            f"{LAYOUT_VERSION}).",
            "Update Adapt Lab, or set ADAPTLAB_HOME to another folder.",
        )
    return version


@contextlib.contextmanager
def machine_lock(home: Path) -> Iterator[bool]:
    """Try to take the machine for one run; yields whether it was free. Freed when the process ends, too.

    Raises:
        StoreError: the folder's disk does not support file locks.
    """
    # Not bound to a thread: a run may be begun by one thread and ended by another.
    lock = FileLock(home / "running.lock", blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        taken = False
    except OSError as error:
        raise StoreError(
            f"'{lock.lock_file}' cannot be locked ({error.strerror}).",
            "Set ADAPTLAB_HOME to a folder on a disk of this machine that you can write to.",
        ) from error
    else:
        taken = True
    try:
        yield taken
    finally:
        lock.release()
