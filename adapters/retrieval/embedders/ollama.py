"""Embedders of an Ollama server, named `ollama/MODEL`: its `/api/embed`."""

from __future__ import annotations

import functools

from adapters.models.ollama.server import DEFAULT_URL, OllamaServer, address_from_environment, architecture_fact
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
    tags = {str(tag.model or "").removesuffix(":latest"): tag for tag in server.tags()}
    wanted = model.removesuffix(":latest")
    if wanted not in tags:
        raise unknown_name("model at 'ollama'", model, tags)
    name = str(tags[wanted].model)
    told = server.show(name)
    if "embedding" not in (told.capabilities or []):
        raise UsageError(f"'{wanted}' is not an embedding model.", "Choose one that 'ollama show' calls embedding.")
    info = dict(told.modelinfo or {})
    digest = str(tags[wanted].digest or "").removeprefix("sha256:")
    return EmbedderFacts(
        id=f"{BACKEND}/{wanted}@{digest[:16]}",
        backend=BACKEND,
        path=name,
        dimensions=architecture_fact(info, "embedding_length"),
        longest_tokens=architecture_fact(info, "context_length"),
        size_bytes=int(tags[wanted].size or 0),
        licence=str(told.license or "").strip().split("\n", 1)[0][:60],
        server=server.url,
        sends_to=server.remote_hosts().get(name) or sends_to(server.url),
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
    with server.translated(model):
        reply = server.client.embed(model=model, input=text[:longest], truncate=True)
    return list(reply.embeddings[0]) if reply.embeddings else [], int(reply.prompt_eval_count or 0)
