"""Who gets into the served app: over HTTP and WebSocket, with and without the token of the printed address."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tools.served_app import ROOT, ServedApp, served_app

LOCKED = "Open the address that the terminal printed"
PATHS = (
    "/",
    "/report?run_id=1",
    "/no-such-page",
    "/static/js/index.js",
    "/favicon.png",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/agent/openapi.json",
    "/media/0123.csv",
    "/component/x/index.html",
)


def _environment(home: Path) -> dict[str, str]:
    stand_in = ROOT / "tests" / "browser" / "stand_in"
    return {"ADAPTLAB_HOME": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT), str(stand_in)])}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """Serve the app with a token."""
    folder = tmp_path_factory.mktemp("served")
    with served_app(folder / "log", _environment(folder / "home")) as served:
        yield served


@pytest.fixture(scope="module")
def open_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApp]:
    """Serve the app with the token turned off."""
    folder = tmp_path_factory.mktemp("open")
    with served_app(folder / "log", _environment(folder / "home"), ["--no-token"]) as served:
        yield served


@contextmanager
def _browser(app: ServedApp) -> Iterator[httpx.Client]:
    """Open the printed address, and keep what a browser keeps."""
    with httpx.Client(base_url=app.address, trust_env=False) as client:
        assert client.get(app.way_in).status_code in {200, 303}
        yield client


def _opens(app: ServedApp, *, origin: str | None, cookies: str = "", name: str = "127.0.0.1") -> bool:
    """Tell whether the WebSocket that drives the app can be opened, if this machine is called `name`."""
    port = int(app.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as channel:
        try:
            with connect(
                f"ws://{name}:{port}/_stcore/stream",
                sock=channel,
                origin=origin,  # type: ignore[arg-type]
                additional_headers={"Cookie": cookies} if cookies else None,
                proxy=None,
            ):
                return True
        except InvalidStatus as refused:
            assert refused.response.status_code == 403
            return False


def _cookies(browser: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


@pytest.mark.parametrize("path", PATHS)
def test_nothing_answers_without_the_cookie(app: ServedApp, path: str) -> None:
    """Pages, static files, media, health and the rest say what to open: a browser as a page, a program in a line."""
    answer = httpx.get(app.address + path, headers={"Accept": "text/html,*/*"}, trust_env=False)
    assert (answer.status_code, f"<h1>{LOCKED}</h1>" in answer.text) == (401, True)
    assert httpx.get(app.address + path, trust_env=False).text == f"{LOCKED}."
    assert "set-cookie" not in answer.headers


def test_uploads_and_the_websocket_are_refused_without_the_cookie(app: ServedApp) -> None:
    """A program of another user can neither upload nor drive the app, whatever origin it names."""
    upload = httpx.put(f"{app.address}/_stcore/upload_file/a/b", files={"f": b"x"}, trust_env=False)
    assert (upload.status_code, LOCKED in upload.text) == (401, True)
    assert not _opens(app, origin=app.address)
    assert not _opens(app, origin=app.address, cookies="adaptlab-1=x; a")


def test_the_token_becomes_a_cookie_and_leaves_the_address(app: ServedApp) -> None:
    """The printed address gives a cookie that no script and no other site can use, named for its port."""
    answer = httpx.get(app.way_in, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    port = app.address.rpartition(":")[2]
    assert cookie.startswith(f"adaptlab-{port}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    token = app.way_in.partition("token=")[2]
    assert len(token) >= 32
    assert token not in cookie


def test_a_browser_that_was_let_in_stays_in(app: ServedApp) -> None:
    """With the cookie pages, reloads, a second tab, static files, health and the WebSocket work without the token."""
    with _browser(app) as browser:
        for path in ("/", "/", "/report?run_id=1", "/favicon.png", "/_stcore/health"):
            assert browser.get(path).status_code == 200
        assert _opens(app, origin=app.address, cookies=_cookies(browser))


def test_a_deep_link_with_the_token_keeps_its_path_and_query(app: ServedApp) -> None:
    """The token alone is taken out of a link; a path never leads to another machine."""
    query = app.way_in.partition("?")[2]
    goes = {
        f"/report?run_id=a%26b&{query}&x=": "/report?run_id=a%26b&x=",
        f"/run?{query}": "/run",
        f"//evil.example/a?{query}": "/evil.example/a",
        f"/%5Cevil.example?{query}": "/evil.example",
        f"/a%0D%0Ab?{query}": "/a%0D%0Ab",
    }
    for link, expected in goes.items():
        assert httpx.get(app.address + link, trust_env=False).headers["location"] == expected


def test_a_link_from_another_page_lets_the_browser_in_by_a_page_of_ours(app: ServedApp) -> None:
    """A terminal that is itself a web page can be clicked in: a redirect would lose the strict cookie there."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    answer = httpx.get(f"{app.way_in}&a=%22%3E%3Cb", headers=headers, trust_env=False)
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/?a=%22%3E%3Cb"' in answer.text
    assert "SameSite=Strict" in answer.headers["set-cookie"]


