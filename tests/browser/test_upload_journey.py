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


_BAD_ARCHIVES = [("../outside.toml", 10, "unsafe path"), ("documents/long.md", 300_000_000, "would unpack")]
_BROKEN = [
    ("quote.csv", b'text,label\nhello,a\n"never closed,b\nmore,a\n', "line 3: a quote is opened"),
    ("image.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(64)), "an image, not a table"),
    ("book.xlsx", b"PK\x03\x04 half a workbook", "a broken archive"),
]


def test_what_cannot_be_taken_is_told_and_what_can_is_taken_after_it(page: Page, serve: Server, tmp_path: Path) -> None:
    """A broken file gets its line and a fix, an archive with an unsafe path or too much in it is refused before it is unpacked."""
    address = serve(ADAPTLAB_SCRIPTED="1")
    watch = Watch(page, address)
    _open(page, address)
    alert = page.get_by_role("alert")
    for entry, size, words in _BAD_ARCHIVES:
        path = _archive(tmp_path, entry, size)
        page.locator("input[type=file]").nth(1).set_input_files(path)
        expect(alert.filter(has_text=words)).to_be_visible(timeout=_LONG_MS)
        expect(page.get_by_text("Added the task")).to_have_count(0)
    assert not list(tmp_path.parent.rglob("outside.toml"))
    good, next_step = tmp_path / "good.csv", page.get_by_role("button", name="Next: Columns")
    good.write_text("text,label\nhello,a\nbye,b\n", encoding="utf-8")
    for name, data, words in _BROKEN:
        path = tmp_path / name
        path.write_bytes(data)
        _give(page, path)
        expect(alert.filter(has_text=words)).to_be_visible(timeout=_LONG_MS)
        expect(next_step).to_have_count(0)
        _give(page, good)
        expect(next_step).to_be_enabled(timeout=_LONG_MS)
    assert watch.errors == []


def _archive(folder: Path, entry: str, size: int) -> Path:
    """Write an archive with one entry of so many bytes."""
    path = folder / f"task-{size}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(entry, "w", force_zip64=True) as out:
        for start in range(0, size, 1_000_000):
            out.write(b"0" * min(1_000_000, size - start))
    return path
