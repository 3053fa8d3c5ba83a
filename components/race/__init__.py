"""A finished run as a race: every lane on its own clock, replayed in the browser from the recorded seconds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def race(view: Mapping[str, Any], *, key: str) -> None:
    """Show the race that `components.race_view.race_view` made."""
    mount = st.components.v2.component("adaptlab_race", html=_read("html"), css=_read("css"), js=_read("js"))
    mount(key=key, data=dict(view))


@cache
def _read(suffix: str) -> str:
    return (_FOLDER / f"race.{suffix}").read_text(encoding="utf-8")
