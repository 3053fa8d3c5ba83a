"""Has Streamlit send all that a run of a page has drawn, however busy the machine is.

When a fragment runs again, Streamlit drops what the same fragment drew before and what has not been sent yet. Where
that was part of a run of the whole page, the browser then gets the page's other elements without the ones they stand
behind, or a child without its parent: elements vanish or come twice, or the page goes white ("Bad delta path index").
On a busy machine a fragment that runs every half second does this. Seen with Streamlit 1.67.0.
"""

from __future__ import annotations

from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue


class WholeQueue(ForwardMsgQueue):
    """Streamlit's queue of messages to a browser, which loses nothing when a fragment runs again."""

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        """Clear the queue, but not for the run of a fragment: what it draws is put behind all that waits."""
        if fragment_ids_this_run:
            self._delta_index_map = {}  # or a new element would take the place of an old one, before its run has begun
        else:
            super().clear(retain_lifecycle_msgs, fragment_ids_this_run)


def send_whole() -> None:
    """Give the sessions that begin from now on such a queue."""
    app_session.ForwardMsgQueue = WholeQueue  # type: ignore[attr-defined, misc]
