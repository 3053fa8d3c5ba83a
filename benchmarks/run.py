"""Runs the benchmarks by name, each in a home folder of its own. They print lines, and tables in Markdown."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from adapters.machine import machine_facts
from engine.core.errors import unknown_name
from terminal.output import show_json

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


def run_benchmarks(names: Sequence[str], *, as_json: bool = False) -> int:
    """Run the named benchmarks, or all that take minutes; return the first exit code that is not 0.

    Each prints its lines as it goes on. With `as_json` they go to stderr, and stdout gets one JSON object at the end.
    """
    for name in names:
        if name not in NAMES:
            raise unknown_name("benchmark", name, NAMES)
    facts, told = machine_facts(), sys.stderr if as_json else sys.stdout
    print(
        f"machine: {facts.processor}, {facts.cores} cores, {facts.memory_bytes / 2**30:.1f} GiB", flush=True, file=told
    )
    found, code = [], 0
    for name in names or [one for one in NAMES if one not in HOURS]:
        load = os.getloadavg()[0]
        print(f"\n{name}: load average {load:.1f} before the start", flush=True, file=told)
        code, lines = _run(name, told)
        found.append({"name": name, "load_average": load, **parted(lines)})
        if code:
            break
    if as_json:
        show_json({"machine": facts, "benchmarks": found})
    return code


def _run(name: str, told: TextIO) -> tuple[int, list[str]]:
    """Run one benchmark; pass on what it prints, and return its exit code and its lines."""
    with _home(name) as home:
        environment = {**os.environ, "ADAPTLAB_HOME": home, "LANCEDB_LOG": "error", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", NAMES[name]]
        lines = []
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
            for line in child.stdout or ():
                print(line, end="", flush=True, file=told)
                lines.append(line.rstrip("\n"))
        return child.returncode, lines


def parted(lines: Iterable[str]) -> dict[str, Any]:
    """Part what a benchmark printed into its tables, which are Markdown, and the other lines."""
    tables: list[dict[str, Any]] = []
    others, within = [], False
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            others += [line] if line.strip() else []
        elif not within:
            tables.append({"columns": cells, "rows": []})
        elif set("".join(cells)) - set("-: "):
            tables[-1]["rows"].append(cells)
        within = line.startswith("|")
    return {"lines": others, "tables": tables}


@contextlib.contextmanager
def _home(name: str) -> Iterator[str]:
    """Give a benchmark a home folder of its own, which stays where its runs may go on later."""
    if name in HOURS:
        yield str(ROOT / "out" / f"{name}-home")
        return
    with tempfile.TemporaryDirectory(prefix="adaptlab-bench-") as home:
        yield home
