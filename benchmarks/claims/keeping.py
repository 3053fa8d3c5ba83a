"""What is finished, kept beside the code it judges: a bench that was stopped goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "out" / "claims.json"
JUDGED = ("engine/core", "engine/metrics", "engine/analysis", "benchmarks/claims")
_NOT_JUDGED = {"tables.py", "keeping.py", "__main__.py", "running.py"}


class Kept:
    """Tallies by name, in a file; those of other code are dropped."""

    def __init__(self, file: Path = FILE) -> None:
        """Read what is there."""
        self._file, self._code = file, _code()
        self._tallies: dict[str, dict[str, int]] = {}
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            if kept.get("code") == self._code:
                self._tallies = kept["tallies"]

    def get(self, name: str) -> Counter[str] | None:
        """Return a finished tally."""
        return Counter(self._tallies[name]) if name in self._tallies else None

    def put(self, name: str, tally: Counter[str]) -> None:
        """Keep a finished tally."""
        self._tallies[name] = dict(tally)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".part")
        fresh.write_text(json.dumps({"code": self._code, "tallies": self._tallies}), encoding="utf-8")
        fresh.replace(self._file)


def _code() -> str:
    """Digest of the code that is judged."""
    digest = hashlib.sha256()
    for name in JUDGED:
        place = ROOT / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            if file.name not in _NOT_JUDGED:
                digest.update(file.read_bytes())
    return digest.hexdigest()
