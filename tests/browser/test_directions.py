"""Texts that run from right to left begin at the right, beside others that begin at the left."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ServeScript

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

FIRST_LETTER_X = """node => {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT)
  const text = walker.nextNode()
  const range = document.createRange()
  range.setStart(text, 0)
  range.setEnd(text, 1)
  const letter = range.getBoundingClientRect()
  const box = (node.closest("[data-testid=stVerticalBlock]") ?? node).getBoundingClientRect()
  return (letter.left + letter.right - 2 * box.left) / (2 * box.width)
}"""
"""Where the first letter is, from 0 at the left end of its card or box to 1 at the right."""


_INK_X = """canvas => {
  const { width, height } = canvas, scale = height / canvas.getBoundingClientRect().height
  const line = Math.round(40 * scale), edge = Math.round(6 * scale)
  const paper = canvas.getContext("2d")
  return [3, 2, 1].map(fromBelow => {
    const pixels = paper.getImageData(0, height - fromBelow * line + edge, width, line - 2 * edge).data
    const dark = []
    for (let place = 0; place < pixels.length; place += 4) {
      const x = (place / 4) % width
      if (x > edge && x < width - edge && pixels[place + 3] > 200 && pixels[place] < 100) dark.push(x / width)
    }
    return dark.reduce((sum, x) => sum + x, 0) / dark.length
  })
}"""
"""Where the letters of the last three rows are in the data grid, from 0 at its left end to 1 at its right; rows are 40
pixels high."""


def test_each_text_runs_as_its_letters_do(page: Page, serve_script: ServeScript) -> None:
    """Arabic and Hebrew begin at the right end of the card that they are in, English at the left."""
    page.goto(serve_script("direction_page.py"))
    expect(page.get_by_test_id("stText")).to_have_count(2)
    expect(page.get_by_test_id("stCode").locator("code")).to_have_css("unicode-bidi", "plaintext")  # the style is there
    arabic, english = (page.get_by_test_id("stText").nth(place).evaluate(FIRST_LETTER_X) for place in (0, 1))
    assert arabic > 0.9
    assert english < 0.1
    hebrew = page.get_by_test_id("stCode").locator("code").evaluate(FIRST_LETTER_X)
    assert hebrew > 0.9


def test_cells_of_the_data_grid_run_as_their_letters_do(page: Page, serve_script: ServeScript) -> None:
    """In Streamlit's data grid Arabic begins at the right end of its cell, also Hebrew behind a sign; English at the left."""
    page.goto(serve_script("direction_page.py"))
    grid = page.get_by_test_id("stDataFrame").locator("canvas").first
    expect(grid).to_be_visible()
    page.wait_for_function(f"() => ({_INK_X})(document.querySelector('[data-testid=stDataFrame] canvas'))[2] > 0")
    arabic, english, hebrew = grid.evaluate(_INK_X)
    assert arabic > 0.7
    assert english < 0.3
    assert hebrew > 0.7
