"""Puts `page_head.js` into every page that the server sends, before Streamlit's own script."""

from __future__ import annotations

from pathlib import Path

from adapters.web_gate import App, Message, Receive, Scope, Send

_SCRIPT = Path(__file__).with_suffix(".js")
_BEFORE = b"<script"
_LEFT_OUT = frozenset({b"accept-encoding", b"if-modified-since", b"if-none-match"})
"""Of a request: the page is wanted whole and readable, since one that a browser has may hold another script."""
_THEIR_TITLE, _TITLE = b"<title>Streamlit</title>", b"<title>Adapt Lab</title>"


class PageHead:
    """ASGI middleware that adds the script to answers in HTML and passes everything else on untouched."""

    def __init__(self, app: App) -> None:
        """Stand before `app`, and read the script once."""
        self._app = app
        self._added = f"<script>\n{_SCRIPT.read_text(encoding='utf-8')}</script>\n".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; hold a page back until it is whole, then send it with the script."""
        if scope["type"] != "http" or b"text/html" not in dict(scope["headers"]).get(b"accept", b""):
            await self._app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name not in _LEFT_OUT]
        start: Message | None = None
        body = b""

        async def sent(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif message["type"] == "http.response.body" and start is not None:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    page = self._with_script(body)
                    await send({**start, "headers": _with_length(start, len(page))})
                    await send({**message, "body": page})
            else:
                await send(message)

        await self._app({**scope, "headers": plain}, receive, sent)

    def _with_script(self, page: bytes) -> bytes:
        place = page.find(_BEFORE)
        if place < 0:
            return page
        return (page[:place] + self._added + page[place:]).replace(_THEIR_TITLE, _TITLE)


def _is_page(start: Message) -> bool:
    return bool(dict(start["headers"]).get(b"content-type", b"").startswith(b"text/html"))


def _with_length(start: Message, length: int) -> list[tuple[bytes, bytes]]:
    """Return the headers for a page of this length. Tag and date are left out: they are those without the script."""
    left_out = {b"content-length", b"etag", b"last-modified"}
    kept = [(name, value) for name, value in start["headers"] if name not in left_out]
    return [*kept, (b"content-length", str(length).encode())]
