"""What embedders at servers have in common. Texts go to a server on this machine and to no other.

Each text is a request of its own: of texts that it reads side by side llama-server makes other vectors than of each
alone (SmolLM2, two slots: cosines down to 0.94). How much of a text is read, the server decides; one that it refuses as
too long is sent again without its second half.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np

from adapters.models.remote.address import is_local
from adapters.retrieval.embedder import BatchEmbedder, Embedded, Vectors, clean, unit
from engine.core.embedder import EmbedderFacts, TextRole
from engine.core.errors import AdaptLabError, BrokenAnswerError, ContextOverflowError, UsageError

NOTHING = "."
"""Sent for a text without content, which servers refuse."""
SHORTEST = 16
"""Characters below which a refused text is not cut further."""

Ask = Callable[[str], tuple[list[float], int]]
"""Sends a text; returns its vector, and how many tokens the server read."""


class ServedEmbedder(BatchEmbedder):
    """Embeds by asking a server. Servers write no prompts before texts, and do not tell what they cut."""

    def __init__(self, facts: EmbedderFacts, ask: Ask) -> None:
        """Ask by this function; the first question loads the model at the server."""
        super().__init__(facts)
        self._ask = ask
        self._size = 0
        self.embed_one("warm-up")

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:  # noqa: ARG002 - no prompts
        """Embed one text; its tokens are those that the server counted."""
        return self._encoded(clean(text))

    def _encode(self, texts: list[str], role: TextRole) -> Vectors:  # noqa: ARG002 - no prompts
        return np.stack([self._encoded(text).vector for text in texts])

    def _encoded(self, text: str) -> Embedded:
        text = text if text.strip() else NOTHING
        while True:
            try:
                found, tokens = self._ask(text)
            except ContextOverflowError:
                if len(text) < SHORTEST:
                    raise
                text = text[: len(text) // 2]
            else:
                return Embedded(vector=self._checked(found), tokens=tokens)

    def _checked(self, found: list[float]) -> Vectors:
        """Return what a server sent as a unit vector.

        Raises:
            BrokenAnswerError: it is not a vector, or not as long as those before.
        """
        try:
            vector = np.array(found, dtype=np.float32)
        except (TypeError, ValueError):
            vector = np.zeros(0, dtype=np.float32)
        changed = self._size not in {0, vector.size}
        if vector.ndim != 1 or not vector.any() or not np.isfinite(vector).all() or changed:
            raise BrokenAnswerError(
                f"The server at {host(self._facts)} sent something else than a vector.",
                f"Check that '{self._facts.path}' is an embedding model, and that the server was started to embed.",
            )
        self._size = vector.size
        return unit(vector)


def host(facts: EmbedderFacts) -> str:
    """Return host and port of an embedder's server."""
    return urlsplit(facts.server).netloc


def check_local(url: str) -> None:
    """Refuse a server on another machine.

    Raises:
        UsageError: rows would leave this machine.
    """
    if not is_local(url):
        raise UsageError(
            f"Rows would be sent to {urlsplit(url).netloc}, and embedders on other machines are not used.",
            "Name an embedder on this machine, or a server on it.",
        )


def too_long(error: AdaptLabError) -> bool:
    """Tell by a server's words whether it refused a text for its length."""
    words = f"{error.what} {error.fix}".casefold()
    return any(
        part in words for part in ("too large to process", "context size", "context length", "too long", "n_ctx")
    )
