"""Texts that run from right to left begin at the right, beside others that begin at the left."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_FIRST_LETTER_X = """node => {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT)
  const text = walker.nextNode()
  const range = document.createRange()
  range.setStart(text, 0)
  range.setEnd(text, 1)
  const letter = range.getBoundingClientRect(), box = node.getBoundingClientRect()
  return (letter.left + letter.right - 2 * box.left) / (2 * box.width)
}"""
"""Where the first letter is, from 0 at the left end of its box to 1 at the right."""


def test_each_text_runs_as_its_letters_do(page: Page, serve: Server) -> None:
    """Arabic and Hebrew begin at the right end of their box, English at the left."""
    page.goto(serve(script=Path(__file__).with_name("direction_page.py")))
    expect(page.get_by_test_id("stText")).to_have_count(2)
    arabic, english = (page.get_by_test_id("stText").nth(place).evaluate(_FIRST_LETTER_X) for place in (0, 1))
    assert arabic > 0.9
    assert english < 0.1
    hebrew = page.get_by_test_id("stCode").locator("code").evaluate(_FIRST_LETTER_X)
    assert hebrew > 0.9
