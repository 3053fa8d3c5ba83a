"""What an attack with files came to, and how that is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HANG_S = 20.0
MOST_MB = 2_000.0


@dataclass(kw_only=True)
class Figures:
    """What became of some mutated files of one kind."""

    kind: str
    files: int = 0
    inside: int = 0
    past: int = 0
    """Of those changed inside: got past the container."""
    read: int = 0
    refused: int = 0
    """With a typed error that has a fix and is one line."""
    worst_s: float = 0.0
    worst_mb: float = 0.0
    """Most resident memory of the process that parsed."""
    worker_deaths: int = 0
    tried_again: int = 0
    """Took longer than a file may, on a machine that may have been busy, and were read once more."""
    findings: list[str] = field(default_factory=list)
    """Tracebacks, hangs, deaths of the app's own process, memory beyond the bound: each with its seed."""

    def add(self, other: Figures) -> None:
        """Add the figures of other files of the same kind."""
        for name in ("files", "inside", "past", "read", "refused", "worker_deaths", "tried_again"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.worst_s = max(self.worst_s, other.worst_s)
        self.worst_mb = max(self.worst_mb, other.worst_mb)
        self.findings += other.findings


def most_mb(pid: int) -> float:
    """Return the most resident memory that a process has had, in MB (Linux)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def table(figures: Sequence[Figures]) -> str:
    """Return the figures as a table in Markdown."""
    lines = [
        "| kind | files | changed inside | past the container | read | typed error | worst s | tried again | worst MB | worker ended | findings |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in figures:
        share = f"{one.past} ({100 * one.past / max(one.inside, 1):.0f} %)"
        lines.append(
            f"| {one.kind} | {one.files:,} | {one.inside:,} | {share} | {one.read:,} | {one.refused:,} | {one.worst_s:.1f} "
            f"| {one.tried_again} | {one.worst_mb:.0f} | {one.worker_deaths} | {len(one.findings)} |"
        )
    return "\n".join(lines)
