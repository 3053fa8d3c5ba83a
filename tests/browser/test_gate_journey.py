"""The token in real Chromium: links, reloads and tabs of the app go on working, and other pages get nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT, fresh_page
from tools.served_app import ServedApp, served_app

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOCKED = "Open the address that the terminal printed"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """Serve the app, without letting any browser in."""
    folder = tmp_path_factory.mktemp("gate")
    environment = {"ADAPTLAB_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT), "ADAPTLAB_SCRIPTED": "1"}
    with served_app(folder / "log", environment) as served:
        yield served


def _shows_models(page: Page) -> None:
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()


def test_links_reloads_and_tabs_work_after_the_printed_address(page: Page, browser: Browser, app: ServedApp) -> None:
    """One visit with the token lets the whole browser in: the token is gone from the address, another browser is not in."""
    query = app.way_in.partition("?")[2]
    page.goto(f"{app.address}/models?{query}")
    _shows_models(page)
    assert page.url == f"{app.address}/models"
    page.reload()
    _shows_models(page)
    tab = page.context.new_page()
    tab.goto(f"{app.address}/models")
    _shows_models(tab)
    stranger = fresh_page(browser)
    stranger.goto(f"{app.address}/models")
    expect(stranger.get_by_role("heading", name=LOCKED)).to_be_visible()
    stranger.context.close()


def test_pages_of_another_port_get_nothing(page: Page, app: ServedApp) -> None:
    """A page of another port of this machine, in the same browser, can link to the app, and neither frame, ask nor drive it."""
    page.goto(app.way_in)
    expect(page.get_by_role("link", name="Models", exact=True)).to_be_visible()
    with _other_page(app.address) as other:
        tab = page.context.new_page()
        tab.goto(other)
        expect(tab.locator("#socket")).to_have_text("refused")
        expect(tab.locator("#fetch")).to_have_text("refused")
        expect(tab.locator("#script")).to_have_text("refused")
        framed = tab.frames[1]
        assert framed.url.startswith("chrome-error:")
        tab.get_by_role("link", name="A link to the app").click()
        _shows_models(tab)


@contextmanager
def _other_page(address: str) -> Iterator[str]:
    """Serve a page on another port that tries what a hostile one would."""
    socket = address.replace("http", "ws", 1)
    page = f"""<!doctype html><meta charset="utf-8"><iframe src="{address}/models"></iframe>
      <p id="socket"></p><p id="fetch"></p><p id="script"></p><a href="{address}/models">A link to the app</a>
      <script>
        const say = (id, text) => document.getElementById(id).textContent = text
        const channel = new WebSocket("{socket}/_stcore/stream")
        channel.onopen = () => say("socket", "open")
        channel.onerror = () => say("socket", "refused")
        fetch("{address}/_stcore/host-config", {{credentials: "include"}})
          .then(() => say("fetch", "read"), () => say("fetch", "refused"))
        const script = document.createElement("script")
        script.onload = () => say("script", "loaded")
        script.onerror = () => say("script", "refused")
        script.src = "{address}/favicon.png"
        document.head.append(script)
      </script>""".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
