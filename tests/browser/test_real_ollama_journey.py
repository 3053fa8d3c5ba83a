"""From the Models page to the report with a real Ollama server, in real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, Watch, open_page
from tests.browser.setting_up import set_up_here
from tests.ollama_server import NAME, running

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(1800)]
_LONG_MS = 300_000


def test_a_model_of_the_server_is_found_run_and_reported(page: Page, serve: Server, tmp_path: Path) -> None:
    """The server's model is listed, two techniques answer four rows with it, and the report names it; no error is logged."""
    (tmp_path / "ollama").mkdir()
    with running(tmp_path / "ollama") as server:
        address = serve(OLLAMA_HOST=server.url)
        watch = Watch(page, address)
        open_page(page, address, "Models")
        expect(page.get_by_text(re.compile(r"Ollama 0\.\d+"))).to_be_visible(timeout=_LONG_MS)
        open_page(page, address, "Run")
        set_up_here(page, rows=4, variants=("Zero-shot", "Few-shot"), corrected=False, model=NAME)
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_text("Done · 8 answers")).to_be_visible(timeout=_LONG_MS)
        open_page(page, address, "Report")
        expect(page.get_by_role("combobox", name="Run")).to_have_value(
            re.compile(rf"support-tickets · 8 answers · ollama/{NAME}"), timeout=_LONG_MS
        )
        expect(page.get_by_role("heading", level=2).first).to_contain_text(re.compile("variants|choose", re.IGNORECASE))
        assert watch.errors == []
        assert watch.foreign == []
