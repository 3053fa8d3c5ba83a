"""What embedders at servers have in common. That a server elsewhere may be sent texts is agreed to before a run.

Each text is a request of its own: of texts that it reads side by side llama-server makes other vectors than of each
alone (SmolLM2, two slots: cosines down to 0.94). How much of a text is read, the server decides; one that it refuses as
too long is sent again without its second half.
"""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from adapters.models.remote.address import host_of, is_local
from adapters.models.remote.reading import with_retries
from adapters.retrieval.embedder import NOTHING_SENT, BatchEmbedder, Embedded, Sent, Vectors, clean, unit
from engine.core.embedder import EmbedderFacts, TextRole
from engine.core.errors import AdaptLabError, BrokenAnswerError, ContextOverflowError

NOTHING = "."
"""Sent for a text without content, which servers refuse."""
SHORTEST = 16
"""Characters below which a refused text is not cut further."""

AT_ONCE = 4
"""Texts that are under way to a server on another machine, where most of the time is the way."""

Ask = Callable[[str], tuple[list[float], int]]
"""Sends a text; returns its vector, and how many tokens the server read: 0 where it does not tell."""


class ServedEmbedder(BatchEmbedder):
    """Embeds by asking a server. Servers write no prompts before texts, and do not tell what they cut."""

    def __init__(self, facts: EmbedderFacts, ask: Ask) -> None:
        """Ask by this function; the first question loads the model at a server on this machine."""
        super().__init__(facts)
        self._ask = ask
        self._sent, self._lock, self._jitter = NOTHING_SENT, threading.Lock(), random.Random()
        self._size = 0
        if not facts.sends_to:
            self.embed_one("warm-up")

    @property
    def sent(self) -> Sent:
        """What it has sent to another machine so far."""
        return self._sent

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:  # noqa: ARG002 - no prompts
        """Embed one text; its tokens are those that the server counted."""
        return self._encoded(clean(text))

    def _encode(self, texts: list[str], role: TextRole) -> Vectors:  # noqa: ARG002 - no prompts
        if not self.facts.sends_to:
            return np.stack([self._encoded(text).vector for text in texts])
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="embedding elsewhere") as pool:
            return np.stack([one.vector for one in pool.map(self._encoded, texts)])

    def _encoded(self, text: str) -> Embedded:
        text = text if text.strip() else NOTHING
        while True:
            try:
                found, tokens = with_retries(functools.partial(self._ask, text), cancel=None, jitter=self._jitter)
            except ContextOverflowError:
                if len(text) < SHORTEST:
                    raise
                text = text[: len(text) // 2]
            else:
                self._count(text, tokens)
                return Embedded(vector=self._checked(found), tokens=tokens)

    def _count(self, text: str, told: int) -> None:
        """Count what another machine has read; of tokens that it does not tell, the most that they can be."""
        if not self.facts.sends_to:
            return
        most = len(text.encode())
        guessed = 0 if told > 0 else most
        with self._lock:
            before = self._sent
            self._sent = Sent(tokens=before.tokens + (told if told > 0 else most), estimated=before.estimated + guessed)

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
                f"The server at {host_of(self.facts.server)} sent something other than a vector.",
                f"Check that '{self.facts.path}' is an embedding model, and that the server was started to embed.",
            )
        self._size = vector.size
        return unit(vector)


def sends_to(url: str) -> str:
    """Return the host that texts are sent to; empty for a server on this machine."""
    return "" if is_local(url) else host_of(url)


def too_long(error: AdaptLabError) -> bool:
    """Tell by a server's words whether it refused a text for its length."""
    words = f"{error.what} {error.fix}".casefold()
    return any(
        part in words for part in ("too large to process", "context size", "context length", "too long", "n_ctx")
    )
