"""The lanes of a run: one card per variant, updated in place, every string put in as text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def lanes(views: Sequence[dict[str, Any]], *, key: str) -> None:
    """Show the lanes that `components.lane_view.lane_views` made."""
    mount = st.components.v2.component("adaptlab_lanes", html=_read("html"), css=_read("css"), js=_read("js"))
    mount(key=key, data={"lanes": list(views)})


@cache
def _read(suffix: str) -> str:
    return (_FOLDER / f"lanes.{suffix}").read_text(encoding="utf-8")
