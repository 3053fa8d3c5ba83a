"""How many threads the bundled model computes on, seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from adapters.cores import THREADS, usable_cores
from tests.served import ROOT

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

OTHERS = {"OPENBLAS_NUM_THREADS": "1"}
"""So that llama.cpp's threads alone make a difference."""


def test_fewer_threads_where_the_environment_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`OMP_NUM_THREADS=1` leaves llama.cpp one thread in a comparison; without it there are as many as cores."""
    alone = _most_threads(told="1")
    monkeypatch.delenv(THREADS, raising=False)
    assert (_most_threads(told="") > alone) == (usable_cores() > 1)


def _most_threads(told: str) -> int:
    """Compare on the bundled model; return the most threads that its worker was seen with."""
    asked = ["--task", "support-tickets", "--variants", "zero-shot", "--limit", "20", "--prior-correction", "off"]
    run = subprocess.Popen(
        [sys.executable, "cli.py", "compare", *asked],
        cwd=ROOT, env={**os.environ, **OTHERS, THREADS: told}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    most = 0
    while run.poll() is None:
        time.sleep(0.02)
        most = max([most, *map(_threads, psutil.Process(run.pid).children())])
    assert run.wait() == 0, (run.communicate()[1] or b"").decode("utf-8", "replace")
    assert most, "no worker of llama.cpp was seen"
    return most


def _threads(process: psutil.Process) -> int:
    try:
        return process.num_threads() if any("llama_cpp.worker" in part for part in process.cmdline()) else 0
    except psutil.NoSuchProcess:
        return 0
