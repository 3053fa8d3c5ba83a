"""The servers that the user entered: name and address, nothing else, in one small file of the home folder."""

from __future__ import annotations

import os
import re
import threading
import tomllib
from pathlib import Path

import tomli_w

from adapters.models.remote.address import checked_url
from adapters.storage.files import write_whole
from engine.core.errors import UsageError, unknown_name

FROM_ENVIRONMENT = "openai"
"""The name of the server that `OPENAI_BASE_URL` gives; its key is then `OPENAI_API_KEY`."""
_TAKEN = {"ollama", "scripted"}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class ServerBook:
    """Names and addresses of OpenAI-compatible servers."""

    def __init__(self, path: Path) -> None:
        """Keep them in this TOML file, which is made with the first one."""
        self._path = path
        self._lock = threading.Lock()

    def servers(self) -> dict[str, str]:
        """Return addresses by name, as they were entered: those of the file, and that of `OPENAI_BASE_URL`."""
        found = self._read()
        url = os.environ.get("OPENAI_BASE_URL", "").strip()
        if url:
            found[FROM_ENVIRONMENT] = url
        return found

    def add(self, name: str, url: str) -> None:
        """Keep a server, replacing an older one of the same name.

        Raises:
            UsageError: a name or an address that cannot be kept.
        """
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise UsageError(
                f"'{name[:40]}' cannot name a server.", "Use lower-case letters, digits and '-'; 'ollama' is taken."
            )
        checked = checked_url(url)
        with self._lock:
            self._write({**self._read(), name: checked})

    def remove(self, name: str) -> None:
        """Forget a server.

        Raises:
            UsageError: there is none of this name in the file.
        """
        with self._lock:
            kept = self._read()
            if name not in kept:
                raise unknown_name("server", name, kept)
            del kept[name]
            self._write(kept)

    def _read(self) -> dict[str, str]:
        try:
            data = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        servers = data.get("servers")
        if not isinstance(servers, dict):
            return {}
        return {name: url for name, url in servers.items() if isinstance(url, str) and _NAME.fullmatch(name)}

    def _write(self, servers: dict[str, str]) -> None:
        write_whole(self._path, tomli_w.dumps({"servers": servers}).encode())
