"""What everyone can read: contrast and axe on every page, empty, running and full, in both themes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Server, serve_stand_in
from tools.screenshots import import_sample

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_FOLDER = Path(__file__).parent
_LEAST_CONTRAST = 4.5
_CONTRAST = (_FOLDER / "contrast.js").read_text(encoding="utf-8")
_THEIRS = set(json.loads((_FOLDER / "axe_of_streamlit.json").read_text(encoding="utf-8")))
"""Faults of Streamlit's own elements, as `rule: element`. The list may only shrink: one that is gone fails the test."""
_OURS = "stMarkdown", "stCaptionContainer", "stHeading", "stText", "stHtml"
"""Elements of Streamlit that show what we write: a fault in them is ours."""
_ALL_BUT_WHAT_PASSES = {"exclude": [["[data-testid=stStatusWidget]"]]}
"""Streamlit's own note that the script runs: it comes and goes within a moment, and fades while it does."""
_PAGES = (
    "", "models", "tasks", "upload", "train", "run", "playground", "report", "costs", "learning_curve", "context",
    "drift", "history", "present",
)  # fmt: skip
_OF_A_RUN = ("run", "report", "costs", "drift")
_DARK_GROUND, _LIGHT_GROUND = re.compile(r"rgb\((\d|[1-3]\d), "), re.compile(r"rgb\(2\d\d, ")
_NOTHING_FADES = """() => document.getAnimations().every(one =>
  one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity)"""
_OWNER = """node => {
  const part = node.closest("[data-testid]")
  return part ? part.dataset.testid : node.localName }"""


def _axe(page: Page) -> dict[str, str]:
    """Return what axe finds, of any impact: `rule: element`, with where it is; inside our components `rule: ours`."""
    found = {}
    response: dict[str, Any] = Axe().run(page, context=_ALL_BUT_WHAT_PASSES).response
    for fault in response["violations"]:
        for node in fault["nodes"]:
            target = node["target"][0]
            inside = isinstance(target, list)
            owner = "ours" if inside else page.locator(target).first.evaluate(_OWNER)
            found[f"{fault['id']}: {owner}"] = f"{node['target']} {node.get('failureSummary', '')[:200]}"
    return found


def _judge(page: Page, where: str, faults: list[str]) -> set[str]:
    """Add what is ours and wrong on this page, in both themes; return the faults of Streamlit's own elements.

    Each second page is opened in dark and turned light, the others the other way round. In dark the contrast of all text
    is measured, and axe is not asked again: all else is the same in both themes.
    """
    theirs: set[str] = set()
    opened_dark = bool(page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches"))
    for dark in (opened_dark, not opened_dark):
        page.emulate_media(color_scheme="dark" if dark else "light")
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", _DARK_GROUND if dark else _LIGHT_GROUND)
        _settled(page)
        found = {} if dark else _axe(page)
        theirs |= {fault for fault in found if fault in _THEIRS}
        faults += [f"{where}: axe {fault} {told}" for fault, told in found.items() if fault not in theirs]
        theme = "dark" if dark else "light"
        faults += [f"{where}, {theme}: contrast {told}" for told in page.evaluate(_CONTRAST, _LEAST_CONTRAST)]
    return theirs


def _open(page: Page, address: str, name: str, run_id: str = "") -> None:
    """Open a page through the menu, which takes a sixth of the work of loading the app, where no run is asked for."""
    if page.url.startswith(address) and not name.startswith("present") and (not run_id or name not in _OF_A_RUN):
        title = name.replace("_", " ").capitalize() or "Start"
        page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{title}$")).click()
        page.wait_for_url(re.compile(f"{re.escape(address)}/{name}($|\\?)"))
    else:
        query = f"{'&' if '?' in name else '?'}run_id={run_id}" if run_id else ""
        page.goto(f"{address}/{name}{query}")
    _settled(page)


def _settled(page: Page) -> None:
    """Wait until the page is drawn, its script has ended and nothing fades any more: half faded, text has no contrast."""
    expect(page.locator("h1, [data-testid=stSlide], .slide").first).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stStatusWidgetRunningIcon")).to_have_count(0)
    page.evaluate("() => document.fonts.ready.then(() => null)")
    page.wait_for_function(_NOTHING_FADES)


def test_the_list_of_streamlits_faults_names_nothing_of_ours() -> None:
    """What may be excused is an element of Streamlit's own, never one that shows our words."""
    assert not [fault for fault in _THEIRS if fault.split(": ")[1] in (*_OURS, "ours")]


def test_every_page_can_be_read(page: Page, serve: Server, tmp_path: Path) -> None:
    """No text below 4.5 : 1 and no violation of axe in what is ours: without runs, during a run, with the recorded one."""
    page.emulate_media(color_scheme="light")
    faults: list[str] = []
    theirs: set[str] = set()
    empty = serve_stand_in(serve, speed=8)
    for name in _PAGES:
        _open(page, empty, name)
        theirs |= _judge(page, f"empty {name or 'start'}", faults)
    assert faults == []
    theirs |= _while_a_run_goes_on(page, serve_stand_in(serve, speed=0.5), faults)
    assert faults == []
    home = tmp_path / "full"
    home.mkdir()
    run_id = import_sample(home)
    full = serve(ADAPTLAB_HOME=str(home))
    for name in (*_PAGES, *(f"present?step={step}" for step in range(2, 6))):
        _open(page, full, name, run_id)
        theirs |= _judge(page, f"full {name or 'start'}", faults)
    assert faults == []
    assert theirs == _THEIRS, "axe no longer finds these; take them off axe_of_streamlit.json"


def _while_a_run_goes_on(page: Page, address: str, faults: list[str]) -> set[str]:
    """Judge every page while the sidebar shows a run that has begun to answer; return the faults of Streamlit's own."""
    page.goto(address)
    page.get_by_role("button", name="Start the comparison").click()
    expect(page.get_by_text(re.compile(r"Row \d+ of \d+")).first).to_be_visible()
    theirs: set[str] = set()
    for name in _PAGES:
        _open(page, address, name)
        if name != "present":
            expect(page.get_by_test_id("stSidebar").get_by_role("button", name="Stop")).to_be_visible()
        theirs |= _judge(page, f"running {name or 'start'}", faults)
    return theirs


def test_the_memo_fits_a_phone_and_a_sheet_of_paper(page: Page, tmp_path: Path) -> None:
    """At 390 pixels nothing but a table in its own scroller is wider, and in print no figure breaks into two lines."""
    home = tmp_path / "home"
    home.mkdir()
    import_sample(home)
    memo = tmp_path / "memo.html"
    command = [sys.executable, "cli.py", "report", "latest", "--out", str(memo)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "ADAPTLAB_HOME": str(home)}, check=True, capture_output=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(memo.as_uri())
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1000})  # 182 mm, the width of A4 between the memo's margins
    too_wide, broken = page.evaluate(
        """() => {
          const cells = [...document.querySelectorAll(".wide td:not(.left):not(.text):not(:first-child)")]
          const lines = cell => {
            const range = document.createRange()
            range.selectNodeContents(cell)
            return new Set([...range.getClientRects()].map(box => Math.round(box.bottom / 4))).size
          }
          const wide = [...document.querySelectorAll("table")].filter(one => one.getBoundingClientRect().right > 689)
          const figures = cells.filter(cell => !cell.querySelector("small"))
          return [wide.length, figures.filter(cell => lines(cell) > 1).map(cell => cell.textContent)]
        }"""
    )
    assert (too_wide, broken) == (0, [])
