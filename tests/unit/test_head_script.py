"""Every page comes with the script of this version of the app, whatever the browser has kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from adapters.page_head import PageHead

PAGE = "<html><head><title>Streamlit</title><script src='theirs.js'></script></head></html>"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Serve a page as Streamlit serves its own, with the script put in."""
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "theirs.js").write_text("'<script'", encoding="utf-8")
    return TestClient(PageHead(StaticFiles(directory=tmp_path, html=True)))


def test_a_page_is_sent_with_the_script_before_theirs(client: TestClient) -> None:
    """Its length is that of what is sent; what is no page stays as it is."""
    answer = client.get("/", headers={"accept": "text/html"})
    assert answer.text.index("window.__streamlit") < answer.text.index("theirs.js")
    assert "<title>Adapt Lab</title>" in answer.text
    assert client.get("/theirs.js", headers={"accept": "text/html"}).text == "'<script'"


def test_a_browser_that_kept_the_page_of_before_gets_the_new_script(client: TestClient) -> None:
    """Streamlit's page stays the same when the script changes, so its tag and date tell nothing."""
    theirs = client.get("/")
    kept = {"if-none-match": theirs.headers["etag"], "if-modified-since": theirs.headers["last-modified"]}
    answer = client.get("/", headers={"accept": "text/html", **kept})
    assert answer.status_code == 200
    assert "window.__streamlit" in answer.text
    assert not {"etag", "last-modified"} & answer.headers.keys()
