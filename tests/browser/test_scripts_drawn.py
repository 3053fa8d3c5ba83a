"""Words of seven scripts are drawn, and not replaced by the box of a missing letter: on screen and in what is exported."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.memo.html import memo_html
from engine.charts.svg_form import to_svg
from tests.browser.conftest import ServeScript, fresh_page
from tests.browser.script_chart import word_chart
from tests.browser.scripts import WORDS, need_fonts, undrawn
from tests.unit.test_memo import contents

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_charts_lanes_and_slides_draw_each_script(page: Page, browser: Browser, serve_script: ServeScript) -> None:
    """Each letter has a glyph in the labels of charts, the answers of lanes and the texts of a slide."""
    need_fonts(browser)
    page.goto(serve_script("script_page.py"))
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    faults = {name: undrawn(page.locator(f".st-key-{name} {inside}")) for name, inside in _PARTS.items()}
    assert faults == {name: [] for name in _PARTS}


_PARTS = {"chart": ".plot", "confusion": ".plot", "lane": ".lanes", "slide": ".slide"}


def test_memo_and_exported_pictures_draw_each_script(browser: Browser, tmp_path: Path) -> None:
    """The memo and the picture of a chart, opened as files without a network, draw each letter."""
    need_fonts(browser)
    memo, picture = tmp_path / "memo.html", tmp_path / "chart.svg"
    memo.write_bytes(memo_html(contents(" · ".join(WORDS.values()))))
    picture.write_text(to_svg(word_chart()), encoding="utf-8")
    faults = {}
    for path in (memo, picture):
        page = fresh_page(browser, offline=True)
        page.goto(path.as_uri())
        faults[path.name] = undrawn(page.locator("body, svg").first)
        page.context.close()
    assert faults == {"memo.html": [], "chart.svg": []}
