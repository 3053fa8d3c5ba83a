"""Real Chromium on the app as `make run` serves it, on a free port, with its own home folder."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.ways_in import WAYS_IN
from tools.served_app import served_app, served_script

ROOT = Path(__file__).parents[2]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
LONG_MS = 120_000
"""How long a state is waited for unless a test says otherwise: long, for machines that are busy with other work too."""
expect.set_options(timeout=LONG_MS)

Server = Callable[..., str]
ServeScript = Callable[[str], str]


def _chromium() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once. Without one the test is skipped; under CI it fails."""
    path = _chromium()
    if path is None:
        message = f"no Chromium found (looked for {', '.join(_NAMES)}); install Debian's package `chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def serve(tmp_path: Path, browser: Browser) -> Iterator[Server]:
    """Serve the app, let every page of the test in, and return its address; more environment as keywords."""
    with serving(tmp_path, browser) as served:
        yield served


@pytest.fixture(scope="session")
def serve_script(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeScript]:
    """Serve a script of this folder, each once for all tests, and return its address."""
    folder = tmp_path_factory.mktemp("scripts")
    environment = {"PYTHONPATH": _python_path()}
    with ExitStack() as stack:

        @functools.cache
        def served(name: str) -> str:
            script = Path(__file__).with_name(name)
            return stack.enter_context(served_script(script, folder / f"{script.stem}.log", environment))

        yield served


def _python_path() -> str:
    return os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])


@contextmanager
def serving(folder: Path, browser: Browser) -> Iterator[Server]:
    """Give what serves the app with a home in this folder, until the block ends."""
    numbers = itertools.count()
    with ExitStack() as stack:

        def served(**environment: str) -> str:
            environment = {"ADAPTLAB_HOME": str(folder / "home"), "PYTHONPATH": _python_path(), **environment}
            app = stack.enter_context(served_app(folder / f"server-{next(numbers)}.log", environment))
            WAYS_IN.append(app.way_in)
            stack.callback(WAYS_IN.remove, app.way_in)
            for context in browser.contexts:
                _let_in(context)
            return app.address

        yield served


def _let_in(context: BrowserContext) -> None:
    """Show the token of each running app, as opening the printed address does, and keep the cookies."""
    for way_in in WAYS_IN:
        context.request.get(way_in)


class Watch:
    """What a page must not do: log errors, or ask another host for anything."""

    def __init__(self, page: Page, address: str) -> None:
        """Begin to listen."""
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._asked(request.url, address))

    def _asked(self, url: str, address: str) -> None:
        if not url.startswith((address, address.replace("http", "ws", 1), "data:", "blob:")):
            self.foreign.append(url)


def at_rest(page: Page) -> None:
    """Wait until the page's script does not run: what is pressed while it draws the page again can be lost."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=60_000)


def open_page(page: Page, address: str, name: str) -> None:
    """Open a page of the app by its address."""
    page.goto(f"{address}/{name.lower()}")
    expect(page.locator("h1").first).to_be_visible()


def serve_stand_in(serve: Server, *, speed: float) -> str:
    """Serve the app with a lab in memory: the real engine on a scripted model."""
    folder = ROOT / "tests" / "browser" / "stand_in"
    return serve(PYTHONPATH=f"{ROOT}{os.pathsep}{folder}", STAND_IN_SPEED=f"{speed:g}")


@pytest.fixture
def stand_in(serve: Server) -> str:
    """Serve the app with a lab in memory, at a brisk pace."""
    return serve_stand_in(serve, speed=8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A served app with a lab in memory, and the run that has ended in it."""

    address: str
    run_id: str

    def page(self, name: str) -> str:
        """Return the address of one of its pages, with this run."""
        return f"{self.address}/{name}?run_id={self.run_id}"


@pytest.fixture(scope="session")
def finished(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """Serve one finished run for all tests that only look at it."""
    with serving(tmp_path_factory.mktemp("finished"), browser) as serve:
        address = serve_stand_in(serve, speed=40)
        page = fresh_page(browser)
        page.goto(address)
        page.get_by_role("button", name="Start the comparison").click()
        expect(page.get_by_text(re.compile(r"^Done"))).to_be_visible()
        page.wait_for_url("**run_id=*")
        run_id = page.url.split("run_id=")[1].split("&")[0]
        page.context.close()
        yield Finished(address=address, run_id=run_id)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty page in a fresh profile, at a laptop's size."""
    own = fresh_page(browser)
    yield own
    own.context.close()


def fresh_page(browser: Browser, *, offline: bool = False) -> Page:
    """Open an empty page in a profile of its own; who opens it closes its context."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=offline)
    context.set_default_timeout(LONG_MS)
    _let_in(context)
    return context.new_page()
