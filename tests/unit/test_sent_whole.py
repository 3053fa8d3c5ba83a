"""What a run of a page has drawn reaches the browser, also where a fragment runs again before it was sent."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import app_session
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache

from adapters.sent_whole import WholeQueue, send_whole

PAGE = """
import streamlit as st

@st.fragment(run_every=3600)
def panel():
    st.text("panel")

panel()
"""


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


@pytest.fixture
def as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is replaced put back after the test."""
    monkeypatch.setattr(app_session, "ForwardMsgQueue", ForwardMsgQueue)
    monkeypatch.setattr(AppSession, "_create_scriptrunner", AppSession._create_scriptrunner)
    monkeypatch.setattr(Runtime, "_instance", MagicMock(), raising=False)


def test_sessions_get_the_queue(as_it_is: None) -> None:
    """The name that is replaced is the one by which a session makes its queue."""
    send_whole()
    assert vars(app_session)["ForwardMsgQueue"] is WholeQueue
    assert "= ForwardMsgQueue()" in inspect.getsource(app_session.AppSession.__init__)


def kinds_sent(page: Path, *, then_whole: bool = False) -> list[str]:
    """Run a page again and have its fragment ask to run just when that has ended; return the messages, by their kind.

    The loop is held until the page's thread has ended, as a busy machine may hold it.
    """

    async def session_of_a_tab() -> list[str]:
        script = ScriptData(str(page), is_hello=False)
        session = AppSession(script, MemoryUploadedFileManager("/upload"), ScriptCache(), None, {})
        session.request_rerun(None)
        await _ended(session)
        (fragment_id,) = [
            message.auto_rerun.fragment_id
            for message in session.flush_browser_queue()
            if message.WhichOneof("type") == "auto_rerun"
        ]
        session.request_rerun(None)
        runner = session._scriptrunner
        assert runner is not None
        assert runner._script_thread is not None
        runner._script_thread.join()
        session.request_rerun(ClientState(fragment_id=fragment_id, is_auto_rerun=True))
        if then_whole:
            session.request_rerun(None)
        await asyncio.sleep(0)
        await _ended(session)
        await asyncio.sleep(0.05)  # whoever waits asks again in between
        await _ended(session)
        return [str(message.WhichOneof("type")) for message in session.flush_browser_queue()]

    # In a thread of its own: a browser of another test may have left its loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, session_of_a_tab()).result()


async def _ended(session: AppSession) -> None:
    for _ in range(3_000):
        await asyncio.sleep(0.01)
        if session._scriptrunner is None:
            return
    pytest.fail("the page did not end")


def test_a_page_that_has_just_ended_is_sent_before_its_fragment_runs_again(as_it_is: None, tmp_path: Path) -> None:
    """Its last messages arrive: the one that has the fragment run again, and that the page has ended."""
    (tmp_path / "page.py").write_text(PAGE, encoding="utf-8")
    send_whole()
    kinds = kinds_sent(tmp_path / "page.py")
    assert kinds.count("auto_rerun") == 1
    assert kinds.count("new_session") == kinds.count("script_finished") == 2


def test_a_fragment_that_waits_gives_way_to_a_run_of_the_page(as_it_is: None, tmp_path: Path) -> None:
    """What was asked for later has newer states of all widgets, and draws the fragment as well."""
    (tmp_path / "page.py").write_text(PAGE, encoding="utf-8")
    send_whole()
    kinds = kinds_sent(tmp_path / "page.py", then_whole=True)
    assert kinds.count("auto_rerun") == 1
    assert kinds.count("script_finished") == 1


def test_streamlit_itself_would_let_the_fragment_stand_still(as_it_is: None, tmp_path: Path) -> None:
    """The fault is still there; when this fails, `begin_when_sent` can go."""
    (tmp_path / "page.py").write_text(PAGE, encoding="utf-8")
    kinds = kinds_sent(tmp_path / "page.py")
    assert "auto_rerun" not in kinds
    assert kinds.count("script_finished") == 1
