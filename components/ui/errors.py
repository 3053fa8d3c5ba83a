"""How an error is shown: what happened, and the fix."""

from __future__ import annotations

import streamlit as st

from components.ui.text import plain
from engine.core.errors import AdaptLabError


def fault(error: AdaptLabError) -> None:
    """Say what went wrong and how to fix it."""
    st.error(f"{plain(error.what)}  \n{plain(error.fix)}" if error.fix else plain(error.what))
