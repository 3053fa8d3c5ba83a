"""Whether Chromium draws the letters of a script: words to draw, and how their glyphs are looked at."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Browser, Locator

WORDS = {
    "Chinese": "账单退款",
    "Japanese": "お問い合わせ",
    "Korean": "배송 지연",
    "Arabic": "فاتورة",
    "Hebrew": "חשבונית",
    "Thai": "ใบแจ้งหนี้",
    "Devanagari": "शिकायत",
}
"""One word of the help desk per script."""
PACKAGES = "fonts-dejavu-core fonts-wqy-microhei fonts-tlwg-waree-ttf fonts-lohit-deva"
"""Debian's packages that have these letters: 3 MB to fetch, 9 MB on disk."""

_MISSING = """(node, words) => {
  const font = getComputedStyle(node).font
  const drawn = letter => {
    const paper = new OffscreenCanvas(64, 64).getContext("2d")
    paper.font = font.replace(/[0-9.]+px/, "24px")
    paper.fillText(letter, 16, 40)
    return paper.getImageData(0, 0, 64, 64).data.join()
  }
  const unassigned = drawn("\\u0378")
  return [...new Set(words.replace(/\\s/g, ""))].filter(letter => drawn(letter) === unassigned)
}"""
"""Letters that look like one that no font has, in the font of a node."""


def need_fonts(browser: Browser) -> None:
    """Skip the test where this machine has no font for a script, with the fix; in CI fail it."""
    page = browser.new_page()
    body = page.locator("body")
    lacking = [script for script, word in WORDS.items() if body.evaluate(_MISSING, word)]
    page.close()
    if lacking:
        words = f"no font here has the letters of {', '.join(lacking)}: apt-get install {PACKAGES}"
        pytest.fail(words) if os.environ.get("CI") == "true" else pytest.skip(words)


def undrawn(part: Locator) -> list[str]:
    """Return each script whose word is not drawn in this part: a letter without a glyph, or nothing to be seen."""
    found = []
    for script, word in WORDS.items():
        node = part.get_by_text(word).first
        node.wait_for()
        if missing := node.evaluate(_MISSING, word):
            found.append(f"{script}: no glyph for {' '.join(missing)}")
        if not _is_seen(node):
            found.append(f"{script}: nothing is seen")
    return found


def _is_seen(node: Locator) -> bool:
    """Tell whether the place of a node looks different without it."""
    node.scroll_into_view_if_needed()
    shown = node.screenshot(animations="disabled")
    node.evaluate("node => { node.style.opacity = 0 }")
    hidden = node.screenshot(animations="disabled")
    node.evaluate("node => { node.style.opacity = null }")
    return shown != hidden
