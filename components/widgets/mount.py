"""Mounts the custom components drawn by JavaScript: one folder each, with its HTML, CSS and script."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def mount(name: str, *, registered: str = "") -> Callable[..., Any]:
    """Return the component with this name, to be called with `key`, `data` and callbacks.

    Args:
        name: the component's folder; its files have the same name.
        registered: the name under which it was registered with its assets, if it has any.
    """
    part: Callable[..., Any] = st.components.v2.component(
        registered or f"adaptlab_{name}", html=_read(name, "html"), css=_read(name, "css"), js=_read(name, "js")
    )
    return part


@cache
def _read(name: str, suffix: str) -> str:
    return (_FOLDER / name / f"{name}.{suffix}").read_text(encoding="utf-8")
