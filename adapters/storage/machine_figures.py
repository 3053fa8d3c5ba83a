"""Figures of this machine, kept by machine and model: a home folder may travel from one machine to another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.storage.files import read_object, write_whole


class MachineFigures:
    """One small JSON file."""

    def __init__(self, path: Path, processor: str) -> None:
        """Keep this processor's figures in this file, which is made when first needed."""
        self._path, self._processor = path, processor

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Return this processor's figures by model digest; empty if the file is missing or damaged."""
        found = read_object(self._path).get(self._processor, {})
        sound = found.items() if isinstance(found, dict) else ()
        return {digest: figures for digest, figures in sound if isinstance(figures, dict)}

    def keep(self, digest: str, figures: Mapping[str, Any]) -> None:
        """Keep figures over older ones."""
        whole = read_object(self._path)
        whole[self._processor] = {**self.read(), digest: dict(figures)}
        write_whole(self._path, json.dumps(whole, indent=1).encode())
