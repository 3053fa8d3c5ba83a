"""How many threads the bundled model computes on, seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
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
    alone = _usual_threads(told="1")
    monkeypatch.delenv(THREADS, raising=False)
    assert (_usual_threads(told="") > alone) == (usable_cores() > 1)


def _usual_threads(told: str) -> int:
    """Compare on the bundled model; return how many threads its worker was mostly seen with once it had several.

    Not the most: for a moment there may be one more, and it is a matter of luck whether that is seen.
    """
    asked = ["--task", "support-tickets", "--variants", "zero-shot", "--limit", "20", "--prior-correction", "off"]
    run = subprocess.Popen(
        [sys.executable, "cli.py", "compare", *asked],
        cwd=ROOT, env={**os.environ, **OTHERS, THREADS: told}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    seen: Counter[int] = Counter()
    while run.poll() is None:
        time.sleep(0.02)
        seen.update(count for count in map(_threads, psutil.Process(run.pid).children()) if count > 1)
    assert run.wait() == 0, (run.communicate()[1] or b"").decode("utf-8", "replace")
    assert seen, "no worker of llama.cpp was seen"
    return seen.most_common(1)[0][0]


def _threads(process: psutil.Process) -> int:
    try:
        return process.num_threads() if any("llama_cpp.worker" in part for part in process.cmdline()) else 0
    except psutil.NoSuchProcess:
        return 0
