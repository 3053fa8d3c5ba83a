"""AppTest from `app.py`, with a lab in memory in the place of the one that `wiring` opens."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import components.ui.jobs
from components.ui import state
from components.upload.draft import Draft
from engine.services.lab import Lab
from tests.memory_lab import memory_lab
from tests.pages.upload_screen import PAGE as UPLOAD
from tests.pages.upload_screen import Screen

ROOT = Path(__file__).parents[2]

Opener = Callable[..., AppTest]
RUN = "pages/compare/run.py"


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Open a page of the app, the Run page unless told, on a given lab; nothing is run yet.

    What goes on in the lab is stopped when the test ends.
    """
    labs: list[Lab] = []

    def opened(lab: Lab, page: str | None = RUN) -> AppTest:
        labs.append(lab)
        wiring = types.ModuleType("wiring")
        wiring.open_lab = lambda: lab  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "wiring", wiring)
        st.cache_resource.clear()
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        return app if page is None else app.switch_page(page)

    yield opened
    st.cache_resource.clear()
    for lab in labs:
        lab.close()


@pytest.fixture
def opened(open_app: Opener, monkeypatch: pytest.MonkeyPatch):
    """Open the page with a file taken up, as the uploader would do it.

    The page waits for its jobs to end, also on a busy machine; a test that looks at progress sets another patience.
    """
    monkeypatch.setattr(components.ui.jobs, "PATIENCE_S", 50.0)

    def screen(data: str | bytes, name: str = "desk mail.csv") -> Screen:
        lab = memory_lab()
        app = open_app(lab).run()
        raw = data.encode() if isinstance(data, str) else data
        app.session_state[state.UPLOAD] = Draft(file_id="f1", name=name, data=raw)
        app.switch_page(UPLOAD).run()
        assert not app.exception
        return Screen(app, lab)

    return screen
