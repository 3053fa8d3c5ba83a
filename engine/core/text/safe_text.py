"""Untrusted text made safe to show, or to name a file or a task by. Pure functions."""

from __future__ import annotations

import re
import unicodedata

_KEPT = {"\n", "\t"}
_SHOWN_CATEGORIES = {"Cc", "Cf", "Co", "Cs"}
FORMULA = r"^\s*[=+\-@\t\r\n]"
"""How a cell begins that a spreadsheet would take for a formula (OWASP, CSV injection)."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")


def visible(text: str) -> str:
    """Make control and direction-changing characters visible; keep line breaks and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(sign) for sign in text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return a text as one line in which control and direction characters have no effect."""
    return " ".join(visible(text).split())


def no_markdown(text: str) -> str:
    """Escape a text, already made visible, as one line of Markdown that is never interpreted, also inside a table."""
    return _MARKDOWN.sub(r"\\\1", text.replace("\n", " "))


def _shown(sign: str) -> str:
    if sign in _KEPT or unicodedata.category(sign) not in _SHOWN_CATEGORIES:
        return sign
    code = ord(sign)
    if code < 0x20:
        return chr(0x2400 + code)
    return sign if sign in "\u200c\u200d" else f"[U+{code:04X}]"


def slug(text: str) -> str:
    """Return a name that is valid as a task's id and in a file's name: lower-case letters, digits, single hyphens."""
    letters = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in text.lower())
    return "-".join(part for part in letters.split("-") if part)[:60].strip("-") or "table"
