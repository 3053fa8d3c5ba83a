"""SIGKILL at random moments: `python -m tests.attack.kills --kills 200`.

Of runs, trainings, imports and studies, in the terminal and in background threads, as the screens start them.

After each kill the home must open with nothing half listed; then the same work is started again. What it ends with must
be what an unbroken one of the same seed ends with, row by row and byte by byte.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.storage.run_archive import pack_run
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.task_folder import write_task
from adapters.storage.task_zip import pack_folder
from engine.core.errors import AdaptLabError
from engine.core.run.manifest import Manifest
from tests.attack.victim import DRAWS, EPOCHS, SCRIPTED, SIZES, TASK, TECHNIQUES, TRAIN_ROWS, rows_of
from tests.made_runs import made_run
from tests.memory_lab import memory_task
from wiring import open_lab

ROOT = Path(__file__).parents[2]
REAL = "smollm2-135m-instruct"
WORKS, FRONTS = ("run", "training", "import", "study"), ("terminal", "web")
IMPORTED_ROWS = 1_500
PATIENCE_S = 900


@dataclass(frozen=True, kw_only=True)
class Work:
    """A kind of work, and the door by which it is started."""

    kind: str
    front: str
    model: str = SCRIPTED
    archive: Path | None = None

    @property
    def name(self) -> str:
        """Say which it is."""
        return f"{self.kind}, {self.front}, {'real model' if self.model == REAL else 'no model'}"

    def command(self, home: Path) -> list[str]:
        """Return the command that does it, or goes on with what was killed."""
        if self.front == "web":
            file = [str(self.archive)] if self.archive else []
            return [sys.executable, "-m", "tests.attack.victim", self.kind, self.model, *file]
        techniques = ",".join(TECHNIQUES)
        common = ["--task", TASK, "--model", self.model]
        arguments = {
            "run": ["compare", *common, "--variants", techniques, "--limit", str(rows_of(self.model)), "--train-rows", "10"],
            "training": ["train", *common, "--train-rows", str(TRAIN_ROWS), "--epochs", str(EPOCHS)],
            "import": ["runs", "import", str(self.archive)],
            "study": [
                "study", "learning-curve", *common, "--techniques", "few-shot", "--sizes", ",".join(map(str, SIZES)),
                "--draws", str(DRAWS), "--test-rows", str(rows_of(self.model) // 2),
            ],
        }[self.kind]  # fmt: skip
        if self.kind == "run" and any(status != "done" for status in statuses(home)):
            arguments = ["compare", "--resume", "latest"]
        return [sys.executable, "cli.py", *arguments]


@dataclass(kw_only=True)
class Tally:
    """What the kills of one kind of work came to."""

    work: Work
    unbroken_s: float = 0.0
    works_s: float = 0.0
    """The part of it after the work had begun."""
    kills: int = 0
    under_way: int = 0
    findings: list[str] = field(default_factory=list)


def statuses(home: Path) -> list[str]:
    """Return the states of a home's runs as they stand in the file, newest first."""
    path = home / "runs.sqlite3"
    if not path.is_file():
        return []
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as connection:
            return [status for (status,) in connection.execute("SELECT status FROM runs ORDER BY run_id DESC")]
    except sqlite3.Error:
        return []


