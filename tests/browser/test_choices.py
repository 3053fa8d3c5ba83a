"""What is chosen on one page holds on the others that ask for the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, open_page
from tests.browser.setting_up import choose

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_MS = 60_000


def _chosen(page: Page, task: str, model: str) -> None:
    for field, words in (("Task", task), ("Model", model)):
        expect(page.get_by_role("combobox", name=re.compile(f"^{field}")).first).to_have_value(
            re.compile(words), timeout=_MS
        )


def test_task_and_model_hold_from_page_to_page(page: Page, serve: Server, tmp_path: Path) -> None:
    """At first the same on each page; what is chosen on Run stands on Train and in the Playground, and changes go back."""
    address = serve(ADAPTLAB_SCRIPTED="1")
    open_page(page, address, "Train")
    _chosen(page, "Support tickets", "SmolLM2")
    for name in ("Playground", "Run"):
        page.get_by_role("link", name=name, exact=True).click()
        _chosen(page, "Support tickets", "SmolLM2")
    choose(page, "Task", "House style")
    choose(page, "Model", "Scripted")
    _chosen(page, "House style", "Scripted")
    number = page.get_by_role("spinbutton", name="Test rows")
    number.fill("7")
    number.press("Tab")
    expect(page.get_by_text(re.compile(r"\b\d+ answers"))).to_be_visible(timeout=_MS)
    page.get_by_role("link", name="Playground", exact=True).click()
    _chosen(page, "House style", "Scripted")
    choose(page, "Model", "SmolLM2")
    _chosen(page, "House style", "SmolLM2")
    page.get_by_role("link", name="Run", exact=True).click()
    _chosen(page, "House style", "SmolLM2")
    expect(number).to_have_value("7")
    assert "default value" not in (tmp_path / "server-0.log").read_text(encoding="utf-8")
