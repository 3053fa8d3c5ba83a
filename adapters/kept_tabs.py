"""The tabs whose connection broke off and that may still come back: few, and for a while.

Streamlit keeps 128 of them, and one that has waited in vain stays until another tab is closed, with all that its pages
hold and an event loop of three file handles. Seen with Streamlit 1.67.0.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from streamlit.runtime import memory_session_storage
from streamlit.runtime.session_manager import SessionInfo, SessionStorage

MOST, KEPT_S = 8, 120
_LOG = logging.getLogger(__name__)


class KeptTabs(SessionStorage):
    """Streamlit's sessions without a connection, by id. For one thread, that of the server's event loop."""

    def __init__(self, *, most: int = MOST, kept_s: float = KEPT_S) -> None:
        """Keep so many, each so long."""
        self._most, self.kept_s = most, kept_s
        self._kept: dict[str, tuple[float, SessionInfo]] = {}

    def get(self, session_id: str) -> SessionInfo | None:
        """Return a session, unless it has waited too long."""
        self.end_old()
        found = self._kept.get(session_id)
        return None if found is None else found[1]

    def save(self, session_info: SessionInfo) -> None:
        """Keep a session; the one that has waited longest is ended where there are too many."""
        self.delete(session_info.session.id)
        self._kept[session_info.session.id] = (time.monotonic() + self.kept_s, session_info)
        self.end_old()
        while len(self._kept) > self._most:
            self._end(next(iter(self._kept)))

    def delete(self, session_id: str) -> None:
        """Let go of a session that has come back, or that is ended elsewhere."""
        self._kept.pop(session_id, None)

    def list(self) -> list[SessionInfo]:
        """Return all that may come back."""
        self.end_old()
        return [info for _, info in self._kept.values()]

    def end_old(self) -> None:
        """End those that have waited too long."""
        now = time.monotonic()
        for session_id in [one for one, (until, _) in self._kept.items() if until <= now]:
            self._end(session_id)

    def _end(self, session_id: str) -> None:
        _, info = self._kept.pop(session_id)
        try:
            info.session.shutdown()
        except Exception:  # whatever a page clears up: the others are to be ended, too  # noqa: BLE001
            _LOG.exception("A closed tab could not be ended.")


def keep_tabs(kept: KeptTabs) -> None:
    """Have the server that is made next keep its tabs here."""

    def storage(*, ttl_seconds: float = KEPT_S, **_options: Any) -> KeptTabs:  # of server.disconnectedSessionTTL
        kept.kept_s = ttl_seconds
        return kept

    memory_session_storage.MemorySessionStorage = storage  # type: ignore[assignment, misc]
