"""Speed tests, kept by machine and model: a home folder may travel from one machine to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class SpeedFile:
    """One small JSON file."""

    def __init__(self, path: Path) -> None:
        """Keep speeds in this file, which is made when first needed."""
        self._path = path

    def read(self, processor: str) -> dict[str, dict[str, Any]]:
        """Return this processor's figures by model digest; empty if the file is missing or damaged."""
        found = self._whole().get(processor, {})
        return found if isinstance(found, dict) else {}

    def keep(self, processor: str, digest: str, figures: dict[str, Any]) -> None:
        """Keep figures over older ones."""
        whole = self._whole()
        whole[processor] = {**self.read(processor), digest: figures}
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        partial.replace(self._path)

    def _whole(self) -> dict[str, Any]:
        try:
            whole = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return whole if isinstance(whole, dict) else {}
