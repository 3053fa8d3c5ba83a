"""Searching for settings in the browser: from the slider to a verdict, with curves and choices."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, open_page
from tests.browser.setting_up import choose_variants

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(600)]


def test_a_search_from_the_slider_to_the_verdict(page: Page, serve: Server) -> None:
    """Curves grow while the real model is tried; the best so far answers, and the report shows what was chosen."""
    open_page(page, serve(), "Run")
    choose_variants(page, ("Zero-shot", "Classifier"))
    page.get_by_role("button", name="Options").click()
    for name, rows in (("Training rows", "10"), ("Test rows", "4")):
        field = page.get_by_role("spinbutton", name=name)
        field.fill(rows)
        field.press("Tab")
    page.get_by_role("slider", name="Search for settings").press("ArrowRight")
    expect(page.get_by_text("3 min each")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("In this time the search can try about this many settings")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Settings are being tried on training and validation rows.")).to_be_visible()
    expect(page.get_by_text("What the search gained").filter(visible=True).first).to_be_visible()
    for curve in (r"Zero-shot \d+ % by default, \d+ % after", r"Zero-shot \d+ % of one, \d+ % of"):
        expect(page.get_by_role("img", name=re.compile(curve))).to_be_visible()
    page.get_by_role("button", name="Use the best so far").click()
    expect(page.get_by_text(re.compile(r"^Done · (8|12|16) answers"))).to_be_visible(timeout=300_000)
    expect(page.get_by_text("Zero-shot:").first).to_be_visible()
    page.get_by_role("link", name="Report", exact=True).click()
    page.get_by_text("Why", exact=True).click()
    expect(page.get_by_text("3 min of search for each technique").filter(visible=True).first).to_be_visible()
    page.get_by_role("tab", name="Search for settings").click()
    expect(page.get_by_text(re.compile(r"Zero-shot: \d+ settings in")).filter(visible=True).first).to_be_visible()
    expect(page.get_by_text("What the search gained").filter(visible=True).first).to_be_visible()
