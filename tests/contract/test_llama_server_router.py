"""A llama-server that was started without a model goes by the name of the model in each request.

*Using multiple models* in tools/server/README.md of https://github.com/ggml-org/llama.cpp
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import LLAMA_SERVER
from adapters.models.openai_compatible.listing import list_models
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from tests.contract.test_language_model import ask
from tests.contract.test_llama_server_scoring import Routes
from tests.faulty_server import FaultyServer
from tests.helpers import complete

NAME = "base"
MISSING = {"error": {"code": 400, "message": "model name is missing from the request", "type": "invalid_request_error"}}


class Router:
    """Takes requests as the router does: with the name of a model, in the body or in the query."""

    def __init__(self, status: str) -> None:
        """Begin with one model in this state."""
        self.status = status
        self.routes = Routes()
        self.asked: list[str] = []

    def __call__(self, handler: Any, data: bytes) -> bool:
        """Answer a request, unless it is for the list."""
        path = urlsplit(handler.path)
        if path.path.endswith("/models"):
            return False
        body = json.loads(data) if data else {name: text for name, (text,) in parse_qs(path.query).items()}
        self.asked.append(path.path)
        if body.get("model") != NAME:
            handler.send(400, json.dumps(MISSING), "application/json")
            return True
        told = {
            "/props": {"build_info": "b7000-abc"},
            "/lora-adapters": [{"id": 0, "path": "tickets.gguf", "scale": 1}],
        }
        reply = self.routes(path.path, body) if data else told[path.path]
        handler.send(200, json.dumps(reply), "application/json")
        return True


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """Run a server on this machine."""
    one = FaultyServer()
    yield one
    one.close()


@pytest.mark.parametrize("status", ["unloaded", "loaded"])
def test_a_router_is_told_the_model_everywhere(server: FaultyServer, status: str) -> None:
    """Its model is loaded before the first answer, its version and weights are asked for by name, and labels scored."""
    router = Router(status)
    server.attack = router
    server.listed = [{"id": NAME, "object": "model", "owned_by": "llamacpp", "status": {"value": status}}]
    client = Client("box", server.url)
    (facts,) = list_models(client)
    model = OpenAICompatibleModel(facts, client, LLAMA_SERVER)
    model.load(slots=1, context_tokens=1024)
    assert (router.asked[0] == "/tokenize") is (status == "unloaded")
    assert model.answered_by == "llama-server b7000-abc"
    lora = model.served_lora()
    assert lora is not None
    assert lora.locator == "tickets"
    done = complete(model, ask("Which?", labels=("a", "b")))
    assert (done.text, set(done.probabilities)) == ("a", {"a", "b"})


def test_weights_that_cannot_be_asked_for_are_none(server: FaultyServer) -> None:
    """A server that refuses the question is used without weights."""
    refused = {"error": {"code": 400, "message": "not here"}}

    def refuse(handler: Any, data: bytes) -> bool:
        if data or handler.path.endswith("/models"):
            return False
        handler.send(400, json.dumps(refused), "application/json")
        return True

    server.attack = refuse
    server.listed = [{"id": NAME, "object": "model", "owned_by": "llamacpp"}]
    client = Client("box", server.url)
    (facts,) = list_models(client)
    model = OpenAICompatibleModel(facts, client, LLAMA_SERVER)
    model.load(slots=1, context_tokens=1024)
    assert model.answered_by == "llama-server"
