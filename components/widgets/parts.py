"""Custom components drawn by JavaScript: lanes, the strip of rows, slides, the replay, keys, scrolling.

Each is updated in place, and every string is inserted as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.widgets.mount import mount


def variant_lanes(views: Sequence[dict[str, Any]], *, key: str) -> None:
    """Show the lanes of a run, one line per variant that opens, as `components.ui.lane_view.lane_views` made them."""
    mount("variant_lanes")(key=key, data={"lanes": list(views)})


def lanes(views: Sequence[dict[str, Any]], *, key: str) -> None:
    """Show the Playground's answers, one card per variant, as `components.playground.view.play_views` made them."""
    mount("lanes")(key=key, data={"lanes": list(views)})


def row_strip(view: dict[str, Any], *, key: str) -> str | None:
    """Show the last rows: filled is right, outlined is wrong, hatched failed. Return the example id just clicked."""
    result = mount("row_strip")(key=key, data=view, on_row_change=lambda: None)
    clicked = result.row
    return clicked if isinstance(clicked, str) else None


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
