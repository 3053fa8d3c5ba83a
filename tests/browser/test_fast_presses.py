"""A press that leaves the browser before it has heard of a field's new value still acts on that value."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Server, open_page
from tests.browser.setting_up import choose

_LONG_MS = 120_000


class Delayed:
    """The way from the server to the browser, which can be held and let go."""

    def __init__(self, page: Page) -> None:
        """Stand in the way of the page's connection."""
        self._held: list[str | bytes] = []
        self._route: WebSocketRoute | None = None
        self._holds = False
        self._page = page
        page.route_web_socket(re.compile("_stcore/stream"), self._stand)

    def hold(self) -> None:
        """Keep what the server sends from now on."""
        self._holds = True

    def wait(self, most: int) -> None:
        """Wait until that many messages are held: the server works on what was pressed."""
        while len(self._held) < most:
            self._page.wait_for_timeout(10)

    def let_go(self) -> None:
        """Send on what was held, in order."""
        self._holds = False
        assert self._route is not None
        for message in self._held:
            self._route.send(message)
        self._held.clear()

    def _stand(self, route: WebSocketRoute) -> None:
        self._route = route
        server = route.connect_to_server()
        server.on_message(self._from_server)

    def _from_server(self, message: Any) -> None:
        assert self._route is not None
        if self._holds:
            self._held.append(message)
        else:
            self._route.send(message)


def test_answer_pressed_right_after_a_row_is_chosen(page: Page, serve: Server) -> None:
    """The row's text and right answer are asked, though the press still brought the empty fields with it."""
    address = serve(ADAPTLAB_SCRIPTED="1")
    way = Delayed(page)
    open_page(page, address, "Playground")
    choose(page, "Model", "Scripted")
    page.get_by_role("button", name="Classifier", exact=True).click()
    expect(page.get_by_role("button", name="Classifier", exact=True)).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(1000)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=_LONG_MS)
    page.get_by_role("combobox", name="Choose a row of the task").click()
    option = page.get_by_role("option").nth(2)
    expect(option).to_be_visible(timeout=_LONG_MS)
    way.hold()
    option.click()
    way.wait(5)
    page.get_by_role("button", name=re.compile("^Answer")).click()
    way.let_go()
    expect(page.get_by_text("Answered", exact=True)).to_be_visible(timeout=_LONG_MS)
    expect(page.get_by_text("There is no input yet")).to_have_count(0)
