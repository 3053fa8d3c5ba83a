"""Files that a command writes and reads; errors name the path and the fix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from engine.core.errors import UsageError


def writable_folder(folder: Path) -> Path:
    """Create a folder if it does not exist, and check that files can be written to it.

    Raises:
        UsageError: the folder cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be created ({error.strerror}).", "Choose another --out.") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"'{folder}' cannot be written to.", "Choose another --out.")
    return folder


def write_file(path: Path, data: bytes) -> None:
    """Write a file.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written ({error.strerror}).", "Choose another --out.") from error


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into an existing folder."""
    for name, data in files.items():
        write_file(folder / name, data)


def read_file(path: Path) -> bytes:
    """Read a file.

    Raises:
        UsageError: it does not exist, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"There is no file '{path}'.", "Check its path.") from None
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read ({error.strerror}).", "Check its permissions.") from error