def kept(home: Path) -> dict[str, Any]:
    """Open a home as the app does, and return what it holds, comparable: each row's answer, each file of weights.

    Raises:
        AdaptLabError: it does not open.
        AssertionError: a row is there twice, or weights are listed that are not whole.
    """
    found: dict[str, Any] = {}
    lab = open_lab(home)
    try:
        lab.tasks.list()
        lab.machine()
        rows = 0
        for info in lab.runs.list():
            plan = lab.results.plan(info.run_id)
            for made in lab.results.predictions(info.run_id):
                rows += 1
                place = f"{plan.task_id} {plan.seed} {len(plan.train_ids)} {made.variant_id} {made.example_id}"
                assert place not in found, f"twice: {place}"
                found[place] = [made.text, made.answer, made.score, sorted(made.probabilities.items()), made.prompt]
        for weights in lab.lora.library.weights():
            folder = home / "lora" / weights.key
            files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".gguf", ".safetensors"}]
            assert len(files) == 2, f"weights {weights.key} are listed with {len(files)} files"
            found |= {f"{weights.key}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    finally:
        lab.close()
    return found


def done(home: Path) -> Counter[str]:
    """Count the home's runs by state."""
    return Counter(statuses(home))


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a victim: a home of its own, the scripted model at a pace that leaves time to be killed."""
    ours = {
        "ADAPTLAB_HOME": str(home),
        "ADAPTLAB_SCRIPTED": "1",
        "ADAPTLAB_SCRIPTED_PACE_S": "0.01",
        "ADAPTLAB_FIND": "off",
    }
    return {**os.environ, **ours, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def started(work: Work, home: Path) -> subprocess.Popen[str]:
    """Start the work."""
    return subprocess.Popen(
        work.command(home), cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def to_its_end(work: Work, home: Path) -> tuple[float, float, str]:
    """Do the work without a kill; return the seconds until it had begun, those after, and what went wrong, if anything."""
    since = time.monotonic()
    process = started(work, home)
    _wait_for(process, work, home)
    begun = time.monotonic()
    _said, complaint = process.communicate(timeout=PATIENCE_S)
    wrong = f"exit code {process.returncode}: {complaint[-400:]}" if process.returncode else ""
    return begun - since, time.monotonic() - begun, wrong


def killed(work: Work, home: Path, delay_s: float, *, once_begun: bool) -> bool:
    """Start the work and kill it some seconds after that, or after it has begun; tell whether it was under way then."""
    process = started(work, home)
    if once_begun:
        _wait_for(process, work, home)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=delay_s)
    under_way = process.poll() is None and begun(work, home)
    process.kill()  # the workers of a killed process end themselves
    said, _complaint = process.communicate()
    if work.front == "web":
        under_way = under_way and "begin" in said and "end" not in said
    return under_way and process.returncode == -signal.SIGKILL


def begun(work: Work, home: Path) -> bool:
    """Tell from its home whether a work has begun and is not done: its runs are there, or for others the run store."""
    states = statuses(home)
    match work.kind:
        case "run":
            return bool(set(states) & {"planned", "running"})
        case "study":
            return bool(states)
        case _:
            return (home / "runs.sqlite3").is_file()


def _wait_for(process: subprocess.Popen[str], work: Work, home: Path) -> None:
    while process.poll() is None and not begun(work, home):
        time.sleep(0.02)


def attack(work: Work, kills: int, seed: int, report: Path | None = None) -> Tally:
    """Kill this work so many times, each at another moment, and compare what it ends with."""
    generator, tally = random.Random(f"{seed} {work.name}"), Tally(work=work)
    with tempfile.TemporaryDirectory(prefix="adaptlab-kills-") as folder:
        whole = Path(folder) / "unbroken"
        begins_s, tally.works_s, wrong = to_its_end(work, whole)
        tally.unbroken_s = begins_s + tally.works_s
        if wrong:
            tally.findings.append(f"unbroken: {wrong}")
            return tally
        expected, states = kept(whole), done(whole)
        for number in range(kills):
            home = Path(folder) / f"home {number}"
            once_begun = generator.random() < 0.9
            delay_s = generator.uniform(0.0, tally.works_s if once_begun else tally.unbroken_s)
            under_way = killed(work, home, delay_s, once_begun=once_begun)
            tally.kills += 1
            tally.under_way += under_way
            findings = list(_compared(work, home, expected, states))
            tally.findings += [f"kill {number} after {delay_s:.2f} s: {finding}" for finding in findings]
            line = {
                "work": work.name,
                "after_s": round(delay_s, 2),
                "once_begun": once_begun,
                "under_way": under_way,
                "findings": findings,
            }
            if report is not None:
                with report.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
            shutil.rmtree(home, ignore_errors=True)
    return tally


def _compared(work: Work, home: Path, expected: Mapping[str, Any], states: Counter[str]) -> Sequence[str]:
    """Open the home after a kill, go on, and say what differs from an unbroken work."""
    found = []
    try:
        after = kept(home)
        found += [f"differs after the kill: {place}" for place in after if after[place] != expected.get(place)][:3]
        if work.kind == "import" and after and len(after) != len(expected):
            found.append(f"half of an import is listed: {len(after)} of {len(expected)} rows")
        came_too_late = after == dict(expected) and done(home) == states
        if not (came_too_late or (work.kind == "import" and after)):
            *_seconds, wrong = to_its_end(work, home)
            found += [f"started again: {wrong}"] if wrong else []
        ends = kept(home)
        found += [f"lost: {place}" for place in expected if place not in ends][:3]
        found += [f"differs: {place}" for place in ends if ends[place] != expected.get(place)][:3]
        if done(home) != states:
            found.append(f"its runs are {dict(done(home))} instead of {dict(states)}")
    except (AdaptLabError, AssertionError, subprocess.TimeoutExpired) as error:
        found.append(f"{type(error).__name__}: {str(error)[:300]}")
    return found


def packed_run(folder: Path, rows: int = IMPORTED_ROWS) -> Path:
    """Write an archive whose import takes some seconds, with a task that is not here yet."""
    plan, made = made_run(rows)
    plan = replace(plan, run_id="20261124-200500-ab12")
    store = SqliteRunStore(folder / "made.sqlite3")
    store.create_run(Manifest(plan=plan))
    store.add([replace(one, run_id=plan.run_id) for one in made])
    store.update_run(plan.run_id, status="done")
    task = folder / plan.task_id
    write_task(memory_task(rows=rows), task)
    path = folder / "run.zip"
    path.write_bytes(pack_run(store, plan.run_id, lambda _name: pack_folder(task)))
    return path


def works(archive: Path) -> list[tuple[Work, int]]:
    """Return all kinds of work, each with its share of the kills."""
    return [
        *((Work(kind="run", front=front), 3) for front in FRONTS),
        *((Work(kind="run", front=front, model=REAL), 1) for front in FRONTS),
        *((Work(kind="study", front=front), 2) for front in FRONTS),
        *((Work(kind="training", front=front, model=REAL), 2) for front in FRONTS),
        *((Work(kind="import", front=front, archive=archive), 2) for front in FRONTS),
    ]


def table(tallies: Sequence[Tally]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| work | kills | under way | an unbroken one takes | findings |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.work.name} | {one.kills} | {one.under_way} | {one.unbroken_s:.1f} s | {len(one.findings)} |"
        for one in tallies
    ]
    kills, under_way = sum(one.kills for one in tallies), sum(one.under_way for one in tallies)
    return "\n".join([*lines, f"| all | {kills} | {under_way} | | {sum(len(one.findings) for one in tallies)} |"])


def main() -> int:
    """Kill all kinds of work."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=200, help="in all, shared out over the kinds of work")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--log", type=Path, help="a file to which a line of JSON is added for each kill")
    options.add_argument("--processes", type=int, default=2, help="kinds of work at a time")
    options.add_argument("--only", help="only works whose name has this in it")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="adaptlab-kills-") as folder:
        wanted = [(work, share) for work, share in works(packed_run(Path(folder))) if (asked.only or "") in work.name]
        shares = sum(share for _work, share in wanted)
        tallies = []
        with ThreadPoolExecutor(asked.processes) as pool:
            futures = [
                pool.submit(attack, work, -(-asked.kills * share // shares), asked.seed, asked.log)
                for work, share in wanted
            ]
            for tally in (future.result() for future in futures):
                tallies.append(tally)
                print(f"{tally.work.name}: {tally.kills} kills", file=sys.stderr, flush=True)
    print(table(tallies))
    findings = [f"{one.work.name}: {finding}" for one in tallies for finding in one.findings]
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
