"""Many tabs on one run, and two tabs that both want the machine."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.browser.conftest import Server, Watch, fresh_page
from tests.browser.setting_up import LONG_MS, set_up
from tests.browser.test_compare import _lanes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_TABS = 20
_COUNT = re.compile(r"\d+ of 300 answers")
_RUNNING = re.compile(r"Row \d+ of \d+")


def test_twenty_tabs_follow_one_run(page: Page, browser: Browser, serve: Server) -> None:
    """Twenty tabs attach to the run that goes on, their lanes move, and the first tab still answers.

    In another browser the strip beside another page counts on, and stops the run.
    """
    # 300 answers at this pace take longer than the test may, so that the run cannot end before it is stopped.
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="4")
    set_up(page, address, rows=150, variants=("Zero-shot", "Few-shot"), corrected=False)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(_RUNNING)).to_be_visible(timeout=LONG_MS)
    page.wait_for_url("**run_id=*")
    tabs = [page.context.new_page() for _ in range(_TABS - 1)]
    watches = [Watch(tab, address) for tab in tabs]
    for tab in tabs:
        tab.goto(page.url, wait_until="commit")
    for tab in tabs:
        expect(tab.get_by_text(_RUNNING)).to_be_visible(timeout=LONG_MS)
    before = [_lanes(tab)[0]["rows"] for tab in tabs]
    for tab, seen, watch in zip(tabs, before, watches, strict=True):
        try:
            tab.wait_for_function(
                """seen => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
                  .flatMap(host => [...host.shadowRoot.querySelectorAll(".lane .rows")])[0]?.textContent !== seen""",
                arg=seen,
                polling=500,  # twenty tabs that look at every frame would slow down what they look at
                timeout=LONG_MS,
            )
        except PlaywrightTimeoutError:
            shown = tab.evaluate("[document.visibilityState, document.body.innerText]")
            pytest.fail(f"tab {tabs.index(tab)} stands still at {seen!r}: {shown}; its errors: {watch.errors}")
    other = fresh_page(browser)
    other.goto(f"{address}/playground")
    sidebar = _the_strip_counts_on(other)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text(re.compile(r"Row \d+ of \d+ · paused"))).to_be_visible(timeout=LONG_MS)
    sidebar.get_by_role("button", name="Stop").click()
    expect(sidebar.get_by_text(_COUNT)).to_have_count(0, timeout=LONG_MS)
    expect(page.get_by_text(re.compile(r"Stopped · \d+ of 300 answers"))).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_test_id("stSidebar").get_by_text(_COUNT)).to_have_count(0, timeout=LONG_MS)
    other.context.close()


def _the_strip_counts_on(page: Page) -> Locator:
    """On the Playground the answers count up in the sidebar, which is returned, while what is being written there stays."""
    sidebar, title = page.get_by_test_id("stSidebar"), page.get_by_role("heading", name="Playground")
    counted = sidebar.get_by_text(_COUNT)
    expect(title).to_be_visible(timeout=LONG_MS)
    expect(counted).to_be_visible(timeout=LONG_MS)
    field = page.get_by_role("textbox", name="Input")
    field.fill("half a sentence that is not sent yet")
    title.evaluate("node => { node.dataset.mark = 'kept' }")
    page.wait_for_function(
        """before => [...document.querySelectorAll('[data-testid=stSidebar] p')]
          .some(node => / of 300 answers/.test(node.textContent) && node.textContent !== before)""",
        arg=counted.inner_text(),
        polling=500,
        timeout=LONG_MS,
    )
    assert title.get_attribute("data-mark") == "kept"
    expect(field).to_have_value("half a sentence that is not sent yet")
    return sidebar


def test_the_second_run_waits_and_says_so(page: Page, browser: Browser, serve: Server) -> None:
    """A run that is started while another has the machine queues, says so, and goes on when the machine is free."""
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="0.5")
    second = fresh_page(browser)
    set_up(second, address, rows=3, variants=("Zero-shot",), corrected=False)
    set_up(page, address, rows=150, variants=("Zero-shot", "Few-shot"), corrected=False)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(_RUNNING)).to_be_visible(timeout=LONG_MS)
    second.get_by_role("button", name="Run", exact=True).click()
    queue = second.get_by_role("button", name="Queue this run")  # told first that a run goes on, then asked
    expect(queue).to_be_enabled(timeout=LONG_MS)
    queue.click()
    expect(second.get_by_text("Waiting for another run on this machine")).to_be_visible(timeout=LONG_MS)
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(second.get_by_text("Done · 3 answers")).to_be_visible(timeout=LONG_MS)
    second.context.close()
