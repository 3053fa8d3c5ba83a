"""Keys of servers: taken from the environment or from Streamlit's secrets at each use, and kept nowhere.

A key is never stored, logged or exported, and is cut out of whatever a server says before anyone sees it.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Never

SECRETS = Path(".streamlit") / "secrets.toml"
_SHORTEST = 4
"""Shorter texts than this are not keys, and cutting them out would damage ordinary words."""
_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|gsk|xai|hf|pk|key)[-_][A-Za-z0-9*._-]{6,}")


class Key:
    """A key that only the client that sends it can see."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Take the key; empty if there is none."""
        self._value = value

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

    def redact(self, text: str) -> str:
        """Return a text without this key and without anything that looks like one."""
        if len(self._value) >= _SHORTEST:
            text = text.replace(self._value, "[key]")
        return _LOOKS_LIKE_A_KEY.sub("[key]", text)


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
