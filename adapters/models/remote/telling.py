"""What an address tells, as it stands there: asked once, briefly, without following it anywhere else."""

from __future__ import annotations

import json
import urllib.request
from contextlib import closing
from typing import Any

from adapters.models.remote.address import is_local

MOST_BYTES = 20_000_000


def told(url: str, *, timeout_s: float, authorization: str = "") -> Any:
    """Return the JSON at an address.

    Raises:
        OSError: it cannot be reached, refuses, or takes too long.
        ValueError: what comes back is no JSON.
    """
    handlers = [urllib.request.ProxyHandler({})] if is_local(url) else []
    opener = urllib.request.build_opener(_NoRedirect(), *handlers)
    if authorization:
        opener.addheaders.append(("Authorization", authorization))
    with closing(opener.open(url, timeout=timeout_s)) as reply:
        return json.loads(reply.read(MOST_BYTES))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Only the host that was entered is contacted."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        """Follow no redirect."""
        return
