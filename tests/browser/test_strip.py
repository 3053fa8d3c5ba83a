"""The strip in the sidebar, in real Chromium: it counts on by itself, and the page beside it is left alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, fresh_page
from tests.browser.setting_up import LONG_MS, set_up

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_COUNT = re.compile(r"\d+ of 300 answers")


def test_the_strip_counts_on_and_stops_the_run_from_another_page(page: Page, browser: Browser, serve: Server) -> None:
    """In a second tab, on another page, the answers count up while what is being written there stays, until Stop."""
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="2")
    set_up(page, address, rows=150, variants=("Zero-shot", "Few-shot"), corrected=False)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(re.compile(r"Row \d+ of \d+"))).to_be_visible(timeout=LONG_MS)
    other = fresh_page(browser)
    other.goto(f"{address}/playground")
    sidebar = other.get_by_test_id("stSidebar")
    counted = sidebar.get_by_text(_COUNT)
    expect(counted).to_be_visible(timeout=LONG_MS)
    field = other.get_by_role("textbox", name="Input")
    field.fill("half a sentence that is not sent yet")
    title = other.get_by_role("heading", name="Playground")
    title.evaluate("node => { node.dataset.mark = 'kept' }")
    before = counted.inner_text()
    other.wait_for_function(
        """before => [...document.querySelectorAll('[data-testid=stSidebar] p')]
          .some(node => / of 300 answers/.test(node.textContent) && node.textContent !== before)""",
        arg=before,
        polling=500,
        timeout=LONG_MS,
    )
    assert title.get_attribute("data-mark") == "kept"
    expect(field).to_have_value("half a sentence that is not sent yet")
    sidebar.get_by_role("button", name="Stop").click()
    expect(sidebar.get_by_text(_COUNT)).to_have_count(0, timeout=LONG_MS)
    expect(page.get_by_text(re.compile(r"Stopped · \d+ of 300 answers"))).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_test_id("stSidebar").get_by_text(_COUNT)).to_have_count(0, timeout=LONG_MS)
    other.context.close()
