"""Journeys through the Run page with the scripted model, in real Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, Watch, fresh_page
from tests.browser.setting_up import LONG_MS, WITHOUT_TRAINING, set_up, set_up_here

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def _lanes(page: Page) -> list[dict[str, str]]:
    """Read the lanes as they stand."""
    found: list[dict[str, str]] = page.evaluate(
        """() => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
          .flatMap(host => [...host.shadowRoot.querySelectorAll(".lane")])
          .map(lane => Object.fromEntries(
            ["name", "rows", "value", "text"].map(part => [part, lane.querySelector("." + part).textContent])))"""
    )
    return found


def test_full_run_from_click_to_table(page: Page, serve: Server) -> None:
    """One click leads to a table, and another to a row of it; nothing is logged as an error and no other host is asked."""
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="0.01")
    watch = Watch(page, address)
    set_up(page, address, rows=12)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_test_id("stMain").get_by_role("button", name="Stop")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text("Done · 48 answers")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    lanes = _lanes(page)
    assert [lane["name"] for lane in lanes] == list(WITHOUT_TRAINING)
    assert {lane["rows"] for lane in lanes} == {"12/12"}
    assert all(re.fullmatch(r"\d+ %", lane["value"]) for lane in lanes)
    figures = page.locator(".lane .figures").first
    expect(figures).to_be_hidden()
    page.locator(".lane .line").first.focus()
    page.keyboard.press("Enter")
    expect(figures).to_be_visible()
    expect(figures).to_contain_text("slowest 5 %")
    with page.expect_download() as download:
        page.get_by_role("button", name="predictions.csv").click()
    assert download.value.path().read_text(encoding="utf-8").count("\n") >= 48
    column = page.get_by_role("button", name=re.compile(r"^Row 4, "))
    told = (column.get_attribute("aria-label") or "").split(", ")[1].split(":")[0]
    column.click()
    expect(page.get_by_text(f"Row 4 · {told}", exact=True)).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text("What the model wrote").first).to_be_visible(timeout=LONG_MS)
    assert watch.errors == []
    assert watch.foreign == []


def test_a_paused_run_stands_still_and_a_stopped_one_goes_on(page: Page, serve: Server) -> None:
    """A paused run makes no answer until it goes on, and then ends as if nothing had been; a stopped one is resumed.

    While a run goes on its lanes and charts keep their DOM nodes, and the layout does not shift.
    """
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="0.05")
    set_up(page, address, rows=40, variants=("Zero-shot", "Few-shot"))
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(re.compile(r"Row \d+ of 40"))).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Pause").click()  # a busy machine may draw all parts only when the run has ended
    paused = page.get_by_text(re.compile(r"Row \d+ of 40 · paused"))
    expect(paused).to_be_visible(timeout=LONG_MS)
    told = paused.text_content()
    page.evaluate(
        """() => {
          const inside = name => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
            .flatMap(host => [...(host.shadowRoot?.querySelectorAll(name) ?? [])])
          window.parts = () => [...inside(".lane"), ...inside(".plot"), ...inside(".column")]
        }"""
    )
    page.wait_for_function(f"() => window.parts().length === {2 + 3 + 24}", timeout=LONG_MS)
    page.evaluate(
        """() => {
          window.before = window.parts()
          window.shift = 0
          new PerformanceObserver(list => list.getEntries().forEach(entry => {
            // The verdict that a run ends in comes above the lanes on purpose.
            if (!entry.hadRecentInput && !document.querySelector(".st-key-run_ending")) window.shift += entry.value
          })).observe({ type: "layout-shift", buffered: false })
        }"""
    )
    page.wait_for_timeout(1500)
    assert paused.text_content() == told
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Done · 80 answers")).to_be_visible(timeout=LONG_MS)
    kept = page.evaluate("() => { const now = window.parts(); return window.before.every((n, i) => n === now[i]) }")
    assert kept
    assert page.evaluate("() => window.shift") < 0.05
    page.get_by_role("button", name="New comparison").click()
    set_up_here(page, rows=30, variants=("Zero-shot", "Few-shot"), corrected=True)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(re.compile(r"Row ([5-9]|\d\d) of 30"))).to_be_visible(timeout=LONG_MS)
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped · \d+ of 60 answers"))).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Done · 60 answers")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_role("heading", name="Results")).to_be_visible()  # the lanes are drawn before it
    assert {lane["rows"] for lane in _lanes(page)} == {"30/30"}


def test_reload_and_second_tab_attach_again(page: Page, browser: Browser, serve: Server) -> None:
    """A reload, and a second tab at the run's address, show the same run as it goes on."""
    address = serve(
        ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="2"
    )  # the run must outlast two loads of the page on a busy machine
    set_up(page, address, rows=60, variants=("Zero-shot",), corrected=False)
    page.get_by_role("button", name="Run", exact=True).click()
    running = re.compile(r"Row \d+ of 60")
    expect(page.get_by_text(running)).to_be_visible(timeout=LONG_MS)
    page.wait_for_url("**run_id=*")
    url = page.url
    page.reload()
    expect(page.get_by_text(running)).to_be_visible(timeout=LONG_MS)
    assert page.url == url
    second = fresh_page(browser)
    second.goto(url)
    expect(second.get_by_text(running)).to_be_visible(timeout=LONG_MS)
    second.context.close()


def test_a_run_goes_on_after_its_only_tab_is_closed(page: Page, browser: Browser, serve: Server) -> None:
    """The tab is closed amid the run; a later one at the same address finds the run done, with every answer."""
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="0.3")
    set_up(page, address, rows=20, variants=("Zero-shot", "Few-shot"), corrected=False)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(re.compile(r"Row ([3-9]|1\d) of 20"))).to_be_visible(timeout=LONG_MS)
    page.wait_for_url("**run_id=*")
    url = page.url
    page.close()
    later = fresh_page(browser)
    later.goto(url)
    expect(later.get_by_text("Done · 40 answers")).to_be_visible(timeout=LONG_MS)
    later.context.close()
