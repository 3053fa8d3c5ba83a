"""What the server puts before Streamlit's own script: links to pages without errors, and words when it is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Watch
from tools.served_app import end, served_app

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_ENVIRONMENT = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "browser" / "stand_in")])}


def test_links_work_and_a_stopped_server_is_told_until_it_is_back(page: Page, tmp_path: Path) -> None:
    """A link to a page logs nothing; a server that ends is named in our words, which go when it runs again."""
    stopped = page.get_by_role("alert").filter(has_text="Adapt Lab has stopped.")
    restarted = page.get_by_role("alert").filter(has_text="Open the address that the terminal printed.")
    heading = page.get_by_role("heading", name="History", exact=True)
    with served_app(tmp_path / "first.log", _ENVIRONMENT) as app:
        missing: list[str] = []
        watch = Watch(page, app.address)
        page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
        page.context.request.get(app.way_in)
        page.goto(f"{app.address}/history")
        expect(heading).to_be_visible()
        assert (missing, watch.errors, watch.foreign) == ([], [], [])
        end(app.process)
        expect(stopped).to_be_visible()
        expect(page.get_by_text("connected to the internet")).to_have_count(0)
    port = app.address.rpartition(":")[2]
    with served_app(tmp_path / "second.log", _ENVIRONMENT, ["--port", port]) as again:
        expect(restarted).to_be_visible()
        page.context.request.get(again.way_in)
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("link", name="Tasks", exact=True).click()
        expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
