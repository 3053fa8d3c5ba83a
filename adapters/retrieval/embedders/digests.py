"""Digests of an embedder's files: its id changes when any of them does."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

_BLOCK_BYTES = 1 << 20


def digest_of(folder: Path, files: Sequence[Path]) -> str:
    """Return 16 hex digits of the SHA-256 of files and their names in the folder; they are read again when changed."""
    return _digest_of(folder, tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@functools.lru_cache(maxsize=64)
def _digest_of(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _changed in files:
        digest.update(f"{Path(name).relative_to(folder)}\0{size}\0".encode("utf-8", "surrogateescape"))
        with Path(name).open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()[:16]
