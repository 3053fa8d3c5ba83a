"""Checks and summaries name the version of a server that tells it."""

from typing import Any, cast

import pytest

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import GENERIC, LLAMA_SERVER, VLLM, Dialect
from adapters.models.openai_compatible.listing import version_of
from engine.core.errors import ServerError


class Told:
    """A client whose server answers one route."""

    def __init__(self, route: str, answer: Any) -> None:
        """Answer this route with this, and no other."""
        self.route, self.answer = route, answer

    def get(self, path: str, **query: str) -> Any:
        """Ask a route; llama-server is told of which model."""
        assert query == ({"model": "small"} if path == "/props" else {})
        if path != self.route:
            raise ServerError("No such route.", "Ask another.")
        return self.answer


@pytest.mark.parametrize(
    ("dialect", "route", "answer", "version"),
    [
        (VLLM, "/version", {"version": "0.32.0"}, "0.32.0"),
        (LLAMA_SERVER, "/props", {"build_info": "b6900-1a2b3c4"}, "b6900-1a2b3c4"),
        (LLAMA_SERVER, "/props", {"build_info": "b0-unknown"}, ""),
        (VLLM, "/nothing", {}, ""),
        (VLLM, "/version", ["0.32.0"], ""),
        (VLLM, "/version", {"version": 32}, ""),
        (GENERIC, "/version", {"version": "1"}, ""),
    ],
)
def test_a_version_is_read_where_a_server_tells_it(dialect: Dialect, route: str, answer: Any, version: str) -> None:
    """What a server does not tell, or tells in another form, is left out and stops nothing."""
    assert version_of(cast("Client", Told(route, answer)), dialect, "small") == version
