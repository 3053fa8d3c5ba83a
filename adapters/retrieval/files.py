"""The short ids by which indexes and classifiers are named."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from engine.core.errors import RetrievalError

_ID = re.compile(r"[0-9a-f]{16}")


def short_id(content: Any) -> str:
    """Name content by the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def checked_id(kind: str, identifier: str) -> str:
    """Return an id that is safe as a file name.

    Raises:
        RetrievalError: it has another form.
    """
    if not _ID.fullmatch(identifier):
        raise RetrievalError(f"'{identifier[:40]}' is not the id of {kind}.", "Build it, and use the id it returns.")
    return identifier
