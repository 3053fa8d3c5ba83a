"""Figures of this machine, kept by machine and model: a home folder may travel from one machine to another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.storage.files import write_whole


class MachineFigures:
    """One small JSON file."""

    def __init__(self, path: Path, processor: str) -> None:
        """Keep this processor's figures in this file, which is made when first needed."""
        self._path, self._processor = path, processor

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Return this processor's figures by model digest; empty if the file is missing or damaged."""
        found = self._whole().get(self._processor, {})
        return found if isinstance(found, dict) else {}

    def keep(self, digest: str, figures: Mapping[str, Any]) -> None:
        """Keep figures over older ones."""
        whole = self._whole()
        whole[self._processor] = {**self.read(), digest: dict(figures)}
        write_whole(self._path, json.dumps(whole, indent=1).encode())

    def _whole(self) -> dict[str, Any]:
        try:
            whole = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return whole if isinstance(whole, dict) else {}
