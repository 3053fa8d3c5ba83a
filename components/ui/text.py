"""Untrusted text as it is shown on screen. Pure functions.

Text from models, tables and files is shown, never interpreted: control characters, terminal escapes and
bidirectional overrides become visible, and Markdown's special characters are escaped where Streamlit would interpret
them. `engine.metrics.wording` defines how numbers are written.
"""

from __future__ import annotations

import re

from engine.core.text import safe_text

_LINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
"""Inside what Markdown makes a link of although its characters are escaped: `http://…`, `www.…`, e-mail addresses."""
WORD_JOINER = "\u2060"
"""Has no width and allows no line break."""
_FORMULA = re.compile(safe_text.FORMULA)

visible = safe_text.visible


def inert(text: str) -> str:
    """Return a cell for a table on screen, which the browser can save as CSV: no spreadsheet takes it for a formula."""
    shown = visible(text)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def plain(text: str) -> str:
    """Escape text for the places where Streamlit reads Markdown: labels, titles, captions. Nothing becomes a link."""
    return safe_text.no_markdown(_LINK.sub(WORD_JOINER, visible(text)))
