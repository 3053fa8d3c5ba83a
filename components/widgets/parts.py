"""Custom components drawn by JavaScript: lanes, rows, slides, the replay, keys, scrolling.

Each is updated in place, and every string is inserted as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.widgets.mount import mount

_LANE_PARTS = ("lane_parts",)


def variant_lanes(views: Sequence[dict[str, Any]], *, key: str) -> None:
    """Show the lanes of a run, one line per variant that opens, as `components.ui.lane_view.lane_views` made them."""
    mount("variant_lanes", parts=_LANE_PARTS)(key=key, data={"lanes": list(views)})


def lanes(views: Sequence[dict[str, Any]], *, key: str) -> None:
    """Show the Playground's answers, one card per variant, as `components.playground.view.play_views` made them."""
    mount("lanes", parts=_LANE_PARTS)(key=key, data={"lanes": list(views)})


def row_strip(view: dict[str, Any], *, key: str) -> str | None:
    """Show the last rows: filled is right, outlined is wrong, hatched failed. Return the example id just clicked."""
    result = mount("row_strip")(key=key, data=view, on_row_change=lambda: None)
    clicked = result.row
    return clicked if isinstance(clicked, str) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class GridPress:
    """What was just pressed in the grid of rows, once."""

    opened: int | None
    """The place of the row to open."""
    closed: bool
    """The open row is to be closed."""


def row_grid(rows: str, *, title: str, asked: int | None, key: str) -> GridPress:
    """Show rows and variants, as `engine.analysis.row_grid` made them; only the rows in view are in the page.

    Args:
        rows: what `grid_data` returns, as JSON: one text for all tabs that show the same rows, where 10,000 objects
            would be written out and hashed at each draw.
        title: what the grid is, for screen readers.
        asked: the place of a row to go to, or None.
        key: keeps the node, its scroll position and the chosen row between reruns.
    """
    data = {"rows": rows, "title": title, "asked": asked}
    result = mount("row_grid")(key=key, data=data, on_opened_change=lambda: None, on_closed_change=lambda: None)
    opened = result.opened
    return GridPress(opened=opened if isinstance(opened, int) else None, closed=bool(result.closed))


def slide(view: Mapping[str, Any], *, key: str) -> None:
    """Show one slide in large type, as `components.present.slides` made it."""
    mount("slide")(key=key, data=dict(view))


def race(view: Mapping[str, Any], *, key: str) -> None:
    """Replay a finished run from its recorded seconds, every lane on its own clock."""
    mount("race")(key=key, data=dict(view))


def scroll_top(step: int, *, key: str) -> None:
    """Scroll the page to its top whenever the step is another one than before."""
    mount("scroll_top")(key=key, data={"step": step})


def keys(listened: dict[str, str], *, hint: str, key: str) -> str | None:
    """Listen to keys, and show the button for full screen; return the meaning of the key just pressed, once.

    Args:
        listened: the meaning of each key, by the browser's name of the key (`ArrowRight`, `Home`).
        hint: what the keys do, in a line.
        key: keeps the node between reruns.
    """
    result = mount("keys")(key=key, data={"listened": listened, "hint": hint}, on_pressed_change=lambda: None)
    pressed = result.pressed
    return pressed if isinstance(pressed, str) else None
