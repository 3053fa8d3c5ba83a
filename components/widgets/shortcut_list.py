"""The keys that do something, in one list for every page."""

from __future__ import annotations

import streamlit as st

from components.widgets.mount import mount

SHORTCUTS = (
    ("Every page", (("?", "Show or close this list"), ("Esc", "Close a dialog or a menu"))),
    ("Playground", (("Ctrl+Enter", "Answer the input"),)),
    ("Tables", (("Ctrl+F", "Search in the table that was clicked"), ("Ctrl+C", "Copy the selected cells"))),
    (
        "Present",
        (
            ("→ PageDown n", "Next step"),
            ("← PageUp p", "Previous step"),
            ("1 to 5", "Go to a step"),
            ("Home End", "First or last step"),
            ("Esc", "Exit"),
        ),
    ),
)
"""By place: the keys as they are written on them, and what they do."""


def shortcuts(*, key: str, in_sidebar: bool = False) -> None:
    """Show the list when `?` is pressed outside a field.

    Args:
        key: keeps the node between reruns.
        in_sidebar: whether there is a button as well, in the sidebar.
    """
    groups = [{"title": title, "keys": [list(line) for line in lines]} for title, lines in SHORTCUTS]
    with st.sidebar if in_sidebar else st.container():
        mount("shortcuts")(key=key, data={"groups": groups, "button": in_sidebar})
