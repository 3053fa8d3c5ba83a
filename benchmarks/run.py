"""Runs the benchmarks by name, each in a separate home folder, and prints one line per figure."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.machine import machine_facts
from engine.core.errors import unknown_name

ROOT = Path(__file__).resolve().parents[1]
NAMES = {
    "compare": "benchmarks.compare",
    "choice": "benchmarks.choice",
    "prior": "benchmarks.prior",
    "shots": "benchmarks.shots",
    "effort": "benchmarks.effort",
    "cancel": "benchmarks.cancel",
    "training": "benchmarks.training",
    "retrieval": "benchmarks.retrieval",
    "handbook_search": "benchmarks.handbook_search",
    "languages": "benchmarks.languages",
    "instruction_languages": "benchmarks.instruction_languages",
    "tokenizers": "benchmarks.tokenizers",
    "embedders": "benchmarks.embedders",
    "report_speed": "benchmarks.report_speed",
    "claims": "benchmarks.claims",
    "choosing": "benchmarks.choosing",
    "race": "benchmarks.race",
    "upload": "benchmarks.upload",
    "leaks": "benchmarks.leaks",
    "screens": "benchmarks.screens",
    "tabs": "benchmarks.tabs",
    "row_grid": "benchmarks.row_grid",
}


HOURS = frozenset({"prior", "effort"})
"""Those that take an hour and more, run only when they are named, and go on with what was stopped."""


def run_benchmarks(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all that take minutes; return the first exit code that is not 0."""
    for name in names:
        if name not in NAMES:
            raise unknown_name("benchmark", name, NAMES)
    facts = machine_facts()
    print(f"machine: {facts.processor}, {facts.cores} cores, {facts.memory_bytes / 2**30:.1f} GiB", flush=True)
    for name in names or [one for one in NAMES if one not in HOURS]:
        print(f"\n{name}: load average {os.getloadavg()[0]:.1f} before the start", flush=True)
        with _home(name) as home:
            environment = {**os.environ, "ADAPTLAB_HOME": home, "LANCEDB_LOG": "error"}
            command = [sys.executable, "-m", NAMES[name]]
            code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if code:
            return code
    return 0


@contextlib.contextmanager
def _home(name: str) -> Iterator[str]:
    """Give a benchmark a home folder of its own, which stays where its runs may go on later."""
    if name in HOURS:
        yield str(ROOT / "out" / f"{name}-home")
        return
    with tempfile.TemporaryDirectory(prefix="adaptlab-bench-") as home:
        yield home
