"""What an address tells: asked once, briefly, without a key, and without following it anywhere else."""

from __future__ import annotations

import time
import urllib.request
from contextlib import closing
from http.client import HTTPException
from typing import Any

from adapters.models.remote.address import host_of, is_local
from adapters.models.remote.border import UnreadableError, read_value
from adapters.models.remote.bounds import MOST_BYTES, Reading
from adapters.models.remote.keys import Key
from adapters.models.remote.reading import cancellable_call

WHOLE_FACTOR = 4.0
"""All of an answer may take this many times as long as a server may be silent."""
_CHUNK_BYTES = 65_536


def told(url: str, *, timeout_s: float) -> Any:
    """Return the JSON at an address, clean.

    Raises:
        OSError: it cannot be reached, refuses, or is silent for too long.
        ValueError: what comes back cannot be read.
        BrokenAnswerError: it is not whole in time.
    """
    host, until = host_of(url), time.monotonic() + timeout_s * WHOLE_FACTOR
    reading = Reading(server=host, until=until)

    def ask() -> Any:
        handlers = [urllib.request.ProxyHandler({})] if is_local(url) else []
        opener = urllib.request.build_opener(_NoRedirect(), *handlers)
        found = bytearray()
        try:
            with closing(opener.open(url, timeout=timeout_s)) as reply:
                while chunk := reply.read1(_CHUNK_BYTES):
                    reading.check_time()
                    found += chunk
                    if len(found) > MOST_BYTES:
                        raise UnreadableError("too much")
        except HTTPException:
            raise UnreadableError("something that is not HTTP") from None
        return read_value(bytes(found), Key(""))

    return cancellable_call(ask, cancel=None, server=host, until=until)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Only the host that was entered is contacted."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        """Follow no redirect."""
        return
