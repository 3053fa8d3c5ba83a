"""Keys of servers: taken from the environment or from Streamlit's secrets at each use, and kept nowhere.

A key is never stored, logged or exported, and is cut out of whatever a server says before anyone sees it.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Never
from urllib.parse import quote

SECRETS = Path(".streamlit") / "secrets.toml"
_SHORTEST = 8
"""Shorter texts than this are not keys, and cutting them out would damage the words of answers."""
_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|gsk|xai|hf|pk|key)[-_][A-Za-z0-9*._-]{6,}")


class Key:
    """A key that only the client that sends it can see."""

    __slots__ = ("_forms", "_value")

    def __init__(self, value: str) -> None:
        """Take the key; empty if there is none."""
        self._value = value
        self._forms = _forms_of(value) if len(value) >= _SHORTEST else ()

    def __bool__(self) -> bool:
        """Tell whether there is one."""
        return bool(self._value)

    def __repr__(self) -> str:
        """Show only that there is one."""
        return "Key(set)" if self._value else "Key(none)"

    def __reduce__(self) -> Never:
        """Refuse to be pickled: a key goes into no file and to no other process."""
        raise TypeError("a key cannot be pickled")

    def reveal(self) -> str:
        """Return the key itself, only for the client's header."""
        return self._value

    def cut(self, text: str) -> str:
        """Return a text without this key: as it is, or in percent, JSON, HTML, base64 or hexadecimal form."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, "[key]")
        return text

    def begun(self, text: str) -> int:
        """Return how many characters at the end of a text may be the beginning of this key, in any of its forms."""
        return max((_overlap(text, form) for form in self._forms), default=0)

    def redact(self, text: str) -> str:
        """Return a text without this key and without anything that looks like one."""
        return _LOOKS_LIKE_A_KEY.sub("[key]", self.cut(text))


def _forms_of(value: str) -> tuple[str, ...]:
    """Return the key as servers may repeat it, the longest first, so that no part of one form is left over."""
    raw = value.encode("utf-8", "replace")
    forms = {value, quote(value, safe=""), json.dumps(value)[1:-1], html.escape(value), raw.hex(), raw.hex().upper()}
    for before in range(3):  # in base64 a text looks different after 0, 1 or 2 other bytes
        encoded = base64.b64encode(bytes(before) + raw).decode()
        cut_off = (0, 3, 2)[(before + len(raw)) % 3]
        own = encoded[(0, 2, 3)[before] : len(encoded) - cut_off]
        forms |= {own, own.replace("+", "-").replace("/", "_")}
    return tuple(sorted((form for form in forms if len(form) >= _SHORTEST), key=lambda form: (-len(form), form)))


def _overlap(text: str, form: str) -> int:
    """Return the length of the longest end of a text with which a form begins, without being whole."""
    for size in range(min(len(text), len(form) - 1), 0, -1):
        if text[-size] == form[0] and text.endswith(form[:size]):
            return size
    return 0


def variable_for(server: str) -> str:
    """Name the environment variable, or secret, that holds a server's key: `my-box` has `MY_BOX_API_KEY`."""
    return re.sub(r"[^A-Z0-9]+", "_", server.upper()).strip("_") + "_API_KEY"


def key_for(server: str) -> Key:
    """Find the key of a server: the environment first, then `.streamlit/secrets.toml` here or in the home folder."""
    name = variable_for(server)
    found = os.environ.get(name, "").strip()
    for path in (SECRETS, Path.home() / SECRETS):
        if found:
            break
        try:
            secrets = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        value = secrets.get(name)
        found = value.strip() if isinstance(value, str) else ""
    return Key(found)
