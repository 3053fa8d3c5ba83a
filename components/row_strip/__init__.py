"""The last rows of a run as a strip: full is right, an outline is wrong, hatched failed. A column opens its row."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def row_strip(view: dict[str, Any], *, key: str) -> str | None:
    """Show the strip that `components.lane_view.strip_view` made; return the example id just clicked, if any."""
    mount = st.components.v2.component("adaptlab_row_strip", html=_read("html"), css=_read("css"), js=_read("js"))
    result = mount(key=key, data=view, on_row_change=lambda: None)
    clicked = result.row
    return clicked if isinstance(clicked, str) else None


@cache
def _read(suffix: str) -> str:
    return (_FOLDER / f"row_strip.{suffix}").read_text(encoding="utf-8")
