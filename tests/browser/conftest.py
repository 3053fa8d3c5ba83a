"""Real Chromium on the app as `make run` serves it, on a free port, with its own home folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
    """Serve the app, or another script, let every page of the test in, and return its address.

    More environment as keywords.
    """
    with ExitStack() as stack:

        def served(script: Path = ROOT / "app.py", **environment: str) -> str:
            environment = {"ADAPTLAB_HOME": str(tmp_path / "home"), **environment}
            environment.setdefault("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
            if script != ROOT / "app.py":
                return stack.enter_context(served_script(script, tmp_path / f"{script.stem}.log", environment))
            app = stack.enter_context(served_app(tmp_path / f"server-{len(WAYS_IN)}.log", environment))
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


def open_page(page: Page, address: str, name: str) -> None:
    """Open the app and go to one of its pages through the menu."""
    page.goto(address)
    page.get_by_role("link", name=name, exact=True).click(timeout=60_000)


def serve_stand_in(serve: Server, *, speed: float) -> str:
    """Serve the app with a lab in memory: the real engine on a scripted model."""
    folder = ROOT / "tests" / "browser" / "stand_in"
    return serve(PYTHONPATH=f"{ROOT}{os.pathsep}{folder}", STAND_IN_SPEED=f"{speed:g}")


@pytest.fixture
def stand_in(serve: Server) -> str:
    """Serve the app with a lab in memory, at a brisk pace."""
    return serve_stand_in(serve, speed=8)


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
