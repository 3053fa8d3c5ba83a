"""AppTest from `app.py`, with a fake `Laboratory` in the place of `wiring`'s."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.fake_laboratory import FakeLaboratory

ROOT = Path(__file__).parents[2]

Opener = Callable[..., AppTest]
RUN = "pages/compare/run.py"


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Open a page of the app, the Run page unless told, on a given laboratory; nothing is run yet."""

    def opened(lab: FakeLaboratory, page: str | None = RUN) -> AppTest:
        wiring = types.ModuleType("wiring")
        wiring.open_laboratory = lambda: lab  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "wiring", wiring)
        st.cache_resource.clear()
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        return app if page is None else app.switch_page(page)

    yield opened
    st.cache_resource.clear()
