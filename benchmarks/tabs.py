"""How fast a reloaded tab shows a running comparison again: alone, and with twenty tabs. Needs Chromium.

The app is served as `make run` does, and its model is scripted.
"""

from __future__ import annotations

import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools.served_app import served_app

RELOADS, TABS = 7, 20
MOST_ATTACH_S = 1.0
RUNNING = re.compile(r"Row \d+ of \d+")


def main() -> None:
    """Measure and print one line per figure."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next((path for name in names if (path := shutil.which(name))), None)
    if chromium is None:
        print("tabs: skipped, no Chromium was found")
        return
    with tempfile.TemporaryDirectory() as home:
        environment = {"ADAPTLAB_HOME": home, "ADAPTLAB_SCRIPTED": "1", "ADAPTLAB_SCRIPTED_PACE_S": "0.5"}
        with served_app(Path(home) / "server.log", environment) as app, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            _start(page, app.way_in)
            alone = [_reload(page) for _ in range(RELOADS)]
            others = [context.new_page() for _ in range(TABS - 1)]
            for tab in others:
                tab.goto(page.url, wait_until="commit")
            for tab in others:
                tab.get_by_text(RUNNING).first.wait_for(timeout=120_000)
            among = [_reload(page) for _ in range(RELOADS)]
            browser.close()
    for name, taken in (("alone", alone), (f"with {TABS} tabs", among)):
        print(f"back at the run, {name}: median {statistics.median(taken):.2f} s (wanted: at most {MOST_ATTACH_S} s)")


def _start(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="Run", exact=True).click(timeout=60_000)
    page.get_by_role("combobox", name=re.compile("Model")).click(timeout=60_000)
    page.get_by_role("option", name=re.compile("Scripted")).click()
    for name in ("RAG", "LoRA", "RAG + LoRA", "Classifier"):
        page.get_by_role("button", name=name, exact=True).click()
    number = page.get_by_role("spinbutton", name="Test rows")
    number.fill("150")
    number.press("Tab")
    page.get_by_text("300 answers").wait_for()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text(RUNNING).first.wait_for(timeout=60_000)
    page.wait_for_url("**run_id=*")


def _reload(page: Page) -> float:
    started = time.perf_counter()
    page.reload(wait_until="commit")
    page.get_by_text(RUNNING).first.wait_for(timeout=60_000)
    taken = time.perf_counter() - started
    page.wait_for_timeout(500)
    return taken


if __name__ == "__main__":
    main()
