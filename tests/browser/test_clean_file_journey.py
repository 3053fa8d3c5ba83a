"""The way of a new user with a clean table of their own, in real Chromium: from the app's address to a memo on disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server, Watch, at_rest
from tests.helpers import WriteCsv

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(900)]

_LONG_MS = 120_000
_RUN_MS = 600_000
MOST_CLICKS = 8


class Clicks:
    """Presses buttons and links, and counts."""

    def __init__(self) -> None:
        """Begin at none."""
        self.made = 0

    def on(self, target: Locator) -> None:
        """Click once, as soon as it can be clicked."""
        target.click(timeout=_LONG_MS)
        self.made += 1


def _weights_are_taken_away(page: Page) -> None:
    """LoRA weights trained inside the run are in the library, and come out as a GGUF file."""
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_role("combobox", name="Open").click(timeout=_LONG_MS)
    page.get_by_role("option").first.click()
    with page.expect_download(timeout=_LONG_MS) as download:
        page.get_by_role("button", name="GGUF file").click()
    assert download.value.path().read_bytes()[:4] == b"GGUF"


def test_from_the_address_to_a_memo_of_an_own_table(
    page: Page, serve: Server, tmp_path: Path, write_csv: WriteCsv
) -> None:
    """A clean table becomes a task, a comparison of all variants on the real model, and a memo, in at most 8 clicks.

    The server logs nothing on the way but its address: no trace, and no widget with two first values.
    """
    address = serve()
    watch, clicks = Watch(page, address), Clicks()
    table = write_csv(tmp_path / "Desk mail.csv")
    page.goto(address)
    clicks.on(page.get_by_role("link", name="Upload", exact=True))
    with page.expect_file_chooser(timeout=_LONG_MS) as chooser:
        clicks.on(page.get_by_role("button", name=re.compile("Upload|Browse")).first)
    chooser.value.set_files(table)
    expect(page.get_by_text("Nothing unusual was found")).to_be_visible(timeout=_LONG_MS)
    clicks.on(page.get_by_role("button", name="Looks good: save and compare"))
    expect(page.get_by_role("combobox", name=re.compile("Task"))).to_have_attribute(
        "value", re.compile("Desk mail"), timeout=_LONG_MS
    )
    clicks.on(page.get_by_role("button", name="Run", exact=True))
    expect(page.get_by_text(re.compile(r"^Done · \d+ answers"))).to_be_visible(timeout=_RUN_MS)
    at_rest(page)
    with page.expect_download(timeout=_LONG_MS) as download:
        clicks.on(page.get_by_role("button", name=re.compile("memo", re.IGNORECASE)).first)
    memo = download.value.path().read_text(encoding="utf-8")
    assert "Desk mail" in memo
    assert clicks.made <= MOST_CLICKS
    _weights_are_taken_away(page)
    assert watch.errors == []
    assert watch.foreign == []
    log = (tmp_path / "server-0.log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "default value" not in log
