"""One slide of a presentation in large type. Every string is put in as text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def slide(view: Mapping[str, Any], *, key: str) -> None:
    """Show a slide that `components.slides` made."""
    mount = st.components.v2.component("adaptlab_slide", html=_read("html"), css=_read("css"), js=_read("js"))
    mount(key=key, data=dict(view))


@cache
def _read(suffix: str) -> str:
    return (_FOLDER / f"slide.{suffix}").read_text(encoding="utf-8")
