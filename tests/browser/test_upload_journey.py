"""Journeys through Upload in real Chromium: a good file to a finished comparison, and three broken ones."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, Watch
from tests.browser.setting_up import choose, choose_variants
from tests.helpers import WriteCsv

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_LONG_MS = 120_000
_STEPS = ("Columns", "Data card", "Splits", "Documents", "Leak guard", "Instructions")


def _open(page: Page, address: str) -> None:
    page.goto(f"{address}/upload")
    expect(page.get_by_text("What it needs")).to_be_visible(timeout=_LONG_MS)


def _give(page: Page, path: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(path)


def _next(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=f"Next: {name}")
    expect(button).to_be_enabled(timeout=_LONG_MS)
    button.click()
    expect(button).not_to_be_visible(timeout=_LONG_MS)
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop === 0")


def test_from_file_to_finished_comparison(page: Page, serve: Server, tmp_path: Path, write_csv: WriteCsv) -> None:
    """A file becomes a task in seven steps, each from the top of the page, is compared, and goes out as a zip and in again."""
    address = serve(ADAPTLAB_SCRIPTED="1")
    watch = Watch(page, address)
    _open(page, address)
    _give(page, write_csv(tmp_path / "Desk mail.csv", extra=[("I was charged twice for october!", "billing", "test")]))
    expect(page.get_by_text("every byte of the file fits")).to_be_visible(timeout=_LONG_MS)
    for name in _STEPS[:5]:
        _next(page, name)
    expect(page.get_by_text(re.compile("1 of 7 test rows"))).to_be_visible(timeout=_LONG_MS)
    page.get_by_text("Drop the test rows", exact=True).click()
    expect(page.get_by_text("Dropped: 1 test row")).to_be_visible(timeout=_LONG_MS)
    _next(page, "Instructions")
    expect(page.get_by_text(re.compile("The exact zero-shot prompt"))).to_be_visible(timeout=_LONG_MS)
    page.get_by_role("button", name="Save as a task").click()
    expect(page.get_by_text("Saved as")).to_be_visible(timeout=_LONG_MS)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as zip").click()
    packed = tmp_path / "task.zip"
    download.value.save_as(packed)
    page.get_by_role("button", name="Compare with this task").click()
    expect(page.get_by_role("combobox", name=re.compile("Task"))).to_have_attribute(
        "value", re.compile("Desk mail"), timeout=_LONG_MS
    )
    choose(page, "Model", "Scripted")
    choose_variants(page, ("Zero-shot", "RAG", "Classifier"))
    expect(page.get_by_text("18 answers")).to_be_visible(timeout=_LONG_MS)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Done · 18 answers")).to_be_visible(timeout=_LONG_MS)
    _open(page, address)
    page.locator("input[type=file]").nth(1).set_input_files(packed)
    expect(page.get_by_text("Added the task")).to_be_visible(timeout=_LONG_MS)
    assert watch.errors == []
    assert watch.foreign == []


@pytest.mark.parametrize(
    ("entry", "size", "words"),
    [("../outside.toml", 10, "unsafe path"), ("documents/long.md", 300_000_000, "would unpack")],
    ids=["leads outside", "unpacks to too much"],
)
def test_a_task_in_a_bad_archive_is_refused(
    page: Page, serve: Server, tmp_path: Path, entry: str, size: int, words: str
) -> None:
    """Nothing is unpacked, and the screen says why."""
    address = serve(ADAPTLAB_SCRIPTED="1")
    path = tmp_path / "task.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(entry, "w", force_zip64=True) as out:
        for start in range(0, size, 1_000_000):
            out.write(b"0" * min(1_000_000, size - start))
    _open(page, address)
    page.locator("input[type=file]").nth(1).set_input_files(path)
    expect(page.get_by_role("alert").first).to_contain_text(words, timeout=_LONG_MS)
    expect(page.get_by_text("Added the task")).to_have_count(0)
    assert not list(tmp_path.parent.rglob("outside.toml"))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("quote.csv", b'text,label\nhello,a\n"never closed,b\nmore,a\n', "line 3: a quote is opened"),
        ("image.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(64)), "an image, not a table"),
        ("book.xlsx", b"PK\x03\x04 half a workbook", "a broken archive"),
    ],
)
def test_broken_files_are_told(page: Page, serve: Server, tmp_path: Path, name: str, data: bytes, words: str) -> None:
    """A broken file gets its line and a fix on the screen, and the next one is taken all the same."""
    address = serve(ADAPTLAB_SCRIPTED="1")
    watch = Watch(page, address)
    _open(page, address)
    path = tmp_path / name
    path.write_bytes(data)
    _give(page, path)
    alert = page.get_by_role("alert")
    expect(alert.first).to_contain_text(words, timeout=_LONG_MS)
    good = tmp_path / "good.csv"
    good.write_text("text,label\nhello,a\nbye,b\n", encoding="utf-8")
    _give(page, good)
    expect(page.get_by_role("button", name="Next: Columns")).to_be_enabled(timeout=_LONG_MS)
    assert watch.errors == []
