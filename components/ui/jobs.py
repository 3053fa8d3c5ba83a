"""Work that takes longer than a page may: a thread that never calls Streamlit, watched by a part of the page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from components.ui.text import duration
from engine.core.errors import AdaptLabError, CancelledError

PATIENCE_S = 0.8
"""So long the page waits for a job before it shows progress instead: most are done by then."""
REFRESH_S = 0.3

Work = Callable[[Callable[[float], None], threading.Event], Any]
"""Gets a function that takes the share done, 0 to 1, and an event that is set when it is to stop."""


class Job:
    """One piece of work in a thread of its own."""

    def __init__(self, work: Work) -> None:
        """Begin at once."""
        self.result: Any = None
        self.error: AdaptLabError | None = None
        self.fraction = 0.0
        self.stop = threading.Event()
        self._ended = threading.Event()
        self._started_s = time.monotonic()
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def _run(self, work: Work) -> None:
        try:
            self.result = work(self._tell, self.stop)
        except AdaptLabError as error:
            self.error = error
        except Exception as error:  # the thread's end: a fault of ours must reach the screen  # noqa: BLE001
            self.error = AdaptLabError(f"{type(error).__name__}: {error}", "Try again.")
        finally:
            self._ended.set()

    def _tell(self, fraction: float) -> None:
        self.fraction = fraction
        if self.stop.is_set():
            raise CancelledError("Stopped.", "Start it again when you like.")

    @property
    def done(self) -> bool:
        """Tell whether it has ended, well or not."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; tell whether it has ended."""
        return self._ended.wait(seconds)

    @property
    def left_s(self) -> float | None:
        """Estimate the seconds left; None while that is unknown."""
        if self.fraction < 0.02:
            return None
        return (time.monotonic() - self._started_s) * (1 - self.fraction) / self.fraction


def finished(job: Job, words: str) -> bool:
    """Wait a moment for a job; if it goes on, show its progress and a way to stop it, and return False.

    The page is drawn anew when the job has ended.
    """
    if job.wait(PATIENCE_S):
        return True
    st.fragment(_watch, run_every=REFRESH_S)(job, words)
    return False


def _watch(job: Job, words: str) -> None:
    if job.done:
        st.rerun()
    left = "" if job.left_s is None else f" · {duration(job.left_s)} left"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(job.fraction, 1.0), text=f"{words}{left}")
        st.button("Stop", key="stop_job", icon=":material/stop_circle:", on_click=job.stop.set)
