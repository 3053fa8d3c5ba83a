"""The grid of rows at 10,000 rows and 6 variants: the longest task of the browser's main thread while it scrolls.

A task's seconds on the clock hold those in which other programs had the processor. Its CPU time does not, and is the
figure to compare where the machine is busy. Also how long it takes to open a row, and what travels to the browser for
it. Needs Chromium. The run is made up.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from adapters.storage.home import home_folder
from benchmarks.report_speed import keep_run
from tools.served_app import served_app
from wiring import open_workspace

ROWS, VARIANTS = 10_000, 6
STEPS, OPENED = 300, 7
MOST_TASK_MS = 200

_WATCH = """() => {
  window.tasks = []
  new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(entry => entry.duration)))
    .observe({ type: "longtask", buffered: false })
}"""
_SCROLL = """async ([grid, steps]) => {
  const frame = () => new Promise(done => requestAnimationFrame(done))
  const room = grid.scrollHeight - grid.clientHeight
  for (let step = 1; step <= steps; step += 1) {
    grid.scrollTop = (room * step) / steps
    await frame()
  }
  for (let step = 0; step < steps; step += 1) {
    grid.scrollTop -= 60
    await frame()
  }
  await frame()
}"""


def main() -> None:
    """Measure and print one line per figure."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next((path for name in names if (path := shutil.which(name))), None)
    if chromium is None:
        sys.stdout.write("row_grid: skipped, no Chromium was found\n")
        return
    run_id = keep_run(open_workspace(), "grid", rows=ROWS, variants=VARIANTS)
    with (
        tempfile.TemporaryDirectory() as folder,
        served_app(Path(folder) / "server.log", {"ADAPTLAB_HOME": str(home_folder())}) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(app.way_in)
        received: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(len(data))))
        page.goto(f"{app.address}/run?run_id={run_id}")
        grid = page.locator(".grid[role=grid]")
        grid.locator(".line").nth(5).wait_for(timeout=120_000)
        page.wait_for_timeout(2000)  # the page settles
        whole = sum(received)
        page.evaluate(_WATCH)
        browser.start_tracing(page=page, categories=["toplevel"])
        page.evaluate(_SCROLL, [grid.element_handle(), STEPS])
        page.wait_for_timeout(500)  # the observer is told of a task after it
        cpu_ms = _longest_cpu_ms(json.loads(browser.stop_tracing()))
        tasks = page.evaluate("() => window.tasks")
        nodes = grid.locator(".body .line").count()
        received.clear()
        taken = [_open(page, place) for place in range(3, 3 + OPENED)]
        page.wait_for_timeout(1000)
        browser.close()
    longest = f"{max(tasks):.0f} ms" if tasks else "none over 50 ms"
    say = sys.stdout.write
    say(f"  {ROWS:,} rows, {VARIANTS} variants, {2 * STEPS} steps of scrolling, load {os.getloadavg()[0]:.1f}\n")
    say(f"  longest task of the main thread: {longest}, {len(tasks)} over 50 ms (wanted: at most {MOST_TASK_MS} ms)\n")
    say(f"  its CPU time, the most of any task: {cpu_ms:.0f} ms\n")
    say(f"  rows in the page: {nodes}\n")
    say(f"  a row opened: median {statistics.median(taken):.2f} s, {sum(received) / OPENED / 1e3:.0f} kB each; ")
    say(f"the page with all rows: {whole / 1e6:.1f} MB\n")


def _longest_cpu_ms(trace: dict[str, Any]) -> float:
    """Return the most CPU time that a task of a page's main thread took, from Chromium's trace."""
    events = trace["traceEvents"]
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    return max(
        event.get("tdur", 0) / 1000
        for event in events
        if event.get("ph") == "X" and "RunTask" in event["name"] and (event["pid"], event["tid"]) in threads
    )


def _open(page: Page, place: int) -> float:
    line = page.locator(".body .line").nth(place)
    number = (line.locator(".cell").first.text_content() or "").strip()
    started = time.perf_counter()
    line.click()
    page.get_by_text(f"Row {int(number):,} ", exact=False).wait_for()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
