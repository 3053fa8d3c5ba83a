"""Embedders of an Ollama server, named `ollama/MODEL`: its `/api/embed`."""

from __future__ import annotations

import functools
import time

from adapters.models.ollama.server import DEFAULT_URL, OllamaServer, address_from_environment, architecture_fact
from adapters.models.ollama.told import plain_name
from adapters.models.remote.border import count_of
from adapters.models.remote.bounds import seconds_per_answer
from adapters.models.remote.reading import cancellable_call
from adapters.retrieval.embedder import LONGEST_CHARACTERS, Embedder
from adapters.retrieval.embedders.served import ServedEmbedder, sends_to
from engine.core.embedder import EmbedderFacts
from engine.core.errors import UsageError, unknown_name

BACKEND = "ollama"

MOST_CHARACTERS_PER_TOKEN = 8
"""A text of more characters for each token that the model reads is not read to its end. So the rest is not sent: Ollama
0.17.4 takes 2 s to tokenize a word of 4,000 letters, and minutes for one of 20,000."""


def at(model: str) -> EmbedderFacts:
    """Return what the server tells of one of its models.

    Raises:
        UsageError: it has no such model, or one that does not embed.
        ServerError: it does not answer.
    """
    server = OllamaServer(address_from_environment() or DEFAULT_URL)
    server.check_version()
    tags = {plain_name(tag.name): tag for tag in server.tags()}
    wanted = plain_name(model)
    if wanted not in tags:
        raise unknown_name("model at 'ollama'", model, tags)
    name = tags[wanted].name
    told = server.show(name)
    if "embedding" not in told.capabilities:
        raise UsageError(f"'{wanted}' is not an embedding model.", "Choose one that 'ollama show' calls embedding.")
    return EmbedderFacts(
        id=f"{BACKEND}/{wanted}@{tags[wanted].digest[:16]}",
        backend=BACKEND,
        path=name,
        dimensions=architecture_fact(told.info, "embedding_length"),
        longest_tokens=architecture_fact(told.info, "context_length"),
        size_bytes=tags[wanted].size_bytes,
        licence=told.licence,
        server=server.url,
        sends_to=tags[wanted].forwards_to or sends_to(server.url),
    )


def open_embedder(facts: EmbedderFacts) -> Embedder:
    """Have the server load it.

    Raises:
        UsageError: the server has another version of it now.
    """
    now = at(facts.path)
    if now.id != facts.id:
        raise UsageError(f"Ollama's '{facts.path}' has changed since it was chosen.", "Start a new run.")
    longest = facts.longest_tokens * MOST_CHARACTERS_PER_TOKEN or LONGEST_CHARACTERS
    return ServedEmbedder(facts, functools.partial(_asked, OllamaServer(facts.server), facts.path, longest))


def _asked(server: OllamaServer, model: str, longest: int, text: str) -> tuple[list[float], int]:
    body = {"model": model, "input": text[:longest], "truncate": True}

    def ask() -> tuple[list[float], int]:
        with server.translated(model):
            (reply,) = server.lines("/api/embed", body)
            found = reply.get("embeddings")
            vector = found[0] if isinstance(found, list) and found else []
            return vector, count_of(reply.get("prompt_eval_count"))

    return cancellable_call(ask, cancel=None, server=server.host, until=time.monotonic() + seconds_per_answer())