@pytest.mark.parametrize("token", ["", "x", "%00", "%F0%9F%98%80", "a" * 5000])
def test_a_wrong_token_is_refused(app: ServedApp, token: str) -> None:
    """Another token, none, or one that cannot be one gives no cookie."""
    answer = httpx.get(f"{app.address}/?token={token}", trust_env=False)
    assert (answer.status_code, LOCKED in answer.text, "set-cookie" in answer.headers) == (401, True, False)


def test_a_cookie_of_another_start_is_refused(app: ServedApp, tmp_path: Path) -> None:
    """Each start has a token and a cookie of its own."""
    with _browser(app) as browser:
        (value,) = dict(browser.cookies).values()
    with served_app(tmp_path / "log", _environment(tmp_path / "home")) as later:
        port = later.address.rpartition(":")[2]
        cookies = f"adaptlab-{port}={value}"
        assert httpx.get(later.address, headers={"Cookie": cookies}, trust_env=False).status_code == 401
        assert not _opens(later, origin=later.address, cookies=cookies)
        assert httpx.get(app.way_in.replace(app.address, later.address), trust_env=False).status_code == 401


@pytest.mark.parametrize("kind", ["app", "open_app"])
def test_other_pages_cannot_open_the_websocket(kind: str, request: pytest.FixtureRequest) -> None:
    """Pages of other ports and sites, and clients that name no origin, are refused: with the cookie, and without token."""
    app: ServedApp = request.getfixturevalue(kind)
    port = int(app.address.rpartition(":")[2])
    with _browser(app) as browser:
        cookies = _cookies(browser)
    for origin in (None, "null", f"http://127.0.0.1:{port + 1}", f"http://localhost:{port}", "https://evil.example"):
        assert not _opens(app, origin=origin, cookies=cookies), origin
    assert not _opens(app, origin=f"http://evil.example:{port}", cookies=cookies, name="evil.example")
    assert _opens(app, origin=app.address, cookies=cookies)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": "a@127.0.0.1"},
        {"Host": "127.0.0.1:99999"},
        {"Host": ""},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_other_pages_and_names_get_nothing_over_http(app: ServedApp, headers: dict[str, str]) -> None:
    """A page of another port cannot ask in the name of a browser that was let in, nor can a name pointed here."""
    with _browser(app) as browser:
        answer = httpx.get(app.address, headers={**headers, "Cookie": _cookies(browser)}, trust_env=False)
    assert answer.status_code in {400, 403}
    assert "stApp" not in answer.text


def test_the_token_can_be_turned_off(open_app: ServedApp) -> None:
    """`--no-token` prints a bare address, says what that means, and lets every browser of the machine in."""
    assert open_app.way_in == open_app.address
    assert httpx.get(open_app.address, trust_env=False).status_code == 200
    assert _opens(open_app, origin=open_app.address)


@pytest.mark.parametrize("kind", ["app", "open_app"])
def test_every_answer_forbids_frames_and_guessing(kind: str, request: pytest.FixtureRequest) -> None:
    """No other page can frame the app, and no address of it is sent on; refusals included."""
    app: ServedApp = request.getfixturevalue(kind)
    with httpx.Client(trust_env=False) as browser:
        answers = [browser.get(app.address), browser.get(app.way_in), browser.get(f"{app.address}/favicon.png")]
        answers.append(browser.get(app.address, headers={"Host": "evil.example"}))
    for answer in answers:
        assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_token_is_printed_once_and_kept_nowhere(tmp_path: Path) -> None:
    """What is asked for is not logged, the home folder does not hold the token, and the app ends with exit code 0."""
    log, home = tmp_path / "log", tmp_path / "home"
    with served_app(log, _environment(home)) as app:
        token = app.way_in.partition("token=")[2].encode()
        for link in (app.way_in, f"{app.address}/report?token=wrong"):
            httpx.get(link, trust_env=False)
        command = Path(f"/proc/{app.process.pid}/cmdline")
        assert not command.exists() or token not in command.read_bytes()
        app.process.send_signal(signal.SIGINT)
        assert app.process.wait(30) == 0
    assert log.read_bytes().count(token) == 1
    assert b"Traceback" not in log.read_bytes()
    assert not [path for path in home.rglob("*") if path.is_file() and token in path.read_bytes()]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("options", "off"), [((), False), (("TOKEN=off",), True), (("TOKEN=on", "PORT=8600"), False)])
def test_make_run_asks_for_the_token_unless_told(options: tuple[str, ...], off: bool) -> None:
    """`make run TOKEN=off` is the only start without it."""
    told = subprocess.run(
        ["make", "--dry-run", "run", *options], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    (served,) = [line for line in told.splitlines() if "tools/serve.py" in line]
    assert ("--no-token" in served) is off
    assert f"--port {'8600' if 'PORT=8600' in options else '8501'}" in served
