"""Thousands of visits, then many tabs on a long run: `python -m tests.attack.soak --journeys 2000 --rows 100000`.

A journey is a session of the served app with five random steps: a page is opened, or a button pressed that stands on it,
whatever it does. Then a run of so many answers, which 20 tabs of Chromium watch from beginning to end; one after the
other is closed and opened again. The model is scripted. What the web process holds (memory, file handles, processes) at the
end is compared with what it held after the first tenth of the journeys. The same seed takes the same steps as long as the
app answers alike.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from adapters.kept_tabs import KEPT_S
from adapters.storage.task_folder import write_task
from engine.core.task import Example
from tests.attack.visitor import Visitor, cookies
from tests.browser.setting_up import set_up_here
from tests.memory_lab import memory_task
from tools.screenshots import import_sample
from tools.serve import GIVE_BACK_S
from tools.served_app import ServedApp, served_app

PAGES = (
    "",
    "run",
    "report",
    "present",
    "history",
    "costs",
    "drift",
    "playground",
    "train",
    "models",
    "tasks",
    "upload",
)
STEPS = 5
SCRIPTED = {
    "ADAPTLAB_SCRIPTED": "1",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent / "without"), os.environ.get("PYTHONPATH")])),
}
"""The scripted model, and no other: whatever is pressed, nothing is loaded and nothing is trained."""
PACE_S = "0.003"
"""Seconds of a piece of an answer: 100,000 answers then take long enough for tabs to come and go."""
TURN_S = 10
"""After so long the oldest tab on the run is closed, and another one opened."""
MOST_GROWTH_MB = 50
PATIENCE_S = 120.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MS = 120_000


@dataclass
class Held:
    """What the web process holds."""

    megabytes: float
    handles: int
    processes: list[str]
    """Names of the processes below it, sorted."""


@dataclass
class Found:
    """What was seen on the way."""

    steps: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def held(pid: int) -> Held:
    """Return what a process holds now (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    below: list[str] = []
    parents = {pid}
    for other in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
        try:
            words = Path(f"/proc/{other}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            command = Path(f"/proc/{other}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(words[1]) in parents and words[0] != "Z":
            parents.add(other)
            below.append(" ".join(word.decode(errors="replace") for word in command if word)[-60:])
    handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Held(megabytes=int(resident[1]) / 1000 if resident else 0.0, handles=handles, processes=sorted(below))


def journey(app: ServedApp, cookie: str, number: int, seed: int, found: Found) -> None:
    """Take five steps in a session of its own."""
    generator = random.Random(f"{seed} {number}")
    with Visitor(app, cookie, patience_s=PATIENCE_S) as visitor:
        for _ in range(STEPS):
            buttons = sorted(visitor.page.buttons)
            try:
                if buttons and generator.random() < 0.6:
                    button = generator.choice(buttons)
                    step = f"press {visitor.page.buttons[button][0] or 'an icon'}"
                    visitor.press(button)
                else:
                    name = generator.choice(PAGES)
                    step = f"open {name or 'start'}"
                    visitor.visit(name)
            except TimeoutError:
                found.findings.append(f"journey {number}: no answer to '{step}' within {PATIENCE_S:g} s")
                return
            found.steps[step] += 1
            found.findings += [f"journey {number}, {step}: {error}" for error in visitor.page.errors]
            visitor.page.errors = []


def tabs(app: ServedApp, title: str, rows: int, count: int, found: Found) -> None:
    """Watch a run of `rows` test rows and two variants in `count` tabs, from its begin to its end."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        found.findings.append("there is no Chromium: nothing followed the long run")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.request.get(app.way_in)
        first = context.new_page()
        _start(first, app, title, rows)
        going, done = first.get_by_role("button", name="Stop"), re.compile(rf"^Done · {2 * rows:,} answers")
        following = [_tab(context, first.url) for _ in range(count - 1)]
        for page in following:
            expect(page.get_by_role("button", name="Stop").first).to_be_visible(timeout=_MS)
        while going.count():
            following.pop(0).close()
            following.append(_tab(context, first.url))
            found.steps["close a tab on the run and open another"] += 1
            if found.steps["close a tab on the run and open another"] % 6 == 0:
                far = " ".join(first.get_by_text(re.compile(r"Row [\d,]+ of")).all_inner_texts()[:1])
                print(f"tabs  {far}  {held(app.process.pid).megabytes:.0f} MB", file=sys.stderr, flush=True)
            time.sleep(TURN_S)
        for page in (first, *following):
            expect(page.get_by_text(done)).to_be_visible(timeout=_MS)
        found.steps["see the end of the run"] += 1 + len(following)
        browser.close()


def _tab(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address, wait_until="commit")
    return page


def _start(page: Page, app: ServedApp, title: str, rows: int) -> None:
    page.goto(f"{app.address}/run")
    run, stop = page.get_by_role("button", name="Run", exact=True), page.get_by_role("button", name="Stop")
    again = page.get_by_role("button", name="New comparison")
    expect(run.or_(stop).or_(again).first).to_be_visible(timeout=_MS)
    while stop.count():  # what journeys have begun goes on, and holds the machine
        with contextlib.suppress(PlaywrightTimeout):  # it ended by itself meanwhile
            stop.last.click(timeout=2_000)
        page.wait_for_timeout(2_000)
    if again.count():
        again.click()
    set_up_here(page, rows=rows, variants=("Zero-shot", "Few-shot"), corrected=False, task=title)
    run.click()
    page.wait_for_url("**run_id=*", timeout=_MS)


def _long_task(home: Path, rows: int) -> str:
    """Put a task with so many test rows into the home; return its title."""
    task = memory_task(rows=60)
    test = tuple(
        Example(id=f"test-{n:06}", input=f"Where is parcel {n}?", target=task.answer.labels[n % 2], split="test")
        for n in range(rows)
    )
    train = tuple(example for example in task.examples if example.split == "train")
    title = "Many parcels"
    write_task(replace(task, id="many-parcels", title=title, examples=(*train, *test)), home / "tasks" / "many-parcels")
    return title


def main() -> int:
    """Take all journeys, then follow the long run; print what was held, and what was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--journeys", type=int, default=2_000)
    options.add_argument("--rows", type=int, default=100_000, help="answers of the run that the tabs follow; 0: no run")
    options.add_argument("--tabs", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    found, marks = Found(), dict[str, Held]()
    with tempfile.TemporaryDirectory(prefix="adaptlab-soak-") as folder:
        home = Path(folder)
        import_sample(home)
        title = _long_task(home, max(asked.rows // 2, 1))
        environment = {**SCRIPTED, "ADAPTLAB_HOME": folder, "ADAPTLAB_SCRIPTED_PACE_S": PACE_S}
        with served_app(home / "server.log", environment) as app:
            cookie, pid, started = cookies(app), app.process.pid, time.monotonic()
            for number in range(1, asked.journeys + 1):
                journey(app, cookie, number, asked.seed, found)
                if number in {asked.journeys // 10, asked.journeys}:
                    marks[f"after journey {number}"] = held(pid)
                if number % 50 == 0:
                    print(
                        f"{time.monotonic() - started:6.0f} s  journey {number}  {held(pid).megabytes:.0f} MB",
                        file=sys.stderr,
                        flush=True,
                    )
            if asked.rows:
                tabs(app, title, asked.rows // 2, asked.tabs, found)
                time.sleep(KEPT_S + 2 * GIVE_BACK_S)  # until tabs that were closed are forgotten
                marks["after the tabs"] = held(pid)
            if app.process.poll() is not None:
                found.findings.append("the web process ended")
            log = (home / "server.log").read_text(encoding="utf-8", errors="replace")
            found.findings += ["the server logged a traceback"] * log.count("Traceback")
            if "Traceback" in log:
                print(log[log.index("Traceback") : log.index("Traceback") + 3_000], file=sys.stderr)
    print("| when | MB | file handles | processes below |\n|---|---|---|---|")
    for when, one in marks.items():
        print(f"| {when} | {one.megabytes:.0f} | {one.handles} | {len(one.processes)} |")
    before, *_, end = marks.values()
    if end.megabytes - before.megabytes >= MOST_GROWTH_MB:
        found.findings.append(f"the web process grew by {end.megabytes - before.megabytes:.0f} MB")
    print(f"{found.steps.total():,} steps of {len(found.steps)} kinds; findings: {len(found.findings)}")
    print("\n".join(found.findings[:40]))
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
