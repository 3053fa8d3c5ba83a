"""The one folder in which everything is kept, and the lock that lets one run at a time measure this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from engine.core.errors import StoreError

if os.name == "nt":  # pragma: no cover - the other branch runs where the tests run
    import msvcrt
else:
    import fcntl


def home_folder(chosen: Path | None = None) -> Path:
    """Return the folder that was chosen, else `ADAPTLAB_HOME`, else the platform's folder for user data; make it.

    Raises:
        StoreError: it cannot be made.
    """
    home = chosen or Path(os.environ.get("ADAPTLAB_HOME") or platformdirs.user_data_dir("adaptlab"))
    try:
        for name in ("", "tasks", "lora", "indexes", "models"):
            (home / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder '{home}' cannot be made ({error.strerror}).", "Set ADAPTLAB_HOME to a folder you may write."
        ) from error
    return home


@contextlib.contextmanager
def machine_lock(home: Path) -> Iterator[bool]:
    """Try to take the machine for one run; yields whether it was free. Freed when the process ends, too."""
    with (home / "running.lock").open("a+b") as file:
        taken = _try_lock(file.fileno())
        try:
            yield taken
        finally:
            if taken:
                _unlock(file.fileno())


def _try_lock(descriptor: int) -> bool:
    try:
        if os.name == "nt":  # pragma: no cover
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    if os.name == "nt":  # pragma: no cover
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
