"""What every embedder does, and what all of them share. Light: the adapters in `embedders` load what they need."""

from __future__ import annotations

import functools
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.core.embedder import EmbedderFacts, TextRole
from engine.core.steps import check_cancelled, seconds_left

BATCH_ROWS = 32
LONGEST_CHARACTERS = 20_000
"""Text beyond this length is not read: it would change no vector of an embedder that reads 256 tokens, and only cost
time."""

Vectors = npt.NDArray[np.float32]
Report = Callable[[float, float | None], None]
"""Receives the share that is done (0 to 1) and the estimated seconds left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """One text as a unit vector, and how many tokens of it the embedder read."""

    vector: Vectors
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """Tokens that another machine has read."""

    tokens: int = 0
    estimated: int = 0
    """Those of them that its server did not tell."""

    def since(self, before: Sent) -> Sent:
        """Return what came after `before`."""
        return Sent(tokens=self.tokens - before.tokens, estimated=self.estimated - before.estimated)

    def told(self) -> dict[str, Any]:
        """Return it as it is told of one answer."""
        return {"embedding_tokens": self.tokens, "tokens_estimated": self.estimated > 0}


NOTHING_SENT = Sent()


class Embedder(Protocol):
    """Turns texts into unit vectors; the dot product of two is their cosine similarity."""

    @property
    def facts(self) -> EmbedderFacts:
        """What is known of it."""
        ...

    @property
    def id(self) -> str:
        """Name and version or digest: vectors of different ids must not be compared."""
        ...

    @property
    def sent(self) -> Sent:
        """What it has sent to another machine so far."""
        ...

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:
        """Embed one text, in the fastest way."""
        ...

    def embed(
        self,
        texts: Sequence[str],
        role: TextRole = TextRole.QUERY,
        *,
        report: Report | None = None,
        cancel: threading.Event | None = None,
    ) -> Vectors:
        """Embed many texts; return shape (texts, dimensions). Equal texts get equal vectors.

        Raises:
            CancelledError: `cancel` was set between two batches.
        """
        ...

    def count_cut(self, texts: Sequence[str], role: TextRole = TextRole.PASSAGE) -> int:
        """Count the texts that are longer than what the embedder reads."""
        ...


class BatchEmbedder(ABC):
    """Fulfils `Embedder` for what embeds a batch of texts."""

    def __init__(self, facts: EmbedderFacts) -> None:
        """Take what is known of it."""
        self.facts = facts

    @property
    def id(self) -> str:
        """Name and version or digest."""
        return self.facts.id

    @property
    def sent(self) -> Sent:
        """What it has sent to another machine so far: nothing, where it computes here."""
        return NOTHING_SENT

    @abstractmethod
    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:
        """Embed one text, in the fastest way."""

    @abstractmethod
    def _encode(self, texts: list[str], role: TextRole) -> Vectors:
        """Return the unit vectors of cleaned texts, shape (texts, dimensions)."""

    def embed(
        self,
        texts: Sequence[str],
        role: TextRole = TextRole.QUERY,
        *,
        report: Report | None = None,
        cancel: threading.Event | None = None,
    ) -> Vectors:
        """Embed many texts, in batches of similar length; return shape (texts, dimensions).

        A text that occurs several times is embedded once: the last digit of a vector depends on its place in the batch,
        and equal texts must get equal vectors.

        Raises:
            CancelledError: `cancel` was set between two batches.
        """
        places: dict[str, int] = {}
        row_places = [places.setdefault(clean(text), len(places)) for text in texts]
        cleaned = list(places)
        # The longest first: memory peaks at once, and the time left shrinks faster than estimated, never slower.
        order = sorted(range(len(cleaned)), key=lambda row: -len(cleaned[row]))
        vectors = np.zeros((len(cleaned), self._dimensions), dtype=np.float32)
        total = sum(len(text) + 1 for text in cleaned)
        done = 0
        started = time.monotonic()
        for first in range(0, len(order), BATCH_ROWS):
            check_cancelled(cancel, "Embedding was stopped.", "Nothing was kept.")
            rows = order[first : first + BATCH_ROWS]
            vectors[rows] = self._encode([cleaned[row] for row in rows], role)
            done += sum(len(cleaned[row]) + 1 for row in rows)
            if report is not None:
                report(done / total, seconds_left(time.monotonic() - started, done, total))
        return vectors[row_places]

    def count_cut(self, texts: Sequence[str], role: TextRole = TextRole.PASSAGE) -> int:  # noqa: ARG002
        """Return 0: nothing is cut, or it is not told."""
        return 0

    @functools.cached_property
    def _dimensions(self) -> int:
        return int(self.embed_one("dimensions").vector.shape[0])


def sent_by(embedder: Embedder | None) -> Sent:
    """Return what an embedder has sent to another machine so far; nothing without one."""
    return NOTHING_SENT if embedder is None else embedder.sent


def clean(text: str) -> str:
    """Make any text safe for native code: no lone surrogates, no NUL, and a bounded length."""
    cut = text[:LONGEST_CHARACTERS].replace("\0", " ")
    return cut.encode("utf-8", "replace").decode("utf-8")


def unit(vectors: Vectors) -> Vectors:
    """Scale vectors, the last axis, to length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
