"""Slides are made for a projector: letters that are read from five metres, and a screen that is used to its foot."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import LONG_MS, Finished, fresh_page

# Every text in the slide, the replay and the chart, with its size in pixels, and how far down the drawn parts reach.
_SIZES = """() => {
  const found = {}
  let foot = 0
  const look = root => {
    for (const node of root.querySelectorAll("*")) {
      if (node.closest(".slide, .race, .plot")) {
        const box = node.getBoundingClientRect()
        if (box.height && getComputedStyle(node).visibility !== "hidden") foot = Math.max(foot, box.bottom)
        const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())
        if (own && box.height && !node.closest("select, style")) {
          const size = parseFloat(getComputedStyle(node).fontSize)
          const name = node.closest("svg") ? "chart" : (node.classList[0] ?? node.tagName)
          found[name] = Math.min(found[name] ?? 1e9, size)
        }
      }
      if (node.shadowRoot) look(node.shadowRoot)
    }
  }
  look(document)
  return { found, foot: foot / window.innerHeight }
}"""


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_slides_can_be_read_from_the_back(
    browser: Browser, finished: Finished, width: int, height: int, scheme: str
) -> None:
    """On each slide a headline has 60 px at 1080 lines, what is read 32, the rest 24; at 720 lines two thirds of that."""
    page = fresh_page(browser)
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(finished.page("present"))
    least = height / 1080
    for step in ("The task", "The variants", "Replay", "The tradeoff", "The verdict"):
        _wait_for(page, step)
        sizes = page.evaluate(_SIZES)
        found = sizes["found"]
        assert found["headline"] >= 60 * least, (step, found)
        reading = {name: size for name, size in found.items() if name in {"text", "said", "what", "name"}}
        assert all(size >= 32 * least for size in reading.values()), (step, reading)
        assert all(size >= 24 * least for size in found.values()), (step, found)
        assert 0.86 <= sizes["foot"] <= 1.02, (step, sizes["foot"])
        page.keyboard.press("ArrowRight")
    page.context.close()


def _wait_for(page: Page, step: str) -> None:
    """Wait until this slide is drawn, its chart or replay too."""
    page.wait_for_function(
        """step => {
          const all = (root, name) => [...root.querySelectorAll("*")].flatMap(node =>
            [...(node.matches(name) ? [node] : []), ...(node.shadowRoot ? all(node.shadowRoot, name) : [])])
          const kicker = all(document, ".kicker")
          if (kicker.length !== 1 || !kicker[0].textContent.startsWith(step)) return false
          if (step === "Replay") return all(document, ".track").length > 0
          if (step === "The tradeoff") return all(document, ".plot[data-drawn]").length === 1
          return true
        }""",
        arg=step,
        timeout=LONG_MS,
    )
