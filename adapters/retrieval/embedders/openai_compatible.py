"""Embedders at `/v1/embeddings` of an OpenAI-compatible server, named `SERVER/MODEL`."""

from __future__ import annotations

import functools
from dataclasses import replace

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.listing import all_models
from adapters.retrieval.embedder import Embedder
from adapters.retrieval.embedders.served import ServedEmbedder, sends_to, too_long
from engine.core.embedder import EmbedderFacts
from engine.core.errors import AdaptLabError, BrokenAnswerError, ContextOverflowError, unknown_name

BACKEND = "openai-compatible"


def at(server: str, url: str, model: str) -> EmbedderFacts:
    """Return what a server tells of one of its models.

    How long its vectors are is measured on this machine alone: elsewhere nothing is sent before that was agreed to. The
    server does not show the weights: the id tells address, name and size apart.

    Raises:
        UsageError: it has no such model.
        ServerError: it does not answer, or does not embed with this model.
    """
    client = Client(server, url)
    listed = {facts.name: facts for facts in all_models(client)}
    if model not in listed:
        raise unknown_name(f"model at '{server}'", model, listed)
    found = listed[model]
    facts = EmbedderFacts(
        id=f"{found.id}@{found.digest[:16]}",
        backend=BACKEND,
        path=found.path,
        size_bytes=found.size_bytes,
        licence=found.licence,
        server=client.url,
        sends_to=sends_to(client.url),
        price_ref=found.price_ref,
    )
    if facts.sends_to:
        return facts
    vector = open_embedder(facts).embed_one("dimensions").vector
    return replace(facts, dimensions=len(vector))


def open_embedder(facts: EmbedderFacts) -> Embedder:
    """Ask the server for the first time."""
    client = Client(facts.name.partition("/")[0], facts.server)
    return ServedEmbedder(facts, functools.partial(_asked, client, facts.path))


def _asked(client: Client, model: str, text: str) -> tuple[list[float], int]:
    try:
        with client.translated(model):
            reply = client.api.embeddings.create(model=model, input=text, encoding_format="float")
    except ContextOverflowError:
        raise
    except AdaptLabError as error:
        if too_long(error):
            raise ContextOverflowError(error.what, error.fix) from error
        raise
    try:
        return list(reply.data[0].embedding), int(reply.usage.prompt_tokens) if reply.usage else 0
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise BrokenAnswerError(
            f"The server at {client.host} sent something else than a vector.", "Check that it was started to embed."
        ) from error
