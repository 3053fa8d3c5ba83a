"""How often a tab draws a run under way: the more tabs watch, the more seldom each, so that the run is not slowed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import uuid4

import streamlit as st

from components.ui import state

FREE = 2
"""So many tabs draw as often as one alone."""
MOST = 16
"""No tab draws more than so many times seldomer: each eight seconds."""
KEPT_S = 30.0
"""A tab that has not drawn for so long is closed: three times the longest interval and some seconds."""


class Watching:
    """Which tabs have drawn a run of late. Shared by all tabs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a tab; `clock` tells seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._drawn_at_s: dict[str, float] = {}

    def slower(self, tab: str) -> int:
        """Note that a tab draws, and return how many times seldomer than alone: 1, 2, 4 ... `MOST` as tabs double."""
        now_s = self._clock()
        with self._lock:
            self._drawn_at_s[tab] = now_s
            self._drawn_at_s = {one: at_s for one, at_s in self._drawn_at_s.items() if now_s - at_s < KEPT_S}
            tabs = len(self._drawn_at_s)
        slower = 1
        while tabs > FREE * slower and slower < MOST:
            slower *= 2
        return slower


_WATCHING = Watching()


def slower() -> int:
    """Return how many times seldomer this tab draws a run than a tab alone would."""
    return _WATCHING.slower(st.session_state.setdefault(state.TAB, uuid4().hex))
