"""How journeys set up a comparison on the Run page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.browser.conftest import open_page

LONG_MS = 120_000
_LIST_MS = 10_000
"""How long a list of options is tried before it is opened again."""
TECHNIQUES = ("Zero-shot", "Few-shot", "RAG", "LoRA", "RAG + LoRA", "Classifier")
WITHOUT_TRAINING = ("Zero-shot", "Few-shot", "RAG", "Classifier")


def choose(page: Page, field: str, option: str) -> None:
    """Choose in a select box; its list is opened again where a page that was still being drawn has closed it."""
    box = page.get_by_role("combobox", name=re.compile(f"^{field}")).first
    wanted = page.get_by_role("option", name=re.compile(option)).first
    for _ in range(LONG_MS // _LIST_MS):
        box.click()
        try:
            wanted.click(timeout=_LIST_MS)
        except PlaywrightTimeoutError:
            page.keyboard.press("Escape")
        else:
            return
    pytest.fail(f"'{option}' could not be chosen for '{field}'")


def choose_variants(page: Page, variants: tuple[str, ...]) -> None:
    """Choose these variants, whichever were chosen; a press that a page which was still being drawn lost is repeated."""
    for _ in range(4 * len(TECHNIQUES)):
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=LONG_MS)
        buttons = {name: page.get_by_role("button", name=name, exact=True) for name in TECHNIQUES}
        wrong = [
            button
            for name, button in buttons.items()
            if button.count() and (button.get_attribute("aria-pressed") == "true") != (name in variants)
        ]
        if not wrong:
            return
        wrong[0].click(timeout=LONG_MS)
        page.wait_for_timeout(100)  # until the page knows that it is drawn again
    pytest.fail(f"{variants} could not be chosen")


def set_up(
    page: Page, address: str, *, rows: int, variants: tuple[str, ...] = WITHOUT_TRAINING, corrected: bool = True
) -> None:
    """Open the Run page and set up a comparison of the scripted model."""
    open_page(page, address, "Run")
    set_up_here(page, rows=rows, variants=variants, corrected=corrected)


def set_up_here(
    page: Page, *, rows: int, variants: tuple[str, ...], corrected: bool, model: str = "Scripted", task: str = ""
) -> None:
    """Set up a comparison on the open Run page.

    At a slow pace, measuring the prior for labels on 50 rows takes longer than a test wants to wait: `corrected` off.
    """
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=LONG_MS)
    if task:
        choose(page, "Task", task)
    choose(page, "Model", model)
    choose_variants(page, variants)
    if not corrected:
        page.get_by_role("button", name="Options").click()
        page.get_by_role("radio", name="Off", exact=True).click()
        page.keyboard.press("Escape")
    number = page.get_by_role("spinbutton", name="Test rows")
    number.fill(str(rows))
    number.press("Tab")
    expect(page.get_by_text(f"{rows * len(variants):,} answers")).to_be_visible(timeout=LONG_MS)
