"""One OpenAI-compatible server: its address, its key, and the client that speaks to it and to no other host."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing
from functools import cached_property
from typing import Any

from adapters.models.openai_compatible.faults import translated
from adapters.models.remote.address import checked_url, host_of, is_local
from adapters.models.remote.border import events, objects, read_value
from adapters.models.remote.bounds import LISTING_S, UNPACKED, bounding
from adapters.models.remote.keys import Key, key_for
from adapters.models.remote.reading import FIRST_ITEM_S, cancellable_call, quick_call
from adapters.models.remote.servers import FROM_ENVIRONMENT
from engine.core.errors import BrokenAnswerError
from engine.core.run.prediction import Usage

_ACCOUNT_HEADERS = ("OpenAI-Organization", "OpenAI-Project")
"""The client takes these from the environment; they concern the server that the environment names, and no other."""
_ANTHROPIC = "api.anthropic.com"
_ANTHROPIC_VERSION = "2023-06-01"
"""Of the form of its answers; its reference requires it (*Versions*)."""
_LONGEST_KIND = 40
CONNECT_S = 5.0
MOST_MODELS, LONGEST_ID = 5_000, 300
"""Of a list: the largest catalogues have some hundred models."""


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
    def key(self) -> Key:
        """The key, to be cut out of what the server sends."""
        return self._key

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
            event_hooks={"response": [bounding(self.host)]},
        )
        own = {} if self.name == FROM_ENVIRONMENT else dict.fromkeys(_ACCOUNT_HEADERS, openai.Omit())
        return openai.OpenAI(
            base_url=self.url,
            api_key=self._key.reveal() or "none",
            max_retries=0,
            timeout=openai.Timeout(FIRST_ITEM_S, connect=CONNECT_S),
            http_client=transport,
            default_headers={**UNPACKED, **own},
        )

    def translated(self, model: str = "") -> AbstractContextManager[None]:
        """Turn what the client raises into the engine's errors."""
        return translated(name=self.name, url=self.url, model=model, key=self._key)

    def models(self) -> list[dict[str, Any]]:
        """Return the server's model list, one dictionary each.

        Raises:
            ModelError: it cannot be fetched.
        """
        reply = self._quick(f"{self.url}/models", **self._listing_options())
        listed = reply.get("data") if isinstance(reply, Mapping) else None
        if not isinstance(listed, list):
            raise BrokenAnswerError(
                f"The server at {self.host} sent no list of models.", "Most addresses end in /v1: check yours."
            )
        if len(listed) > MOST_MODELS:
            raise BrokenAnswerError(
                f"The server at {self.host} lists {len(listed):,} models, more than {MOST_MODELS:,}.",
                "Check its address.",
            )
        named = [one for one in objects(listed) if isinstance(one.get("id"), str)]
        return [dict(one) for one in named if 0 < len(one["id"]) <= LONGEST_ID]

    def chat(self, body: Mapping[str, Any]) -> Iterator[Any]:
        """Send the body of a chat completion; yield the chunks that come back, or the whole answer as one.

        Raises:
            ModelError: what was sent back is none; see `engine.core.errors`.
        """
        import openai

        with self.translated(str(body["model"])):
            raw = self.api.chat.completions.with_raw_response.create(**body)
            with closing(raw.http_response) as response:
                kind = response.headers.get("content-type", "")
                if "json" not in kind and "event-stream" not in kind:
                    error = BrokenAnswerError(
                        f"The server at {self.host} sent '{self._key.redact(kind)[:_LONGEST_KIND]}' instead of JSON.",
                        "Check its address: most end in /v1.",
                    )
                    error.usage = Usage()  # no model has answered
                    raise error
                for data in events(response.iter_bytes()):
                    chunk = read_value(data, self._key, piece=True)
                    if isinstance(chunk, Mapping) and chunk.get("error"):
                        told = chunk["error"]
                        message = str(told.get("message") or "") if isinstance(told, Mapping) else str(told)
                        raise openai.APIError(message, request=response.request, body=told)
                    yield chunk

    def _quick(self, url: str, **options: Any) -> Any:
        """Return what an address of the server tells, which must not take long."""

        def ask() -> Any:
            with self.translated():
                api = self.api.with_options(timeout=LISTING_S)
                return read_value(api.get(url, cast_to=str, options=options), self._key)

        return quick_call(ask, server=self.host)

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
            return read_value(self.api.post(f"{self.root}{path}", cast_to=str, body=dict(body)), self._key)

    def embed(self, model: str, text: str, *, seconds: float) -> Any:
        """Have a text embedded in so many seconds; return what comes back."""

        def ask() -> Any:
            body = {"model": model, "input": text, "encoding_format": "float"}
            with self.translated(model):
                return read_value(self.api.post("/embeddings", cast_to=str, body=body), self._key)

        return cancellable_call(ask, cancel=None, server=self.host, until=time.monotonic() + seconds)

    def get(self, path: str, **query: str) -> Any:
        """Ask a route of the server's own; return the JSON that comes back."""
        return self._quick(f"{self.root}{path}", **({"params": query} if query else {}))

    def close(self) -> None:
        """Close the connections; new ones are opened when they are needed."""
        if "api" in self.__dict__:
            self.__dict__.pop("api").close()
