"""What every screen must hold: nothing logged as an error, no other host asked, and no wider than a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Finished, Server, Watch, serve_stand_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_LONG_MS = 120_000
_SCREENS = {
    "Start": "Start the comparison",
    "Models": "Test its speed",
    "Tasks": None,
    "Train": "Train",
    "Run": None,
    "Playground": "Answer",
    "History": None,
}


def test_every_screen_is_quiet_and_fits(page: Page, finished: Finished) -> None:
    """No screen logs an error, asks another host for anything, or is wider than a phone."""
    watch = Watch(page, finished.address)
    page.goto(finished.page("run"))
    expect(page.get_by_role("button", name="Present")).to_be_visible(timeout=_LONG_MS)
    wide = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(1000)  # the menu slides away where there is no room for it
        for name in _SCREENS:
            link = page.get_by_role("link", name=name, exact=True)
            box = link.bounding_box()
            if box is None or box["x"] < 0:
                page.get_by_test_id("stExpandSidebarButton").click()
                page.wait_for_timeout(600)
            link.click()
            expect(page.locator("h1").first).to_be_visible(timeout=_LONG_MS)
            page.wait_for_timeout(400)
            if page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth > innerWidth + 1"):
                wide.append((name, width))
    assert wide == []
    assert watch.errors == []
    assert watch.foreign == []


def test_keys_alone_start_and_cancel_a_run(page: Page, serve: Server) -> None:
    """With Tab and Enter alone a comparison is started, stopped, and a row of it opened."""
    page.goto(serve_stand_in(serve, speed=1))
    expect(page.get_by_role("button", name="Start the comparison")).to_be_visible(timeout=_LONG_MS)
    _press_until(page, "Start the comparison")
    expect(page.get_by_text(re.compile(r"Row ([5-9]|\d\d) of"))).to_be_visible(timeout=_LONG_MS)
    _press_until(page, "Stop")
    expect(page.get_by_text(re.compile("^Stopped")).first).to_be_visible(timeout=_LONG_MS)
    number = _press_until(page, "Row ").split(",")[0].removeprefix("Row ")
    expect(page.get_by_text(re.compile(f"^Row {number} · "))).to_be_visible(timeout=_LONG_MS)


def _press_until(page: Page, label: str) -> str:
    """Press Tab until the part of this label has the focus, then Enter; return its whole label."""
    for _ in range(120):
        page.keyboard.press("Tab")
        focused: str = page.evaluate(
            """() => { let node = document.activeElement
              while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
              return (node?.getAttribute("aria-label") || node?.textContent || "").trim() }"""
        )
        if focused.endswith(label) or focused.startswith(label):
            page.keyboard.press("Enter")
            return focused
    pytest.fail(f"Tab never reached '{label}'")
