"""What the keyboard reaches: the list of shortcuts on every page, and help after the field that it belongs to."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from components.widgets.shortcut_list import SHORTCUTS
from tests.browser.conftest import Finished, at_rest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_STEP = """() => { let node = document.activeElement
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
  const before = window.focusedBefore
  window.focusedBefore = node
  const label = node?.closest("[data-testid=stWidgetLabel]")
  if (!label || !node.matches("button")) return null
  return { help: node.getAttribute("aria-label"), isAfter: !!before && !label.contains(before)
    && label.parentElement.contains(before) } }"""
"""Names the help that has the focus, and tells whether the focus came from the field that it belongs to."""

_PLACE = """() => { let node = document.activeElement
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
  if (node === document.body) return null
  node = node.closest("[role=toolbar], [role=radiogroup]") ?? node  // one stop, of which it remembers the place
  window.numbered ??= new Map()
  if (!window.numbered.has(node)) window.numbered.set(node, window.numbered.size)
  return window.numbered.get(node) }"""
"""Numbers what has the focus, the same each time."""


def test_a_question_mark_lists_the_shortcuts(page: Page, finished: Finished) -> None:
    """`?` opens the list on a page and in a presentation, Esc closes it, and in a field it is only a character."""
    page.goto(f"{finished.address}/playground")
    field = page.get_by_role("textbox", name="Input")
    field.fill("why")
    field.press("?")
    expect(field).to_have_value("why?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_have_count(0)
    page.get_by_role("heading", name="Playground").click()
    page.keyboard.press("?")
    for title, _keys in SHORTCUTS:
        expect(dialog.get_by_role("heading", name=title, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Shortcuts ?").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("?")
    expect(dialog).to_have_count(0)
    page.emulate_media(color_scheme="dark")  # draws the page again: the keys must not be heard twice from then on
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", re.compile(r"rgb\((\d|[1-3]\d), "))
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.keyboard.press("?")
    expect(dialog).to_have_count(0)
    page.goto(finished.page("present"))
    expect(page.get_by_role("button", name="Next")).to_be_visible()
    expect(page.get_by_role("button", name="Shortcuts ?")).to_have_count(0)
    expect(page.locator(".shortcuts")).to_be_attached()
    at_rest(page)
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Back")).to_be_disabled()  # the keys of the step were not heard


_OLDER = """() => {
  const supports = CSS.supports.bind(CSS)
  CSS.supports = (name, value) => name !== "reading-flow" && supports(name, value) }"""
"""A browser that does not know `reading-flow`, as far as the page asks; `_UNORDERED` is what it would draw."""
_UNORDERED = "* { reading-flow: normal !important; }"


@pytest.mark.parametrize("browser_is", ["new", "older"])
def test_help_comes_after_its_field(browser_is: str, page: Page, finished: Finished) -> None:
    """From a field, Tab goes on to the help that belongs to it; nothing in a form begins with its help.

    Also in browsers that cannot order it by style; there Shift+Tab takes the same way back.
    """
    if browser_is == "older":
        page.add_init_script(f"({_OLDER})()")
    for path, first in (("run", "Test rows"), ("playground", "Task"), ("train", "Training rows")):
        page.goto(f"{finished.address}/{path}")
        expect(page.get_by_label(first, exact=True).first).to_be_visible()
        if browser_is == "older":
            page.add_style_tag(content=_UNORDERED)
        main = page.locator('[data-testid=stMain] [data-testid="stBaseButton-primary"]')
        expect(main.first).to_be_enabled()
        # The page is ready, and no place for the focus is still to come.
        at_rest(page)
        page.get_by_role("heading", level=1).click()
        helped, there = [], []
        while len(there) < 40:
            page.keyboard.press("Tab")
            step, place = page.evaluate(_STEP), page.evaluate(_PLACE)
            if place is None:
                continue
            if place in there:
                assert place == there[0], path  # all stops were reached, and none keeps the focus
                break
            there.append(place)
            if step:
                helped.append(step)
        assert helped, path
        assert [step["help"] for step in helped if not step["isAfter"]] == [], path
        page.keyboard.press("Shift+Tab")
        back = []
        for _ in there[1:]:
            back.append(page.evaluate(_PLACE))
            page.keyboard.press("Shift+Tab")
        assert back in (there[:0:-1], there[-2::-1]), path


def test_the_focus_in_the_menu_shows(page: Page, finished: Finished) -> None:
    """The entry of the sidebar that has the focus has an outline, not just another ground; a click draws none."""
    page.goto(f"{finished.address}/tasks")
    entry = page.get_by_test_id("stSidebarNavLink").filter(has_text="Models")
    expect(entry).to_be_visible()
    expect(entry).not_to_have_css("outline-style", "solid")
    page.keyboard.press("Tab")  # from now on the browser shows the focus, as it does for whoever uses the keyboard
    entry.focus()
    expect(entry).to_be_focused()
    expect(entry).to_have_css("outline-style", "solid")
    expect(entry).to_have_css("outline-width", "2px")
