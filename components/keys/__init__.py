"""Keys that move a presentation, and the button for the whole screen. Tells the key that was pressed, once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent


def keys(listened: dict[str, str], *, hint: str, key: str) -> str | None:
    """Listen to keys; return what the one just pressed stands for.

    Args:
        listened: by the browser's name of a key (`ArrowRight`, `Home`) what it stands for.
        hint: what the keys do, in a line.
        key: keeps the node between reruns.
    """
    mount = st.components.v2.component("adaptlab_keys", html=_read("html"), css=_read("css"), js=_read("js"))
    result = mount(key=key, data={"listened": listened, "hint": hint}, on_pressed_change=lambda: None)
    pressed = result.pressed
    return pressed if isinstance(pressed, str) else None


@cache
def _read(suffix: str) -> str:
    return (_FOLDER / f"keys.{suffix}").read_text(encoding="utf-8")
