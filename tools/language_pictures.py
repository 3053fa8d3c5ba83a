"""Take the pictures of docs/languages.md: `python -m tools.language_pictures [HOME]`, some minutes.

The tickets of `support-multilingual` in Chinese, Arabic and German go out as CSV files, their labels in that language.
`cli.py compare --task FILE` compares each with the model that ships; the browser then shows the runs, and Upload takes
the Arabic file. A HOME that already holds the runs is used again.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from adapters.storage.task_folder import read_task
from tools.screenshots import IMAGES, LONG_MS, ROOT, SETTLE_MS, SIZE, chromium, served

NAMES = ("account_access", "billing_refund", "delivery_order", "device_fault", "how_to_setup")


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What a table is called in its language, and what stands in its header and for its labels."""

    file: str
    header: tuple[str, str]
    labels: tuple[str, ...]
    """In the order of `NAMES`."""


TABLES = {
    "ar": Words(
        file="رسائل الدعم",
        header=("الرسالة", "الفئة"),
        labels=(
            "الدخول إلى الحساب",
            "الفواتير والاسترداد",
            "الطلبات والتوصيل",
            "عطل في الجهاز",
            "التركيب والإعداد",
        ),
    ),
    "zh": Words(
        file="客服留言",
        header=("留言", "类别"),
        labels=("账户登录", "账单退款", "订单配送", "设备故障", "安装设置"),
    ),
    "de": Words(
        file="Kundenpost",
        header=("Nachricht", "Kategorie"),
        labels=("Anmeldung", "Rechnung und Erstattung", "Bestellung und Lieferung", "Gerät defekt", "Einrichtung"),
    ),
}
FAST = (
    *("--variants", "zero-shot,few-shot,rag,classifier", "--limit", "30"),
    *("--shots", "4", "--shot-choice", "drawn", "--prior-correction", "off"),
)
"""Thirty rows and no LoRA: the pictures show letters, and the figures in them are no benchmark."""


def main(home: Path) -> None:
    """Compare where no run is there yet, then take the pictures."""
    runs = {language: compared(home, write_table(home, language), home / "out" / language) for language in TABLES}
    with served(home) as app, chromium() as browser:
        for name, show in _pictures(runs, home, app.address).items():
            scheme = "dark" if name.endswith("-dark") else "light"
            context = browser.new_context(viewport=SIZE, color_scheme=scheme, accept_downloads=True)  # type: ignore[arg-type]
            context.request.get(app.way_in)  # as opening the printed address does
            page = context.new_page()
            page.set_default_timeout(LONG_MS)
            show(page)
            page.mouse.move(SIZE["width"] - 5, SIZE["height"] - 5)  # away from toolbars that show under it
            page.get_by_test_id("stStatusWidget").wait_for(state="hidden")
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=IMAGES / f"{name}.png")
            sys.stdout.write(f"{name}.png\n")
            context.close()


def write_table(home: Path, language: str) -> Path:
    """Write the tickets in one language as a CSV with a split column."""
    words = TABLES[language]
    path = home / "csv" / f"{words.file}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    task = read_task(ROOT / "data" / "tasks" / "support-multilingual")
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow((*words.header, "split"))
        for example in task.examples:
            if example.metadata["language"] == language:
                rows.writerow((example.input, words.labels[NAMES.index(example.target)], example.split))
    return path


def compared(home: Path, table: Path, out: Path) -> str:
    """Compare on a table at the terminal unless that was done; return the run's id."""
    record = out / "run.json"
    if not record.is_file():
        command = [sys.executable, "cli.py", "compare", "--task", str(table), *FAST, "--out", str(out)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "ADAPTLAB_HOME": str(home)}, check=True)
    return str(json.loads(record.read_text(encoding="utf-8"))["plan"]["run_id"])


_LIVE_CHARTS = 3


def _pictures(runs: dict[str, str], home: Path, address: str) -> dict[str, Callable[[Page], object]]:
    """Return how to get to each picture, each from an empty page."""
    return {
        "languages-card-ar": lambda page: _card(page, address, home / "csv" / f"{TABLES['ar'].file}.csv"),
        "languages-run-zh": lambda page: _run(page, address, runs["zh"]),
        "languages-row-ar": lambda page: _row(page, address, runs["ar"]),
        "languages-report-de": lambda page: _report(page, address, runs["de"]),
        "languages-confusion-zh-dark": lambda page: _confusion(page, address, runs["zh"]),
        "languages-slide-ar": lambda page: _slide(page, address, runs["ar"]),
        "languages-memo-ar": lambda page: _memo(page, address, runs["ar"], home),
    }


def _card(page: Page, address: str, table: Path) -> None:
    page.goto(address)
    page.get_by_role("link", name="Upload", exact=True).click()
    page.locator("input[type=file]").first.set_input_files(table)
    for step in ("Columns", "Data card"):
        page.get_by_role("button", name=f"Next: {step}").click()
    page.locator("button:enabled", has_text="Next: Splits").wait_for()


def _run(page: Page, address: str, run_id: str) -> None:
    page.goto(f"{address}/run?run_id={run_id}")
    page.get_by_role("button", name="Present").wait_for()
    page.locator(".lane").first.wait_for()
    page.locator(".plot .main-svg").nth(_LIVE_CHARTS - 1).wait_for()


def _report(page: Page, address: str, run_id: str) -> None:
    page.goto(f"{address}/report?run_id={run_id}")
    page.locator(".st-key-verdict").get_by_role("heading").wait_for()
    page.locator(".plot .main-svg").first.wait_for()


def _row(page: Page, address: str, run_id: str) -> None:
    _report(page, address, run_id)
    page.get_by_role("radio", name="All", exact=True).click()
    page.locator(".grid .body .line").first.click()
    page.get_by_test_id("stText").first.wait_for()
    page.get_by_role("tab", name="Rows", exact=True).evaluate("node => node.scrollIntoView()")


def _confusion(page: Page, address: str, run_id: str) -> None:
    _report(page, address, run_id)
    tab = page.get_by_role("tab", name="Classes")
    tab.click()
    page.locator(".st-key-classes_variant").get_by_text("Classifier", exact=True).click()
    page.get_by_text("Classifier: which classes are confused").wait_for()
    page.locator(".st-key-confusion .plot .main-svg").first.wait_for()
    tab.evaluate("node => node.scrollIntoView()")


def _slide(page: Page, address: str, run_id: str) -> None:
    _run(page, address, run_id)
    page.get_by_role("button", name="Present").click()
    page.get_by_role("button", name="Next").wait_for()


def _memo(page: Page, address: str, run_id: str, home: Path) -> None:
    _report(page, address, run_id)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download memo").click()
    memo = home / "memo.html"
    download.value.save_as(memo)
    page.goto(memo.as_uri())
    page.locator(".chart.drawn .plot .main-svg").first.wait_for()
    rows = page.locator("details details:has(.marks)")
    rows.nth(2).evaluate("node => { node.open = node.parentElement.closest('details').open = true }")
    rows.first.evaluate("node => node.scrollIntoView()")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="adaptlab-languages-") as folder:
            main(Path(folder))
