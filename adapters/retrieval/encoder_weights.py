"""The weights of an encoder on disk. Light: what needs no torch stands here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from adapters.storage.files import whole_folder
from engine.core.errors import RetrievalError

WEIGHTS_NAME = "model.safetensors"


def digest_of(weights: bytes) -> str:
    """Name weights by their SHA-256, in hex digits."""
    return hashlib.sha256(weights).hexdigest()


def keep_weights(folder: Path, weights: bytes) -> str:
    """Write weights into a folder, which is complete or absent; return their digest. What was there is replaced."""
    with whole_folder(folder) as partial:
        (partial / WEIGHTS_NAME).write_bytes(weights)
    return digest_of(weights)


def read_weights(folder: Path, digest: str) -> bytes:
    """Read the weights of a folder.

    Raises:
        RetrievalError: they are missing, damaged or others.
    """
    try:
        weights = (folder / WEIGHTS_NAME).read_bytes()
    except OSError as error:
        raise damaged(folder) from error
    if digest_of(weights) != digest:
        raise damaged(folder)
    return weights


def damaged(folder: Path) -> RetrievalError:
    """Return the error for weights that are not what they should be."""
    return RetrievalError(f"The classifier {folder.name} is missing or damaged.", "Fit it again.")
