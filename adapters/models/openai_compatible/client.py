"""One OpenAI-compatible server: its address, its key, and the client that speaks to it and to no other host."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from adapters.models.openai_compatible.faults import translated
from adapters.models.remote.address import checked_url, host_of, is_local
from adapters.models.remote.keys import key_for
from adapters.models.remote.reading import FIRST_ITEM_S
from adapters.models.remote.servers import FROM_ENVIRONMENT
from engine.core.errors import BrokenAnswerError

_ACCOUNT_HEADERS = ("OpenAI-Organization", "OpenAI-Project")
"""The client takes these from the environment; they concern the server that the environment names, and no other."""
_ANTHROPIC = "api.anthropic.com"
_ANTHROPIC_VERSION = "2023-06-01"
"""Of the form of its answers; its reference requires it (*Versions*)."""
CONNECT_S = 5.0
LISTING_S = 5.0


class Client:
    """Speaks to one server. Safe to use from several threads."""

    def __init__(self, name: str, url: str) -> None:
        """Take the server's name, which tells its key, and its address.

        Raises:
            UsageError: not the address of a server, or one that contains credentials.
        """
        self.name = name
        self.url = checked_url(url)
        self._key = key_for(name)

    def __repr__(self) -> str:
        """Name the server, never its key."""
        return f"Client({self.name!r}, {self.url!r})"

    @property
    def host(self) -> str:
        """Host and port, as errors name the server."""
        return host_of(self.url)

    @property
    def root(self) -> str:
        """The address without `/v1`, where servers keep routes of their own."""
        return self.url.removesuffix("/v1")

    @cached_property
    def api(self) -> Any:
        """The client. It follows no redirects, and uses no proxy to reach this machine."""
        # It imports httpx, of which openai looks for classes as soon as another thread has begun to import it.
        import ollama  # noqa: F401
        import openai

        transport = openai.DefaultHttpxClient(
            follow_redirects=False,
            trust_env=not is_local(self.url),
            timeout=openai.Timeout(FIRST_ITEM_S, connect=CONNECT_S),
        )
        return openai.OpenAI(
            base_url=self.url,
            api_key=self._key.reveal() or "none",
            max_retries=0,
            timeout=openai.Timeout(FIRST_ITEM_S, connect=CONNECT_S),
            http_client=transport,
            default_headers={} if self.name == FROM_ENVIRONMENT else dict.fromkeys(_ACCOUNT_HEADERS, openai.Omit()),
        )

    def translated(self, model: str = "") -> AbstractContextManager[None]:
        """Turn what the client raises into the engine's errors."""
        return translated(name=self.name, url=self.url, model=model, key=self._key)

    def models(self) -> list[dict[str, Any]]:
        """Return the server's model list, one dictionary each.

        Raises:
            ModelError: it cannot be fetched.
        """
        with self.translated():
            reply = self.api.with_options(timeout=LISTING_S).get(
                f"{self.url}/models", cast_to=object, options=self._listing_options()
            )
            listed = reply.get("data") if isinstance(reply, Mapping) else None
            if not isinstance(listed, list):
                raise BrokenAnswerError(
                    f"The server at {self.host} sent no list of models.", "Most addresses end in /v1: check yours."
                )
            return [dict(one) for one in listed if isinstance(one, Mapping) and isinstance(one.get("id"), str)]

    def _listing_options(self) -> dict[str, Any]:
        """Return how the list is asked for: Anthropic's is not OpenAI's, so it takes its own header for the key.

        It also lists 20 models at once unless asked for more (*List Models*).
        """
        import openai

        if self.host != _ANTHROPIC:
            return {}
        own = {"x-api-key": self._key.reveal(), "anthropic-version": _ANTHROPIC_VERSION}
        return {"headers": {**own, "Authorization": openai.Omit()}, "params": {"limit": 1000}}

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a body to a route of the server's own; return the JSON that comes back."""
        with self.translated():
            return self.api.post(f"{self.root}{path}", cast_to=object, body=dict(body))

    def get(self, path: str) -> Any:
        """Ask a route of the server's own; return the JSON that comes back."""
        with self.translated():
            return self.api.with_options(timeout=LISTING_S).get(f"{self.root}{path}", cast_to=object)

    def close(self) -> None:
        """Close the connections."""
        if "client" in self.__dict__:
            self.api.close()
