"""How an error is shown: what happened, and the fix."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from components.ui.text import plain
from engine.core.errors import AdaptLabError

Given = ParamSpec("Given")


def faults_told(part: Callable[Given, None]) -> Callable[Given, None]:
    """Have a part of a page that is drawn again by itself say what went wrong, such as a run deleted in another tab."""

    @wraps(part)
    def drawn(*given: Given.args, **named: Given.kwargs) -> None:
        try:
            part(*given, **named)
        except AdaptLabError as error:
            fault(error)

    return drawn


def fault(error: AdaptLabError) -> None:
    """Say what went wrong and how to fix it."""
    st.error(f"{plain(error.what)}  \n{plain(error.fix)}" if error.fix else plain(error.what))
