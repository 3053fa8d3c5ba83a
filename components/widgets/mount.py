"""Mounts the custom components drawn by JavaScript: one folder each, with its HTML, CSS and script."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def mount(name: str, *, registered: str = "", parts: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Return the component with this name, to be called with `key`, `data` and callbacks.

    Args:
        name: the component's folder; its files have the same name.
        registered: the name under which it was registered with its assets, if it has any.
        parts: folders whose script and style it shares with other components; they come before its own.
    """
    component: Callable[..., Any] = st.components.v2.component(
        registered or f"adaptlab_{name}",
        html=_read(f"{name}/{name}.html"),
        css="".join(_read(f"{part}/{part}.css") for part in (*parts, name)),
        js="".join(_read(path) for path in ("shared.js", *(f"{part}/{part}.js" for part in (*parts, name)))),
    )
    return component


@cache
def _read(path: str) -> str:
    return (_FOLDER / path).read_text(encoding="utf-8")
