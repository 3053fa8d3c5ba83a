"""A journey through Decide: from a finished run to the verdict, other limits, costs, and the memo on its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Finished, Watch, fresh_page
from tests.browser.setting_up import LONG_MS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_from_a_run_to_a_memo(page: Page, browser: Browser, finished: Finished, tmp_path: Path) -> None:
    """The verdict follows the limits, the costs follow the volume, and the memo asks for nothing and draws its charts."""
    watch = Watch(page, finished.address)
    page.goto(finished.page("run"))
    page.get_by_role("link", name="Report", exact=True).click()
    verdict = page.locator(".st-key-verdict")
    expect(verdict.get_by_role("heading")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_label(re.compile("against p95 seconds per answer"))).to_be_visible(timeout=LONG_MS)
    least = page.get_by_role("spinbutton", name="Minimum quality, %")
    least.fill("100")
    least.press("Tab")
    verdict.get_by_text("Why", exact=True).click()
    expect(verdict.get_by_text(re.compile("below your 100 %")).first).to_be_visible(timeout=LONG_MS)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download memo").click()
    memo = tmp_path / "memo.html"
    download.value.save_as(memo)

    page.get_by_role("link", name="Costs", exact=True).click()
    expect(page.get_by_label(re.compile("^Total at 10,000 calls a month"))).to_be_visible(timeout=LONG_MS)
    assert watch.errors == []
    assert watch.foreign == []

    own = fresh_page(browser, offline=True)
    asked: list[str] = []
    faults: list[str] = []
    own.on("request", lambda request: asked.append(request.url))
    own.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    own.on("pageerror", lambda error: faults.append(str(error)))
    own.goto(memo.as_uri())
    expect(own.locator(".chart.drawn .plot .main-svg").first).to_be_visible()
    assert own.locator(".chart").count() == own.locator(".chart.drawn").count() >= 4
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert faults == []
    own.emulate_media(media="print")
    expect(own.locator(".static").first).to_be_visible()
    expect(own.locator(".plot").first).to_be_hidden()
    own.context.close()
