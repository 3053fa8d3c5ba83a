"""What a run of a page has drawn reaches the browser, also where a fragment runs again before it was sent."""

from __future__ import annotations

import inspect

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from adapters.sent_whole import WholeQueue, send_whole


def element(*path: int, fragment: str = "", text: str = "") -> ForwardMsg:
    """Return the message that draws a text at a place of the page."""
    message = ForwardMsg()
    message.metadata.delta_path[:] = path
    message.delta.fragment_id = fragment
    message.delta.new_element.markdown.body = text
    return message


def block(*path: int, fragment: str) -> ForwardMsg:
    """Return the message that draws an empty container."""
    message = ForwardMsg()
    message.metadata.delta_path[:] = path
    message.delta.fragment_id = fragment
    message.delta.add_block.vertical.SetInParent()
    return message


def waiting(queue: ForwardMsgQueue) -> list[ForwardMsg]:
    """Fill a queue with a page of a fragment and a text below it, then let the fragment run again."""
    page = [block(0, 0, fragment="panel"), element(0, 0, 0, fragment="panel", text="old"), element(0, 1, text="below")]
    for message in page:
        queue.enqueue(message)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["panel"])
    queue.enqueue(element(0, 0, 0, fragment="panel", text="new"))
    return [*page, element(0, 0, 0, fragment="panel", text="new")]


def test_a_fragment_that_runs_again_takes_nothing_from_the_page() -> None:
    """All messages of the page are sent in their order, then those of the fragment's new run."""
    queue = WholeQueue()
    expected = waiting(queue)
    assert queue.flush() == expected


def test_streamlit_itself_would_send_the_text_without_what_stands_above_it() -> None:
    """The fault is still there; when this fails, `adapters/sent_whole.py` can go."""
    queue = ForwardMsgQueue()
    waiting(queue)
    assert [list(message.metadata.delta_path) for message in queue.flush()] == [[0, 1], [0, 0, 0]]


def test_a_run_of_the_whole_page_takes_the_place_of_what_was_not_sent() -> None:
    """It draws everything again, so that older elements need not be sent."""
    queue = WholeQueue()
    queue.enqueue(element(0, 0, text="old"))
    queue.clear(retain_lifecycle_msgs=True)
    queue.enqueue(element(0, 0, text="new"))
    assert [message.delta.new_element.markdown.body for message in queue.flush()] == ["new"]


def test_sessions_get_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that is replaced is the one by which a session makes its queue."""
    monkeypatch.setattr(app_session, "ForwardMsgQueue", ForwardMsgQueue)
    send_whole()
    assert vars(app_session)["ForwardMsgQueue"] is WholeQueue
    assert "= ForwardMsgQueue()" in inspect.getsource(app_session.AppSession.__init__)
