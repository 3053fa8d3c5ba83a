"""Which embedders there are on this machine, and opening one. Nothing is loaded to list them.

To add one: a file beside this one with what is known of it and a class that does what
`adapters.retrieval.embedder.Embedder` says, and its line in `_FOUND` and `_OPENED` here.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from adapters.retrieval.embedder import Embedder
from adapters.retrieval.embedders import bundled, folders, gguf, multilingual_e5, ollama, openai_compatible
from engine.core.embedder import EmbedderFacts
from engine.core.errors import ModelFileError, UsageError


def _packages() -> Iterator[EmbedderFacts]:
    yield bundled.facts()
    if (multilingual := multilingual_e5.found()) is not None:
        yield multilingual


_FOUND: tuple[Callable[[], Iterator[EmbedderFacts]], ...] = (_packages, folders.found, gguf.found)
"""Where embedders are looked for, in the order in which they are listed: the app's own come first."""
_OPENED: Mapping[str, Callable[[EmbedderFacts], Embedder]] = {
    bundled.BACKEND: bundled.open_embedder,
    multilingual_e5.BACKEND: multilingual_e5.MultilingualE5,
    gguf.BACKEND: gguf.GgufEmbedder,
    ollama.BACKEND: ollama.open_embedder,
    openai_compatible.BACKEND: openai_compatible.open_embedder,
}
_FACTS = TypeAdapter(EmbedderFacts)


def named_by_user(name: str, servers: Mapping[str, str]) -> EmbedderFacts:
    """Return the embedder at a path, of Ollama (`ollama/MODEL`), or of a server of the user's (`SERVER/MODEL`).

    Args:
        name: as the user wrote it.
        servers: addresses by name.

    Raises:
        UsageError: there is none, or it is not used for what it would do.
        ServerError: the server does not answer, or does not embed.
    """
    prefix, _, model = name.partition("/")
    if prefix == ollama.BACKEND and model:
        return ollama.at(model)
    if prefix in servers and model:
        return openai_compatible.at(prefix, servers[prefix], model)
    return _at_path(name)


def _at_path(name: str) -> EmbedderFacts:
    return gguf.at(name) if name.lower().endswith(".gguf") else folders.at(name)


def found_embedders(named: Sequence[EmbedderFacts] = ()) -> list[EmbedderFacts]:
    """List the embedders of this machine; of two with one id the first.

    Args:
        named: those that the user has named before. Folders that are gone, or are none any more, are left out; a server
            is not asked.
    """
    listed: dict[str, EmbedderFacts] = {}
    for facts in itertools.chain(*(source() for source in _FOUND), _still_there(named)):
        listed.setdefault(facts.id, facts)
    return list(listed.values())


def _still_there(named: Sequence[EmbedderFacts]) -> Iterator[EmbedderFacts]:
    for facts in named:
        with contextlib.suppress(UsageError, ModelFileError):
            yield facts if facts.server else _at_path(facts.path)


def open_embedder(facts: EmbedderFacts) -> Embedder:
    """Load an embedder. Only in the worker: most take seconds and hundreds of megabytes."""
    return _OPENED[facts.backend](facts)


def as_message(facts: EmbedderFacts) -> dict[str, Any]:
    """Return what is known of an embedder as it travels to the worker."""
    message: dict[str, Any] = _FACTS.dump_python(facts, mode="json")
    return message


def from_message(message: Mapping[str, Any]) -> EmbedderFacts:
    """Read what `as_message` wrote."""
    return _FACTS.validate_python(message)
