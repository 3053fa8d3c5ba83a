"""Mutated files of every kind, read as users read them: `python -m tests.attack.files --each 10000`.

Each file must become a value or a typed error. Half of the files are bent byte by byte, half are changed inside and
packed soundly again. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from unittest.mock import patch

from adapters.reading.limits import memory_limit_bytes
from adapters.reading.reader import file_reader
from engine.core.errors import AdaptLabError
from tests.attack.figures import HANG_S, MOST_MB, Figures, most_mb, table
from tests.attack.kinds import Bench, Kind, kinds, passes_container
from tests.attack.loads import KIND as LOADS
from tests.attack.loads import attack_loads
from tests.attack.mutators import bent

ROOT = Path(__file__).parents[2]
FINDINGS_SHOWN = 5


def mutated(kind: Kind, seed: int) -> bytes:
    """Return the mutated file of a seed: even ones are bent byte by byte, odd ones inside."""
    generator = random.Random(seed)
    return kind.inside(kind.sound, generator) if seed % 2 else bent(kind.sound, generator)


def attack(name: str, seeds: Sequence[int]) -> Figures:
    """Read the mutated files of these seeds, in this process and its reading worker."""
    kind, found = kinds()[name], Figures(kind=name)
    with Bench() as bench, patch.dict(os.environ, ADAPTLAB_MODELS=str(bench.models)):
        kind.read(bench, kind.sound)  # the sound one is read, or all of this would prove nothing
        for seed in seeds:
            one = _one(bench, kind, seed)
            if one.worst_s > HANG_S:  # a machine that others use may have starved it; twice is a finding
                found.tried_again += 1
                one = _one(bench, kind, seed)
            found.add(one)
    return found


def _one(bench: Bench, kind: Kind, seed: int) -> Figures:
    data, found = mutated(kind, seed), Figures(kind=kind.name)
    error = None
    started = time.perf_counter()
    try:
        with _alarm():
            kind.read(bench, data)
        found.read += 1
    except AdaptLabError as caught:
        error = str(caught)
        found.refused += 1
        if not caught.fix or "\n" in error:
            found.findings.append(f"{found.kind} {seed}: an error without a fix or of several lines: {error[:200]}")
    except BaseException as caught:
        trace = traceback.extract_tb(caught.__traceback__)[-1]
        found.findings.append(
            f"{found.kind} {seed}: {type(caught).__name__}: {str(caught)[:120]} ({Path(trace.filename).name}:{trace.lineno})"
        )
    seconds = time.perf_counter() - started
    now = file_reader().pid
    found.worker_deaths += int(bool(re.search(r"the process that read it ended", error or "")))
    megabytes = most_mb(now or os.getpid())
    if "of memory to be read" in (error or ""):  # its worker was ended at this limit
        megabytes = max(megabytes, memory_limit_bytes(len(data)) / 1e6)
    found.files += 1
    found.inside += seed % 2
    found.past += int(bool(seed % 2) and passes_container(kind, error))
    found.worst_s, found.worst_mb = max(found.worst_s, seconds), max(found.worst_mb, megabytes)
    if seconds > HANG_S:
        found.findings.append(f"{found.kind} {seed}: took {seconds:.1f} s")
    if megabytes > MOST_MB:
        found.findings.append(f"{found.kind} {seed}: took {megabytes:.0f} MB")
    return found


class _HangError(BaseException):
    """Raised by the alarm, so that no handler of the app takes it for an error of a file."""


@contextmanager
def _alarm() -> Iterator[None]:
    """Interrupt what takes longer than any file may."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _HangError

    before = signal.signal(signal.SIGALRM, ring)
    left_s, _every_s = signal.setitimer(signal.ITIMER_REAL, HANG_S + 5)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left_s)  # the alarm of the test itself, which pytest-timeout has set


def in_process(name: str, first: int, count: int) -> Figures:
    """Attack in a process of its own: if that dies, it is a finding, and the seeds after it go on in another."""
    found = Figures(kind=name)
    start, end = first, first + count
    while start < end:
        command = [
            sys.executable,
            "-m",
            "tests.attack.files",
            "--kind",
            name,
            "--first",
            str(start),
            "--each",
            str(end - start),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found.add(Figures(**json.loads(done.stdout.splitlines()[-1])))
            return found
        found.findings.append(f"{name} from {start}: the process ended ({done.returncode}): {done.stderr[-300:]}")
        start += max(count // 10, 1)
    return found


def main() -> int:
    """Attack all kinds, two processes at a time, or one kind in this process."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--each", type=int, default=10_000, help="files of each kind")
    options.add_argument("--first", type=int, default=0, help="the first seed")
    options.add_argument("--kind", action="append", help="only this kind, in this process")
    options.add_argument("--loads", type=int, default=1_000, help="mutated GGUFs, a tenth of which llama.cpp loads")
    options.add_argument("--processes", type=int, default=2)
    asked = options.parse_args()
    if asked.kind:
        for name in asked.kind:
            seeds = range(asked.first, asked.first + asked.each)
            print(json.dumps(asdict(attack_loads(seeds) if name == LOADS else attack(name, seeds))))
        return 0
    started = time.monotonic()
    half = asked.each // 2
    parts = [(name, first, count) for name in kinds() for first, count in ((0, half), (half, asked.each - half))]
    parts += [(LOADS, first, count) for first, count in ((0, asked.loads // 2), (asked.loads // 2, asked.loads // 2))]
    total = {name: Figures(kind=name) for name in (*kinds(), LOADS)}
    with ThreadPoolExecutor(asked.processes) as pool:
        for found in pool.map(lambda part: in_process(*part), parts):
            total[found.kind].add(found)
            print(
                f"{time.monotonic() - started:6.0f} s  {found.kind}: {found.files} files", file=sys.stderr, flush=True
            )
    print(table(list(total.values())))
    findings = [line for one in total.values() for line in one.findings]
    print("\n".join(findings[: FINDINGS_SHOWN * len(total)]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
