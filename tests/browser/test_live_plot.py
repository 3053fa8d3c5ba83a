"""The chart that moves in place: its node stays, its data changes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import ServeScript, Watch

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_PLOT = """() => {
  for (const host of document.querySelectorAll("[data-testid=stBidiComponentIsolated]")) {
    const plot = host.shadowRoot?.querySelector(".plot")
    if (plot) return plot
  }
}"""
_MARK = f"() => {{ const plot = ({_PLOT})(); plot.mark = 'kept'; plot.svg = plot.querySelector('.main-svg'); }}"
_STATE = f"""() => {{
  const plot = ({_PLOT})()
  const frame = plot.parentElement.getBoundingClientRect()
  const title = plot.querySelector(".xtitle").getBoundingClientRect()
  return {{
    mark: plot.mark,
    svgKept: plot.svg === plot.querySelector(".main-svg"),
    points: plot.data[0].x.length,
    drawn: Number(plot.dataset.drawn),
    colour: plot.data[0].line.color,
    alt: plot.getAttribute("aria-label"),
    titleInside: title.bottom <= frame.bottom && title.top >= frame.top,
    width: plot.querySelector(".main-svg").clientWidth,
  }}
}}"""

_GRID = """() => {
  for (const host of document.querySelectorAll("[data-testid=stBidiComponentIsolated]")) {
    const plot = host.shadowRoot?.querySelector(".plot[aria-label=grid]")
    if (!plot?.dataset.drawn) continue
    const boxes = selector => [...plot.querySelectorAll(selector)].map(node => node.getBoundingClientRect())
    const overlapping = boxes => boxes.some((one, at) => boxes.slice(at + 1).some(other =>
      one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom))
    const cells = boxes(".annotation-text")
    return {
      width: plot.querySelector(".main-svg").clientWidth,
      cells: cells.length,
      lines: plot.querySelectorAll(".annotation-text tspan.line").length,
      slanted: plot.layout.xaxis.tickangle !== 0,
      overlapping: overlapping(cells) || !plot.layout.xaxis.tickangle && overlapping(boxes(".xtick text")),
    }
  }
}"""


def _open(page: Page, serve_script: ServeScript) -> Watch:
    address = serve_script("live_plot_page.py")
    watch = Watch(page, address)
    page.goto(address)
    page.wait_for_function(f"() => Number(({_PLOT})()?.dataset.drawn ?? 0) >= 2", timeout=60_000)
    return watch


def test_node_is_kept_while_data_changes(page: Page, serve_script: ServeScript) -> None:
    """Over more than ten updates the chart's nodes are the same and its data is not."""
    watch = _open(page, serve_script)
    page.evaluate(_MARK)
    before = page.evaluate(_STATE)
    page.wait_for_function(f"() => Number(({_PLOT})().dataset.drawn) >= {before['drawn'] + 11}", timeout=60_000)
    after = page.evaluate(_STATE)
    assert after["mark"] == "kept"
    assert after["svgKept"]
    assert after["points"] >= before["points"] + 10
    assert after["alt"].startswith("A line of ")
    assert after["alt"] != before["alt"]
    assert after["titleInside"], "the axis title lies outside the chart: Plotly's rules do not reach the shadow root"
    assert watch.errors == []
    assert watch.foreign == []


def test_colours_follow_the_theme_and_the_width_follows_the_window(page: Page, serve_script: ServeScript) -> None:
    """The palette's shade is that of the theme on screen, and a narrower window gets a narrower chart."""
    page.emulate_media(color_scheme="dark")
    _open(page, serve_script)
    wide = page.evaluate(_STATE)
    assert wide["colour"] == "#ff8a3d"
    page.set_viewport_size({"width": 420, "height": 800})
    page.wait_for_function(f"() => ({_PLOT})().querySelector('.main-svg').clientWidth < {wide['width'] - 100}")


def test_a_grid_fits_the_width_that_it_has(page: Page, serve_script: ServeScript) -> None:
    """Intervals go on a line of their own, names are slanted, and texts are left out before any covers another."""
    page.set_viewport_size({"width": 1600, "height": 900})
    _open(page, serve_script)
    shown = {}
    for width in (1600, 700, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            f"width => {{ const grid = ({_GRID})(); return grid && grid.width <= width }}", arg=width
        )
        shown[width] = page.evaluate(_GRID)
    assert not any(grid["overlapping"] for grid in shown.values())
    assert (shown[1600]["cells"], shown[1600]["lines"], shown[1600]["slanted"]) == (12, 0, False)
    assert (shown[700]["cells"], shown[700]["lines"]) == (12, 24)
    assert (shown[390]["cells"], shown[390]["slanted"]) == (0, True)


def test_plotly_is_fetched_once(page: Page, serve_script: ServeScript) -> None:
    """Neither a rerun nor a reload of the page fetches Plotly's script again."""
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "plotly.min.js" in request.url else None)
    _open(page, serve_script)
    page.reload()
    page.wait_for_function(f"() => Number(({_PLOT})()?.dataset.drawn ?? 0) >= 3", timeout=60_000)
    assert len(fetched) == 1
