"""Answers, prompts and inputs full of markup are shown as the text they are, in real Chromium."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Server, Watch, at_rest, open_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_WORDS = (
    "parcel", "invoice", "screen", "password", "heating", "courier", "refund", "manual", "meter", "button", "app", "bill"
)  # fmt: skip
_MENU = (
    "Start", "Models", "Tasks", "Upload", "Train", "Playground", "Report", "Costs", "Learning curve", "Context", "Drift",
    "History",
)  # fmt: skip
_EVERYWHERE = """name => {
  const within = root => [...root.querySelectorAll(name), ...[...root.querySelectorAll("*")]
    .filter(node => node.shadowRoot).flatMap(node => within(node.shadowRoot))]
  return within(document.body).length
}"""


def test_markup_in_answers_stays_text(page: Page, serve: Server) -> None:
    """No script runs, no element is made and no link appears from what a model or a table wrote."""
    stand_in = str(ROOT / "tests" / "browser" / "stand_in")
    address = serve(PYTHONPATH=f"{ROOT}:{stand_in}", STAND_IN_HOSTILE="1")
    watch = Watch(page, address)
    open_page(page, address, "Run")
    number = page.get_by_role("spinbutton", name="Test rows")
    number.fill("3", timeout=60_000)
    number.press("Tab")
    expect(page.get_by_text("18 answers")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Done · 18 answers")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Download memo")).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stStatusWidgetRunningIcon")).to_have_count(0)  # the page of the finished run is whole
    page.locator(".grid .body .line").first.click()
    expect(page.get_by_text("The exact prompt").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"window\.hacked")).first).to_be_visible()
    _nothing_came_alive(page)
    page.get_by_role("button", name="Present").click()
    _nothing_on_the_slides(page)
    assert watch.errors == []
    assert watch.foreign == []


def test_hostile_labels_stay_text_on_every_page_and_in_every_file(page: Page, serve: Server, tmp_path: Path) -> None:
    """Labels and a title that are markup, formulas, links or reversed text: on all pages, the slides and in all files."""
    stand_in = str(ROOT / "tests" / "browser" / "stand_in")
    address = serve(PYTHONPATH=f"{ROOT}:{stand_in}", STAND_IN_HOSTILE="labels", STAND_IN_SPEED="40")
    watch = Watch(page, address)
    open_page(page, address, "Run")
    page.get_by_role("button", name="Run", exact=True).click(timeout=60_000)
    expect(page.get_by_text("Done · 360 answers")).to_be_visible(timeout=60_000)
    run_id = page.url.rpartition("run_id=")[2]
    _nothing_came_alive(page)
    for name in _MENU:
        page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{name}$")).click()
        page.wait_for_url(re.compile(f"/{name.lower().replace(' ', '_')}($|\\?)" if name != "Start" else "/($|\\?)"))
        expect(page.locator("h1").first).to_be_visible(timeout=60_000)
        _is_drawn(page)
        for tab in page.get_by_role("tab").all():
            tab.click()
            _is_drawn(page)
            _nothing_came_alive(page)
        _nothing_came_alive(page)
    page.goto(f"{address}/present?run_id={run_id}")
    _nothing_on_the_slides(page)
    for path in (f"run?run_id={run_id}", f"report?run_id={run_id}"):
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("button", name="memo").first).to_be_visible(timeout=60_000)
        for button in page.get_by_test_id("stDownloadButton").all():
            with page.expect_download(timeout=60_000) as download:
                button.click()
            _is_inert(download.value.path(), download.value.suggested_filename)
    assert watch.errors == []
    assert watch.foreign == []


def _is_drawn(page: Page) -> None:
    at_rest(page)
    expect(page.get_by_test_id("stStatusWidgetRunningIcon")).to_have_count(0)


def _nothing_on_the_slides(page: Page) -> None:
    expect(page.get_by_text("change the step")).to_be_visible(timeout=60_000)  # from then on keys are heard
    for step in range(1, 6):
        page.keyboard.press(str(step))
        expect(page).to_have_url(re.compile(rf"step={step}"), timeout=60_000)
        _is_drawn(page)
        _nothing_came_alive(page)


def _is_inert(path: Path, name: str) -> None:
    """Check that no program of an office and no browser takes anything in a file for more than text."""
    if name.endswith(".csv"):
        with path.open(encoding="utf-8-sig", newline="") as lines:
            assert not [cell for row in csv.reader(lines) for cell in row if cell.startswith(("=", "@", "\t", "\r"))]
    elif name.endswith(".html"):
        assert "<img src=x" not in path.read_text(encoding="utf-8")
    elif name.endswith(".md"):
        assert not re.search(r"(?<!\\)(<img|\]\()", path.read_text(encoding="utf-8"))


def _nothing_came_alive(page: Page) -> None:
    assert page.evaluate("() => window.hacked") is None
    assert page.evaluate(_EVERYWHERE, "img[src='x'], img[src*='127.0.0.1:9'], a[href*='127.0.0.1:9']") == 0
    assert page.evaluate(_EVERYWHERE, "a[href^='javascript']") == 0
    assert "\u202e" not in page.locator("body").inner_text()


def test_an_address_in_a_cell_is_no_link(page: Page, stand_in: str, tmp_path: Path) -> None:
    """A label that is an address stays text where a warning names it, on the first step and on that of the splits."""
    watch = Watch(page, stand_in)
    label = "![x](http://127.0.0.1:9/x.png) www.example.com a@example.com"
    lines = [f"{word} number {n * 7919},desk {n % 2},{'test' if n % 3 else 'train'}" for n, word in enumerate(_WORDS)]
    table = tmp_path / "desk.csv"
    table.write_text("\n".join(["text,label,split", *lines, *[f"odd {n},{label},train" for n in range(4)]]))
    open_page(page, stand_in, "Upload")
    page.locator("input[type=file]").first.set_input_files(table)
    told = page.get_by_text(re.compile("has no test rows"))
    expect(told).to_be_visible(timeout=60_000)
    for name in ("Columns", "Data card", "Splits"):
        assert page.evaluate(_EVERYWHERE, "a[href*='127.0.0.1:9'], a[href*='example'], img[src*='127.0.0.1:9']") == 0
        page.get_by_role("button", name=f"Next: {name}").click(timeout=60_000)
        expect(page.get_by_role("button", name=f"Next: {name}")).not_to_be_visible(timeout=60_000)
    expect(told).to_be_visible(timeout=60_000)
    assert page.evaluate(_EVERYWHERE, "a[href*='127.0.0.1:9'], a[href*='example'], img[src*='127.0.0.1:9']") == 0
    assert watch.foreign == []
