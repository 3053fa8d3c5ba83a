"""The grid of rows in real Chromium: many rows, the keyboard alone, a run that goes on, and a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.report_speed import keep_run
from tests.browser.conftest import Server, Watch, serving
from tests.browser.setting_up import LONG_MS, set_up
from wiring import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ROWS = 10_000
MOST_NODES = 100
_PLACES = 20

_SHOWN = """grid => {
  const box = grid.getBoundingClientRect(), head = grid.querySelector(".head").getBoundingClientRect().height
  const lines = [...grid.querySelectorAll(".body .line")]
  window.seen ??= new Set()
  lines.forEach(line => window.seen.add(line))
  const inView = lines.filter(line => {
    const own = line.getBoundingClientRect()
    return own.bottom > box.top + head + 1 && own.top < box.bottom - 1
  })
  return {
    nodes: lines.length,
    seen: window.seen.size,
    rows: inView.map(line => Number(line.firstChild.textContent)).sort((a, b) => a - b),
    top: grid.scrollTop,
  }
}"""


@pytest.fixture(scope="module")
def many(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve a home with a run of many rows; give its address and the run's id."""
    folder = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAPTLAB_HOME", str(folder / "home"))
        run_id = keep_run(open_workspace(), "many", rows=ROWS, variants=2)
    with serving(folder, browser) as serve:
        yield serve(), run_id


def _grid(page: Page) -> Locator:
    grid = page.locator(".grid[role=grid]")
    expect(grid.locator(".body .line").nth(3)).to_be_visible(timeout=LONG_MS)
    return grid


def _shown(grid: Locator) -> dict[str, Any]:
    """Read the grid after the next frame, in which it is drawn."""
    grid.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found: dict[str, Any] = grid.evaluate(_SHOWN)
    return found


def test_ten_thousand_rows_are_a_few_nodes(page: Page, many: tuple[str, str]) -> None:
    """Wherever the grid is scrolled to, a handful of nodes, always the same ones, show the rows of that place."""
    address, run_id = many
    page.goto(f"{address}/report?run_id={run_id}")
    page.get_by_role("radio", name="All", exact=True).click(timeout=LONG_MS)
    expect(page.get_by_text(f"{ROWS:,} of {ROWS:,} rows")).to_be_visible(timeout=LONG_MS)
    grid = _grid(page)
    expect(grid).to_have_attribute("aria-rowcount", str(ROWS + 1), timeout=LONG_MS)
    for place in range(_PLACES + 1):
        grid.evaluate("(grid, share) => { grid.scrollTop = share * grid.scrollHeight }", place / _PLACES)
        shown = _shown(grid)
        assert 0 < shown["nodes"] <= MOST_NODES
        assert shown["seen"] <= MOST_NODES, "nodes are used again"
        first = int(shown["top"] // 46) + 1
        assert shown["rows"] == list(range(first, first + len(shown["rows"])))
        assert len(shown["rows"]) > 5
    assert shown["rows"][-1] == ROWS


def test_keys_open_a_row_without_sending_the_others_again(page: Page, many: tuple[str, str]) -> None:
    """Arrows move, Enter opens beside the grid what is fetched for that row alone, Escape closes it; the place stays."""
    address, run_id = many
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(len(data))))
    watch = Watch(page, address)
    page.goto(f"{address}/report?run_id={run_id}")
    page.get_by_role("radio", name="All", exact=True).click(timeout=LONG_MS)
    grid = _grid(page)
    expect(grid).to_have_attribute("aria-rowcount", str(ROWS + 1), timeout=LONG_MS)
    whole = max(received)
    grid.focus()
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    chosen = grid.get_by_role("row", selected=True)
    expect(chosen.get_by_role("gridcell").first).to_have_text(str(ROWS - 1))
    place = grid.evaluate("grid => grid.scrollTop")
    received.clear()
    page.keyboard.press("Enter")
    opened = page.get_by_text(f"Row {ROWS - 1:,} · made-{ROWS - 2:05}", exact=True)
    expect(opened).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text("The exact prompt").first).to_be_visible(timeout=LONG_MS)
    assert sum(received) < whole / 4
    beside, panel = grid.bounding_box(), opened.bounding_box()
    assert beside is not None
    assert panel is not None
    assert panel["x"] > beside["x"] + beside["width"]
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0, timeout=LONG_MS)
    expect(grid).to_be_focused()
    expect(chosen.get_by_role("gridcell").first).to_have_text(str(ROWS - 1))
    assert grid.evaluate("grid => grid.scrollTop") == place
    assert [error for error in watch.errors if "404" not in error] == []


def test_rows_come_in_and_the_reader_keeps_the_place(page: Page, serve: Server) -> None:
    """While a run goes on the grid grows, and scroll position, chosen row and the node itself stay."""
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="0.1")
    set_up(page, address, rows=100, variants=("Zero-shot", "Few-shot"), corrected=False)
    page.get_by_role("button", name="Run", exact=True).click()
    grid = page.locator(".grid[role=grid]")
    expect(grid).to_have_attribute("aria-rowcount", re.compile(r"^(1[6-9]|[2-9]\d|\d{3})$"), timeout=LONG_MS)
    grid.focus()
    grid.evaluate("grid => { grid.scrollTop = 150; window.kept = grid }")
    page.keyboard.press("ArrowDown")
    chosen = grid.get_by_role("row", selected=True)
    number = chosen.get_by_role("gridcell").first.text_content()
    before = int(grid.get_attribute("aria-rowcount") or 0)
    place = grid.evaluate("grid => grid.scrollTop")
    page.wait_for_function(
        "rows => Number(window.kept.getAttribute('aria-rowcount')) > rows", arg=before, timeout=LONG_MS
    )
    assert grid.evaluate("grid => grid === window.kept && grid.scrollTop") == place
    expect(chosen.get_by_role("gridcell").first).to_have_text(number or "")
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"^Stopped")).first).to_be_visible(timeout=LONG_MS)


def test_on_a_phone_the_row_is_below_the_grid(page: Page, many: tuple[str, str]) -> None:
    """At 390 pixels the opened row comes below the grid, and nothing is wider than the screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{many[0]}/report?run_id=sample")
    grid = _grid(page)
    grid.locator(".body .line").nth(1).click()
    opened = page.get_by_text(re.compile(r"^Row \d+ · "))
    expect(opened).to_be_visible(timeout=LONG_MS)
    above, panel = grid.bounding_box(), opened.bounding_box()
    assert above is not None
    assert panel is not None
    assert panel["y"] > above["y"] + above["height"]
    assert panel["x"] < 100
    assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth + 1")
