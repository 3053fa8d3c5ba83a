"""Has Streamlit send all that a run of a page has drawn, however busy the machine is. Seen with Streamlit 1.67.0.

When a fragment runs again, Streamlit drops what the same fragment drew before and what has not been sent yet. Where
that was part of a run of the whole page, the browser then gets the page's other elements without the ones they stand
behind, or a child without its parent: elements vanish or come twice, or the page goes white ("Bad delta path index").
On a busy machine a fragment that runs every half second does this.

A run of the whole page that has ended while its last messages still wait to be looked at is taken for one that was
replaced, if a fragment asks to run again just then: the messages are dropped. Where the one that has a fragment run
again was among them, that fragment stands still from then on.
"""

from __future__ import annotations

import time

from streamlit.runtime import app_session
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import RerunData

AGAIN_S = 0.01
LONGEST_S = 5.0
"""A run that ended says so within this time, even on a busy machine; after it the next one begins all the same."""


class WholeQueue(ForwardMsgQueue):
    """Streamlit's queue of messages to a browser, which loses nothing when a fragment runs again."""

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        """Clear the queue, but not for the run of a fragment: what it draws is put behind all that waits."""
        if fragment_ids_this_run:
            self._delta_index_map = {}  # or a new element would take the place of an old one, before its run has begun
        else:
            super().clear(retain_lifecycle_msgs, fragment_ids_this_run)


_begin_at_once = AppSession._create_scriptrunner  # noqa: SLF001 - there is no other place to wait


def begin_when_sent(session: AppSession, asked: RerunData) -> None:
    """Begin a run once all that the run before it has drawn is on its way."""
    if asked.fragment_id:
        _wait(session, asked, time.monotonic() + LONGEST_S, _whole_runs(session))
    else:
        session.adapt_lab_whole_runs = _whole_runs(session) + 1  # type: ignore[attr-defined]
        _begin_at_once(session, asked)


def _whole_runs(session: AppSession) -> int:
    """Return how many runs of the whole page a session has begun."""
    return int(getattr(session, "adapt_lab_whole_runs", 0))


def _wait(session: AppSession, asked: RerunData, until_s: float, whole_runs: int) -> None:
    if session._state is AppSessionState.SHUTDOWN_REQUESTED:  # noqa: SLF001
        return
    if _whole_runs(session) > whole_runs:
        return  # the page was asked for meanwhile, which draws the fragment, too, by newer states of its widgets
    before = session._scriptrunner  # noqa: SLF001 - None once its last message was looked at
    if before is None or time.monotonic() > until_s:
        if session.has_fragment(str(asked.fragment_id)):
            _begin_at_once(session, asked)
    elif not before.request_rerun(asked):
        session._event_loop.call_later(AGAIN_S, _wait, session, asked, until_s, whole_runs)  # noqa: SLF001


def send_whole() -> None:
    """Give the sessions that begin from now on such a queue, and have them wait so."""
    app_session.ForwardMsgQueue = WholeQueue  # type: ignore[attr-defined, misc]
    AppSession._create_scriptrunner = begin_when_sent  # type: ignore[assignment, method-assign]  # noqa: SLF001
