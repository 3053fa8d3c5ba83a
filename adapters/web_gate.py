"""The gate before the web app: who may ask it anything, and what every answer says about how it may be used.

A browser gets in with the token of the address that the terminal prints. The token is exchanged at once for a cookie
that scripts cannot read, so that it leaves the address bar, and links, reloads and further tabs work without it.

A cookie does not know ports: a browser sends it along when a page of another port of this machine asks for something
here. So the gate looks at where a request comes from as well, and lets a WebSocket be opened by its own pages alone.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN = "token"  # noqa: S105 - the name of the parameter
HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names that this machine has for itself; another one may have been pointed here by somebody's name server."""
COOKIE = "adaptlab-{port}"
"""One per port, because the browser keeps the cookies of all ports of a machine in one place."""
HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every answer carries; names in lower case, as ASGI has them."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{head}
<title>Adapt Lab</title>
<style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;
padding:0 1rem}}h1{{font-size:1.3rem;line-height:1.3}}</style></head><body>{body}</body></html>
"""
OPEN = "Open the address that the terminal printed"
_LOCKED = (
    f"<h1>{OPEN}</h1>"
    "<p>It ends in a token that lets this browser in. Each start of Adapt Lab has its own; one from an earlier start "
    "no longer works.</p>"
)
_FROM_A_LINK = '<p>If you came here by a link on another page, <a href="">open it from here</a>.</p>'
_NOT_HERE = (
    "<h1>Adapt Lab answers its own pages only</h1><p>This request came from another page or under another name.</p>"
)


class Gate:
    """ASGI middleware that lets in requests of the app's own pages, in a browser that has shown the token."""

    def __init__(self, app: App, *, token: str | None) -> None:
        """Stand before `app`; without a token every browser of this machine is let in, other pages still are not."""
        self._app = app
        self._token = None if token is None else _digest(token)
        self._pass = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        host, origin = _header(scope, b"host"), _header(scope, b"origin")
        if _is_here(host) and _is_from(origin, host) and self._knows(scope, host):
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = _header(scope, b"host")
        if not _is_here(host) or not _may_ask(scope, host):
            await _answer(send, 403, _NOT_HERE)
            return
        known, shown = self._knows(scope, host), self._shows_token(scope)
        if shown is not None and (known or shown):
            await self._let_in(scope, send, host)
        elif known:
            await self._app(scope, receive, send)
        else:
            await self._refuse(scope, send)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        """Say what lets a browser in: as a page, or in a line where a page of an earlier start asks for something."""
        if "text/html" in _header(scope, b"accept"):
            await _answer(send, 401, _LOCKED + (_FROM_A_LINK if _from_another_page(scope) else ""))
        else:
            await _send(send, 401, f"{OPEN}.", kind="text/plain")

    async def _let_in(self, scope: Scope, send: Send, host: str) -> None:
        """Give the browser its cookie, and send it to the same address without the token."""
        cookie = f"{_cookie_name(host)}={self._pass}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"set-cookie", cookie.encode())]
        target = _without_token(scope)
        if _from_another_page(scope):
            # A redirect still counts as the other page's, for which the browser withholds a strict cookie. A page of
            # ours that moves on does not.
            moves_on = f'<meta http-equiv="refresh" content="0;url={html.escape(target)}">'
            await _answer(send, 200, "", head=moves_on, headers=headers)
        else:
            await _answer(send, 303, "", headers=[*headers, (b"location", target.encode())])

    def _knows(self, scope: Scope, host: str) -> bool:
        """Tell whether the request carries the cookie of this start."""
        if self._token is None:
            return True
        name, own = _cookie_name(host), _digest(self._pass)
        pairs = (pair.strip().partition("=") for pair in _header(scope, b"cookie").split(";"))
        return any(hmac.compare_digest(_digest(value), own) for key, _, value in pairs if key == name)

    def _shows_token(self, scope: Scope) -> bool | None:
        """Tell whether the address has the right token; `None` if it has none at all."""
        if scope["method"] not in {"GET", "HEAD"}:
            return None
        shown = [value for name, value in _query(scope) if name == TOKEN]
        if not shown:
            return None
        return self._token is None or hmac.compare_digest(_digest(shown[0]), self._token)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _without_token(scope: Scope) -> str:
    """Write the path and query without the token: a path of this server, whatever was asked for."""
    rest = urlencode([(name, value) for name, value in _query(scope) if name != TOKEN])
    return "/" + quote(scope["path"].lstrip("/\\"), safe="/") + (f"?{rest}" if rest else "")


def _cookie_name(host: str) -> str:
    return COOKIE.format(port=_port(host))


def _is_here(host: str) -> bool:
    """Tell whether a Host header names this machine as this machine names itself."""
    try:
        parts = urlsplit(f"//{host}")
        named = parts.netloc == host and "@" not in host and parts.hostname in HOSTS
    except ValueError:
        return False
    return named and _port(host) is not None


def _port(host: str) -> int | None:
    """Read the port of a Host header; `None` if it cannot be one."""
    try:
        return urlsplit(f"//{host}").port or 80
    except ValueError:
        return None


def _is_from(origin: str, host: str) -> bool:
    return origin in {f"http://{host}", f"https://{host}"}


def _from_another_page(scope: Scope) -> bool:
    """Tell whether the browser says that a page of another site, or of another port, asks."""
    return _header(scope, b"sec-fetch-site") in {"cross-site", "same-site"}


def _may_ask(scope: Scope, host: str) -> bool:
    """Tell whether a request comes from a page of the app, from no page, or follows a link to the app."""
    if _from_another_page(scope):
        link = _header(scope, b"sec-fetch-mode") == "navigate" and _header(scope, b"sec-fetch-dest") == "document"
        return link and scope["method"] in {"GET", "HEAD"}
    origin = _header(scope, b"origin")
    return not origin or _is_from(origin, host)


def _with_headers(send: Send) -> Send:
    names = {name for name, _ in HEADERS}

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in names]
            message = {**message, "headers": [*kept, *HEADERS]}
        await send(message)

    return sent


async def _answer(
    send: Send, status: int, body: str, *, head: str = "", headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    await _send(send, status, _PAGE.format(head=head, body=body), headers=headers)


async def _send(
    send: Send, status: int, text: str, *, kind: str = "text/html", headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    content = text.encode()
    fixed = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"cache-control", b"no-store")]
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, length, *headers]})
    await send({"type": "http.response.body", "body": content})
