"""Addresses of servers, as users enter them: checked, put in one form, and never with a password inside."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from engine.core.errors import UsageError

_LOCAL_NAMES = {"localhost"}


def checked_url(text: str) -> str:
    """Return a server's address without a slash at its end.

    Raises:
        UsageError: no http or https address, or one with credentials, a query or a fragment inside.
    """
    form = "Write it like http://127.0.0.1:8080/v1."
    text = text.replace("\u2060", "").strip()  # the screen puts a word joiner into addresses, and they are copied
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError("The server's address cannot be read.", form) from error
    if parts.username or parts.password or "@" in parts.netloc:
        # The address itself is not repeated here: it contains a secret.
        raise UsageError(
            "The server's address contains a user name or password.", "Leave them out; a key is set separately."
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"'{text[:80]}' is not the address of a server.", form)
    if parts.query or parts.fragment:
        raise UsageError(f"The server's address has a query or fragment ('{parts.hostname}').", form)
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        raise UsageError("The server's address contains spaces or control characters.", form)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def is_local(url: str) -> bool:
    """Tell whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return host and port, as errors name a server."""
    return urlsplit(url).netloc
