"""The frame of every page: the logo above the menu, and facts about this machine below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from components.ui import state
from components.ui.text import plain
from engine.metrics import wording as say

_DOTS = (
    '<circle cx="7" cy="15.5" r="4.6" fill="#0072b2"/><circle cx="17.5" cy="15.5" r="4.6" fill="#d55e00"/>'
    '<circle cx="12.2" cy="7" r="4.6" fill="#009e73"/>'
)
ICON = f'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">{_DOTS}</svg>'
"""Three dots in the palette's colours. Not a Material icon: as a page icon that would be fetched from a font server."""
_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="140" height="24" viewBox="0 0 140 24">{dots}'
    '<text x="32" y="18" font-family="system-ui, DejaVu Sans, sans-serif" font-size="17" font-weight="650" '
    'fill="{ink}">Adapt Lab</text></svg>'
)


DIRECTIONS = (
    '<style>[data-testid="stText"] > span, [data-testid="stCode"] code, '
    '[data-testid="stAlert"] p, [data-testid="stCaptionContainer"] p, textarea, input[type="text"] '
    "{ unicode-bidi: plaintext; text-align: start; } "
    '[data-testid="stText"] > span { flex: auto; } [data-testid="stCode"] code { display: block; }</style>'
)
"""What dir="auto" does, for texts that Streamlit draws: each paragraph runs as its first letter does.

A text takes the whole width that it has, since it could not begin at the right end otherwise.
"""


def leave_out(pages: Mapping[str, Sequence[Any]]) -> None:
    """Show neither menu nor sidebar: the page uses the whole screen."""
    st.set_page_config(initial_sidebar_state="collapsed")
    st.html(DIRECTIONS)
    st.navigation(pages, position="hidden")


def show() -> None:
    """Show the logo and the foot of the sidebar."""
    ink = "#e9edf2" if st.context.theme.type == "dark" else "#1b1f24"
    st.logo(_LOGO.format(dots=_DOTS, ink=ink), icon_image=ICON, size="medium")
    st.html(DIRECTIONS)
    machine = state.lab().machine()
    with st.sidebar:
        st.caption(f"{machine.cores} cores · {plain(say.size(machine.memory_bytes))}  \n{_where_inputs_go()}")


def _where_inputs_go() -> str:
    """Say whether inputs leave this machine, for the model of the current run, else for the chosen model."""
    lab = state.lab()
    running = lab.runs.current_id()
    model_id = lab.results.plan(running).model_id if running else st.session_state.get(state.MODEL)
    host = lab.models.sends_rows_to(model_id) if model_id else ""
    return f"Inputs are sent to  \n{plain(host)}" if host else "Nothing leaves  \nthis machine"
