"""How fast screens are: a page switch, and the first content after a fresh load against a one-line Streamlit page.

Both servers answer in turns in the same run on the same machine, so the ratio is reliable even where the seconds are
not. Needs Chromium.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SWITCHES, LOADS = 20, 7
PAGES = {"Models": "Models", "Tasks": "Tasks", "Run": "Compare", "Playground": "Playground"}
MOST_SWITCH_S, MOST_RATIO = 0.3, 1.5


def main() -> None:
    """Measure and print one line per figure."""
    chromium = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if chromium is None:
        print("screens: skipped, no Chromium was found")
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.py"
        plain.write_text('import streamlit as st\n\nst.title("One line")\n', encoding="utf-8")
        with _served(ROOT / "app.py") as ours, _served(plain) as theirs, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            _first_content(browser, ours, "Prompt, retrieval")  # the first session of a server pays for its imports
            _first_content(browser, theirs, "One line")
            pairs = [
                (_first_content(browser, ours, "Prompt, retrieval"), _first_content(browser, theirs, "One line"))
                for _ in range(LOADS)
            ]
            switches = _switches(browser, ours)
            browser.close()
    own, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    middle = statistics.median(switches)
    print(f"page switch: median of {len(switches)} {middle:.3f} s (wanted: at most {MOST_SWITCH_S} s)")
    ratio = f"ratio {own / other:.2f} (wanted: at most {MOST_RATIO})"
    print(f"first content: {own:.2f} s, one-line page {other:.2f} s, {ratio}")


def _first_content(browser: Browser, address: str, title: str) -> float:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    started = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.get_by_role("heading", name=title).first.wait_for(timeout=60_000)
    taken = time.perf_counter() - started
    context.close()
    return taken


def _switches(browser: Browser, address: str) -> list[float]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address)
    names = list(PAGES)
    for name in names:  # once without measuring: the browser fetches parts of Streamlit when a page first needs them
        page.get_by_role("link", name=name, exact=True).click(timeout=60_000)
        page.get_by_role("heading", name=PAGES[name], exact=True).wait_for(timeout=60_000)
        page.wait_for_timeout(1000)
    taken = []
    for number in range(SWITCHES):
        name = names[number % len(names)]
        link = page.get_by_role("link", name=name, exact=True)
        started = time.perf_counter()
        link.click()
        page.get_by_role("heading", name=PAGES[name], exact=True).wait_for(timeout=60_000)
        taken.append(time.perf_counter() - started)
        page.wait_for_timeout(700)
    return taken


@contextlib.contextmanager
def _served(script: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1),
            ):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
