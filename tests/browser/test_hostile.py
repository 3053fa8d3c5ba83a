"""Answers, prompts and inputs full of markup are shown as the text they are, in real Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Server, Watch, open_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

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
    page.locator(".grid .body .line").first.click()
    expect(page.get_by_text("The exact prompt").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"window\.hacked")).first).to_be_visible()
    assert page.evaluate("() => window.hacked") is None
    assert page.evaluate(_EVERYWHERE, "img[src='x'], a[href^='javascript']") == 0
    assert "\u202e" not in page.locator("body").inner_text()
    assert watch.errors == []
    assert watch.foreign == []
