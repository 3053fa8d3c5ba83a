"""Closed tabs wait for their return for a while, and are ended after it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from streamlit.runtime import RuntimeState
from streamlit.runtime.session_manager import SessionInfo

from adapters.kept_tabs import KeptTabs
from engine.core.run.editions import Newest
from tools import serve


class Tabs:
    """Made-up sessions that note their end."""

    def __init__(self) -> None:
        """Begin with none."""
        self.ended: list[str] = []

    def tab(self, session_id: str) -> SessionInfo:
        """Return a session of this id."""
        session: Any = SimpleNamespace(id=session_id, shutdown=lambda: self.ended.append(session_id))
        return cast("SessionInfo", SessionInfo(client=None, session=session))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time as a list of one number, to be set."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_tab_that_comes_back_is_not_ended(clock: list[float]) -> None:
    """Within its time it is found, and taken out by Streamlit itself."""
    tabs, kept = Tabs(), KeptTabs(most=3, kept_s=60)
    kept.save(tabs.tab("a"))
    clock[0] = 59
    found = kept.get("a")
    assert found is not None
    kept.delete("a")
    clock[0] = 100
    kept.end_old()
    assert tabs.ended == []
    assert kept.list() == []
    kept.delete("a")


def test_a_tab_that_does_not_come_back_is_ended_once(clock: list[float]) -> None:
    """After its time it is gone, without another tab that is closed."""
    tabs, kept = Tabs(), KeptTabs(most=3, kept_s=60)
    kept.save(tabs.tab("a"))
    clock[0] = 30
    kept.save(tabs.tab("b"))
    clock[0] = 60
    kept.end_old()
    assert tabs.ended == ["a"]
    assert kept.get("a") is None
    assert [info.session.id for info in kept.list()] == ["b"]
    clock[0] = 500
    assert kept.get("b") is None
    kept.end_old()
    assert tabs.ended == ["a", "b"]


def test_too_many_tabs_end_the_one_that_waits_longest(clock: list[float]) -> None:
    """A tab that was closed again begins to wait again."""
    tabs, kept = Tabs(), KeptTabs(most=2, kept_s=60)
    for number, name in enumerate(("a", "b", "a", "c")):
        clock[0] = number
        kept.save(tabs.tab(name))
    assert tabs.ended == ["b"]
    assert [info.session.id for info in kept.list()] == ["a", "c"]


def test_one_that_cannot_be_ended_does_not_keep_the_others(clock: list[float]) -> None:
    """An error of one tab's clearing up is logged, and passed over."""
    tabs, kept = Tabs(), KeptTabs(most=3, kept_s=60)

    def broken() -> None:
        raise RuntimeError

    session: Any = SimpleNamespace(id="a", shutdown=broken)
    kept.save(SessionInfo(client=None, session=session))
    kept.save(tabs.tab("b"))
    clock[0] = 60
    kept.end_old()
    assert tabs.ended == ["b"]
    assert kept.list() == []


def test_runs_are_forgotten_only_when_nobody_looks(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not while a tab is open, and not while one that was closed may come back."""
    now = [RuntimeState.ONE_OR_MORE_SESSIONS_CONNECTED]
    monkeypatch.setattr(serve, "get_instance", lambda: SimpleNamespace(state=now[0]))
    kept, closed, made = Newest[int, int](6), KeptTabs(most=3, kept_s=60), [0]

    def look() -> int:
        made[0] += 1
        return made[0]

    def after_a_turn() -> int:
        serve.let_go(closed)
        return kept.of("a", 1, look)

    assert after_a_turn() == 1
    closed.save(Tabs().tab("a"))
    now[0] = RuntimeState.NO_SESSIONS_CONNECTED
    assert after_a_turn() == 1
    clock[0] = 60
    assert after_a_turn() == 2
