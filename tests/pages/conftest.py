"""AppTest from `app.py`, with a lab in memory in the place of the one that `wiring` opens."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engine.services.lab import Lab

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
