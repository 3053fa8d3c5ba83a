"""Journeys through the other screens, in real Chromium: first visit, playground, training, presentation."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Finished, Server, Watch, open_page
from tests.browser.setting_up import choose

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

_LONG_MS = 120_000
_ANSWER = re.compile("^Answer")
_INSIDE = """name => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
  .flatMap(host => [...(host.shadowRoot?.querySelectorAll(name) ?? [])])"""


def _texts(page: Page, name: str, *, count: int) -> list[str]:
    """Return the texts of so many nodes of our own components, once they are there."""
    page.wait_for_function(f"([name, count]) => ({_INSIDE})(name).length === count", arg=[name, count])
    found: list[str] = page.evaluate(f"name => ({_INSIDE})(name).map(node => node.textContent)", name)
    return found


def test_first_visit_to_result_with_one_click(page: Page, stand_in: str) -> None:
    """From the bare address one click starts a comparison, and its end names the best on quality, latency and cost.

    Who comes first by a link to a page gets that page, with no word of it not existing.
    """
    watch = Watch(page, stand_in)
    page.goto(f"{stand_in}/models")
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible(timeout=_LONG_MS)
    page.wait_for_timeout(500)
    assert page.get_by_role("dialog").count() == 0
    page.goto(stand_in)
    page.get_by_role("button", name="Start the comparison").click(timeout=_LONG_MS)
    expect(page.get_by_test_id("stMain").get_by_role("button", name="Stop")).to_be_visible(timeout=_LONG_MS)
    expect(page.get_by_text(re.compile(r"^Done"))).to_be_visible(timeout=_LONG_MS)
    for count in ("Best quality", "Fastest", "Cheapest"):
        expect(page.get_by_text(count, exact=True)).to_be_visible()
    assert watch.errors == []
    assert watch.foreign == []


def test_playground_answers_and_shows_a_change(page: Page, serve: Server) -> None:
    """A row is answered by several variants at once; edited instructions are answered again and set against it.

    One click, or Ctrl+Enter in the field, answers what was typed just before; the answer leads its card.
    """
    address = serve(ADAPTLAB_SCRIPTED="1", ADAPTLAB_SCRIPTED_PACE_S="0.02")
    watch = Watch(page, address)
    open_page(page, address, "Playground")
    choose(page, "Model", "Scripted")
    for name in ("RAG", "Classifier"):
        page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("combobox", name="Choose a row of the task").click()
    page.get_by_role("option").nth(2).click()
    answer = page.get_by_role("button", name=_ANSWER)
    answer.click(timeout=_LONG_MS)
    expect(page.get_by_text("Answered", exact=True)).to_be_visible(timeout=_LONG_MS)
    assert _texts(page, ".lane .name", count=2) == ["Zero-shot", "Few-shot"]
    assert all(re.match(r"\d", text) for text in _texts(page, ".lane .value", count=2))
    page.evaluate(f"() => {{ window.lanes = ({_INSIDE})('.lane') }}")
    page.get_by_text("Change the instructions").click()
    instructions = page.get_by_role("textbox", name="Instructions")
    instructions.fill("Name the desk. Nothing else.")
    instructions.press("Tab")
    expect(page.get_by_text("Earlier answers")).to_be_visible(timeout=_LONG_MS)
    expect(page.get_by_role("button", name="Back to the task's own")).to_be_visible(timeout=_LONG_MS)
    answer.click()
    expect(page.get_by_role("heading", name="What changed")).to_be_visible(timeout=_LONG_MS)
    expect(page.get_by_text(re.compile("Changed since the previous question: the instructions"))).to_be_visible()
    assert page.evaluate(f"() => ({_INSIDE})('.lane').every((node, place) => node === window.lanes[place])")
    text = page.get_by_role("textbox", name="Input")
    text.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("Where is my parcel?")
    answer.click()
    expect(page.get_by_test_id("stCode").filter(has_text="Where is my parcel?").first).to_be_attached(timeout=_LONG_MS)
    expect(page.get_by_text("Answered", exact=True)).to_be_visible(timeout=_LONG_MS)
    text.click()
    page.keyboard.press("End")
    page.keyboard.type(" Order 7")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("stCode").filter(has_text="parcel? Order 7").first).to_be_attached(timeout=_LONG_MS)
    expect(page.get_by_text("Answered", exact=True)).to_be_visible(timeout=_LONG_MS)
    order = page.evaluate(f"() => ({_INSIDE})('.lane')[0].textContent")
    assert order.index("label") < order.index("first word")
    sizes = page.evaluate(
        f"() => ['.text', '.value', '.figure'].map(name => parseFloat(getComputedStyle(({_INSIDE})(name)[0]).fontSize))"
    )
    assert sizes[0] > max(sizes[1:])
    assert watch.errors == []
    assert watch.foreign == []


def test_train_on_the_page_compare_and_delete(page: Page, stand_in: str) -> None:
    """A training is started, watched and kept; its weights open by themselves, and can be exported and deleted."""
    page.set_viewport_size({"width": 1280, "height": 1200})  # a list that opens closes again when the page scrolls
    open_page(page, stand_in, "Train")
    page.get_by_role("button", name="Train", exact=True).click(timeout=_LONG_MS)
    expect(page.get_by_text(re.compile("^Trained, tested and saved"))).to_be_visible(timeout=_LONG_MS)
    for title in ("Before", "After"):  # the new weights are open
        expect(page.get_by_test_id("stMetricLabel").filter(has_text=title)).to_be_visible(timeout=_LONG_MS)
    with page.expect_download(timeout=_LONG_MS) as download:
        page.get_by_role("button", name="Ollama Modelfile").click()
    assert re.fullmatch(r"tickets-50-rows-\d{4}-\d\d-\d\d-ollama\.zip", download.value.suggested_filename)
    assert b"FROM memory.gguf" in download.value.path().read_bytes()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete them").click()
    expect(page.get_by_text("None yet.", exact=False)).to_be_visible(timeout=_LONG_MS)


def test_a_presentation_by_keys_alone(page: Page, finished: Finished) -> None:
    """A finished run is walked through with the arrow keys: five steps, a race that runs, no menu, and back again."""
    watch = Watch(page, finished.address)
    page.goto(finished.page("run"))
    page.get_by_role("button", name="Present").click(timeout=_LONG_MS)
    for number, step in enumerate(("The task", "The variants", "Replay", "The tradeoff", "The verdict"), start=1):
        page.wait_for_function(
            f"([name, step]) => ({_INSIDE})(name).some(node => node.textContent.startsWith(step))",
            arg=[".kicker", step],
            timeout=_LONG_MS,
        )
        assert page.get_by_test_id("stSidebarNav").count() == 0
        if number == 3:
            page.wait_for_function(
                f"name => ({_INSIDE})(name).some(node => parseFloat(node.style.width) > 1)",
                arg=".done",
                timeout=_LONG_MS,
            )
        if number < 5:
            page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="New comparison")).to_be_visible(timeout=_LONG_MS)
    assert watch.errors == []
    assert watch.foreign == []
