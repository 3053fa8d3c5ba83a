"""Take the screenshots of the docs: `make screenshots`. Every screen, light and dark, 1280 x 800, in docs/images.

The script starts the real app with a temporary home folder and imports the recorded run that ships with the app into
its store, so that the screenshots show measured figures.
"""

from __future__ import annotations

import contextlib
import csv
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from adapters.storage.run_store import SqliteRunStore, record_of  # noqa: E402
from adapters.storage.sample_run import read_recorded  # noqa: E402
from adapters.storage.task_folder import read_task  # noqa: E402
from tools.served_app import ServedApp, served_app  # noqa: E402

IMAGES = ROOT / "docs" / "images"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZE = {"width": 1280, "height": 800}
SETTLE_MS = 1500
LONG_MS = 60_000
INPUT = "I typed my sign-in code three times and now the app says my account is locked."


def main() -> None:
    """Take all screenshots."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="adaptlab-pictures-") as folder:
        home = Path(folder)
        with served(home) as app, chromium() as browser:
            # A first visit has no runs; the other screens show the recorded run as if it had been made here.
            first = {"start": lambda page: page.get_by_role("button", name="Present it").wait_for()}
            _take(browser, app.way_in, first)
            _take(browser, app.way_in, _screens(import_sample(home)))
            _take(browser, app.way_in, _steps(write_flawed_table(home / "tickets.csv")), schemes=("light",))


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium until the block ends."""
    path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if path is None:
        sys.exit(f"No Chromium was found (looked for {', '.join(NAMES)}). Install Debian's package chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _take(
    browser: Browser,
    address: str,
    screens: dict[str, Callable[[Page], object]],
    schemes: tuple[str, ...] = ("light", "dark"),
) -> None:
    for scheme in schemes:
        context = browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(LONG_MS)
        page.goto(address)
        for name, show in screens.items():
            show(page)
            page.wait_for_timeout(SETTLE_MS)
            file = f"{name}-{scheme}.png" if len(schemes) > 1 else f"{name}.png"
            page.screenshot(path=IMAGES / file)
            sys.stdout.write(f"{file}\n")
        context.close()


def _screens(run_id: str) -> dict[str, Callable[[Page], object]]:
    """Return how to get to each screen, in an order in which each step starts from the previous screen."""
    return {
        "models": lambda page: _menu(page, "Models"),
        "tasks": lambda page: _menu(page, "Tasks"),
        "train": lambda page: _menu(page, "Train"),
        "playground": _playground,
        "history": lambda page: _menu(page, "History"),
        "report": lambda page: _report(page, run_id),
        "compare": lambda page: _compare(page, run_id),
        "compare-row": _compare_row,
        "present-race": lambda page: _present(page, 3),
        "present-tradeoff": lambda page: _present(page, 4),
        "present-verdict": lambda page: _present(page, 5),
        "set-up": _set_up,
    }


def _steps(table: Path) -> dict[str, Callable[[Page], object]]:
    """Return how to get to the steps of Upload that find something in a flawed table."""
    return {"upload-card": lambda page: _data_card(page, table), "upload-leaks": _leaks}


def write_flawed_table(path: Path) -> Path:
    """Write the tickets as a CSV with what the data card and the leak guard look for."""
    examples = read_task(ROOT / "data" / "tasks" / "support-tickets").examples
    train = [example for example in examples if example.split == "train"][:80]
    test = [example for example in examples if example.split == "test"][:150]
    rows = [[example.input, example.target, example.split] for example in (*train, *test)]
    first, second, third, *_ = train
    rows += [
        [first.input, first.target, "test"],
        [second.input.upper(), second.target, "test"],
        [third.input.replace("the ", "teh ", 1) + " please", third.target, "test"],
        ["", "billing_refund", "train"],
        ["Why is there a second fee on my October bill?", "Billing_refund", "train"],
        ["This line ends too early"],
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["message", "category", "split"], *rows])
    return path


def _data_card(page: Page, table: Path) -> None:
    _menu(page, "Upload")
    page.locator("input[type=file]").first.set_input_files(table)
    for step in ("Columns", "Data card"):
        page.get_by_role("button", name=f"Next: {step}").click()
    page.locator("button:enabled", has_text="Next: Splits").wait_for()


def _leaks(page: Page) -> None:
    for step in ("Splits", "Documents", "Leak guard"):
        page.get_by_role("button", name=f"Next: {step}").click()
    page.locator("button:enabled", has_text="Next: Instructions").wait_for()


def _report(page: Page, run_id: str) -> None:
    page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/')[2]}/report?run_id={run_id}")
    page.get_by_text("Why", exact=True).first.wait_for()


def _menu(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    page.locator("h1").first.wait_for()


def _playground(page: Page) -> None:
    _menu(page, "Playground")
    text = page.get_by_role("textbox", name="Input")
    text.fill(INPUT)
    text.press("Tab")
    page.get_by_role("button", name="Answer Shortcut").click()
    page.get_by_text("How each answer came about").wait_for(timeout=600_000)  # weights are trained for it
    page.get_by_role("button", name="Answer Shortcut").evaluate("node => node.scrollIntoView()")


def _compare(page: Page, run_id: str) -> None:
    page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/')[2]}/run?run_id={run_id}")
    page.get_by_role("button", name="Present").wait_for()


def _compare_row(page: Page) -> None:
    page.locator(".grid .body .line").nth(3).click()
    page.get_by_text("The exact prompt").first.wait_for()
    page.locator(".grid[role=grid]").evaluate("node => node.scrollIntoView({ block: 'center' })")


def _present(page: Page, step: int) -> None:
    if "present" not in page.url:
        page.get_by_role("button", name="Present").click()
        page.get_by_role("button", name="Next").wait_for()
        page.wait_for_timeout(SETTLE_MS)  # until keys are heard
    page.keyboard.press(str(step))
    page.wait_for_timeout(6000 if step == 3 else 500)


def _set_up(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New comparison").click()
    page.get_by_role("button", name="Run", exact=True).wait_for()


def import_sample(home: Path) -> str:
    """Import the recorded run into a new store, and return its id."""
    recorded = read_recorded(ROOT / "data" / "sample_run")
    if recorded is None:
        sys.exit("There is no recorded run. Make one and record it: tools/record_sample_run.py says how.")
    SqliteRunStore(home / "runs.sqlite3").import_run(
        recorded.manifest, [record_of(made) for made in recorded.predictions]
    )
    return recorded.run_id


@contextlib.contextmanager
def served(home: Path) -> Iterator[ServedApp]:
    """Serve the app with a home folder until the block ends."""
    with served_app(home / "server.log", {"ADAPTLAB_HOME": str(home)}) as app:
        yield app


if __name__ == "__main__":
    main()
