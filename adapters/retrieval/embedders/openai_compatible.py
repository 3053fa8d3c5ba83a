"""Embedders at `/v1/embeddings` of an OpenAI-compatible server, named `SERVER/MODEL`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.listing import all_models
from adapters.models.remote.border import count_of, objects
from adapters.models.remote.bounds import seconds_per_answer
from adapters.retrieval.embedder import Embedder
from adapters.retrieval.embedders.served import ServedEmbedder, sends_to, too_long
from engine.core.embedder import EmbedderFacts
from engine.core.errors import AdaptLabError, ContextOverflowError, unknown_name

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
        reply = client.embed(model, text, seconds=seconds_per_answer())
    except ContextOverflowError:
        raise
    except AdaptLabError as error:
        if too_long(error):
            raise ContextOverflowError(error.what, error.fix) from error
        raise
    told = reply if isinstance(reply, Mapping) else {}
    first = next(iter(objects(told.get("data"))), {})
    usage = told.get("usage")
    tokens = usage.get("prompt_tokens") if isinstance(usage, Mapping) else 0
    return first.get("embedding") or [], count_of(tokens)
