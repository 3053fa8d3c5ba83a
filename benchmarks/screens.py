"""How fast screens are: a page switch, and the first content after a fresh load against a one-line Streamlit page.

The app is served as `make run` does. Both servers answer in turns in the same run on the same machine, so the ratio is
reliable even where the seconds are not. Needs Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tools.served_app import served_app, served_script

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
        with (
            served_app(Path(folder) / "ours.log", {}) as ours,
            served_script(plain, Path(folder) / "theirs.log", {}) as theirs,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])

            def both() -> tuple[float, float]:
                own = _first_content(browser, ours.address, "Prompt, retrieval", way_in=ours.way_in)
                return own, _first_content(browser, theirs, "One line", way_in=theirs)

            both()  # the first session of a server pays for its imports
            pairs = [both() for _ in range(LOADS)]
            switches = _switches(browser, ours.way_in)
            browser.close()
    own, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    middle = statistics.median(switches)
    print(f"page switch: median of {len(switches)} {middle:.3f} s (wanted: at most {MOST_SWITCH_S} s)")
    ratio = f"ratio {own / other:.2f} (wanted: at most {MOST_RATIO})"
    print(f"first content: {own:.2f} s, one-line page {other:.2f} s, {ratio}")


def _first_content(browser: Browser, address: str, title: str, *, way_in: str) -> float:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.request.get(way_in)  # keeps the cookie, as opening the printed address once does
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


if __name__ == "__main__":
    main()
